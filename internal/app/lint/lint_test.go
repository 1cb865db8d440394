package lint_test

import (
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/app/lint"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

func TestZlintFindsWhatBreaksTheRules(t *testing.T) {
	a := scantest.NewAuthority(t)
	leaf := a.Leaf(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(7) }, "www.example.com")
	l, err := lint.New()
	if err != nil {
		t.Fatal(err)
	}
	private := l.Leaf(leaf.Cert, false)
	other, err := lint.New()
	if err != nil {
		t.Fatal(err)
	}
	public := other.Leaf(leaf.Cert, true)
	const policy = "e_sub_cert_cert_policy_empty" // the CA/Browser Forum asks for it, RFC 5280 does not
	told := func(all []cert.Finding) bool {
		return slices.ContainsFunc(all, func(f cert.Finding) bool { return f.Code == cert.LintError && strings.HasPrefix(f.What, policy+": ") })
	}
	if !told(public) || told(private) {
		t.Errorf("public %+v\nprivate %+v", public, private)
	}
	if again := other.Leaf(leaf.Cert, true); !slices.Equal(again, public) {
		t.Errorf("the second time: %+v", again)
	}
	for _, f := range append(public, private...) {
		if f.Code != cert.LintError && f.Code != cert.LintWarning || f.Why == "" || f.Remedy == "" {
			t.Errorf("%+v", f)
		}
	}
}
