package cert_test

import (
	"crypto/x509"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

func TestOnlyWhatFollowsInOrderIsCounted(t *testing.T) {
	a, other := scantest.NewAuthority(t), scantest.NewAuthority(t)
	leaf := a.Leaf(t, nil, "shop.test").Cert
	inter, root := a.Intermediate.Cert, a.Root.Cert
	for name, c := range map[string]struct {
		chain []*x509.Certificate
		want  int
	}{
		"nothing":                  {nil, 0},
		"the leaf alone":           {[]*x509.Certificate{leaf}, 0},
		"whole":                    {[]*x509.Certificate{leaf, inter}, 1},
		"with the root":            {[]*x509.Certificate{leaf, inter, root}, 1},
		"the root first":           {[]*x509.Certificate{leaf, root, inter}, 0},
		"of the same name":         {[]*x509.Certificate{leaf, other.Intermediate.Cert}, 0},
		"the leaf twice":           {[]*x509.Certificate{leaf, leaf, inter}, 0},
		"something behind a whole": {[]*x509.Certificate{leaf, inter, other.Intermediate.Cert}, 1},
	} {
		if got := cert.Linked(c.chain); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
