package scan

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Taste is what an organisation does not want, although clients would take it.
type Taste struct {
	Unwanted   []string // pieces of names of CAs, whatever their case
	NoWildcard bool
}

// judge looks at the leaf and at every CA on its way to the root, which may be nil.
func (t Taste) judge(chain []*x509.Certificate, root *x509.Certificate) (out []cert.Finding) {
	if t.NoWildcard {
		for _, n := range chain[0].DNSNames {
			if strings.HasPrefix(n, "*.") {
				out = append(out, found(cert.WildcardUnwanted, "covers %s, and wildcards are not wanted", clean(n))...)
				break
			}
		}
	}
	if len(t.Unwanted) == 0 || sameName(chain[0]) {
		return out
	}
	var by []string
	for _, c := range chain {
		by = append(by, c.Issuer.String())
	}
	if root != nil {
		by = append(by, root.Subject.String())
	}
	for _, u := range t.Unwanted {
		for _, name := range by {
			if u != "" && strings.Contains(strings.ToLower(name), strings.ToLower(u)) {
				what := fmt.Sprintf("issued under %q, and CAs like %q are not wanted", clean(name), clean(u))
				return append(out, cert.Find(cert.UnwantedCA, what))
			}
		}
	}
	return out
}
