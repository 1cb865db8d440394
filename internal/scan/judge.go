package scan

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Judge says what is wrong with a chain, leaf first, as a server sends it or a
// file holds it. Names are what the leaf has to cover; none means that nobody
// said. It asks nobody but the roots.
func (s *Scanner) Judge(chain []*x509.Certificate, names []string) []cert.Finding {
	out, _ := s.judge(chain, names)
	return out
}

// judge tells as well how many certificates are proven to be linked to the leaf.
func (s *Scanner) judge(chain []*x509.Certificate, names []string) (out []cert.Finding, linked func() int) {
	now, leaf := s.now(), chain[0]
	out = validity(chain, now)
	if missing := cert.Covers(cert.VersionOf(leaf).Names, names); len(missing) > 0 {
		out = append(out, found(cert.NameMismatch, "does not cover %s", clean(strings.Join(missing, ", ")))...)
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 && leaf.Subject.CommonName != "" && !leaf.IsCA {
		out = append(out, found(cert.CommonNameOnly, "names the server only in its common name, which clients ignore")...)
	}
	weak := weakness(chain)
	trust, root, proven := s.trust(chain, now, len(weak) > 0)
	out = append(append(out, trust...), weak...)
	if root != nil {
		out = append(out, s.lifetime(leaf, root)...)
	}
	out = append(out, s.Taste.judge(chain, root)...)
	if s.Further != nil {
		out = append(out, s.Further(toRoot(chain, root))...)
	}
	if proven {
		linked = func() int { return beforeRoot(chain) }
	} else {
		linked = func() int { return cert.Linked(chain) }
	}
	return append(out, remarks(chain, now, root != nil)...), linked
}

// toRoot is the chain with its root, where that is known and was not sent.
func toRoot(chain []*x509.Certificate, root *x509.Certificate) []*x509.Certificate {
	if root == nil || slices.ContainsFunc(chain, root.Equal) {
		return chain
	}
	return append(slices.Clone(chain), root)
}

// beforeRoot counts the certificates after the leaf that are no root.
func beforeRoot(chain []*x509.Certificate) int {
	if i := slices.IndexFunc(chain[1:], sameName); i >= 0 {
		return i
	}
	return len(chain) - 1
}

func found(code cert.FindingCode, format string, args ...any) []cert.Finding {
	return []cert.Finding{cert.Find(code, fmt.Sprintf(format, args...))}
}

// called names a certificate of the chain; the leaf has no name but "it".
func called(chain []*x509.Certificate, i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("certificate %d of the chain (%s) ", i+1, subject(chain[i]))
}

func validity(chain []*x509.Certificate, now time.Time) (out []cert.Finding) {
	for i, c := range chain {
		early, late := cert.NotYetValid, cert.Expired
		if i > 0 {
			early, late = cert.IssuerNotYetValid, cert.IssuerExpired
		}
		switch {
		case now.Before(c.NotBefore):
			out = append(out, found(early, "%snot yet valid: valid from %s", called(chain, i), c.NotBefore.UTC().Format(time.RFC3339))...)
		case !now.Before(c.NotAfter):
			out = append(out, found(late, "%sexpired at %s", called(chain, i), c.NotAfter.UTC().Format(time.RFC3339))...)
		}
	}
	return out
}

// weakness names keys that are too small and signatures that can be forged. The
// signature of a root counts for nothing.
func weakness(chain []*x509.Certificate) (out []cert.Finding) {
	for i, c := range chain {
		if smallKey(c) {
			out = append(out, found(cert.WeakKey, "%shas a key of %s", called(chain, i), cert.KeyAlgorithmOf(c))...)
		}
		if forgeable(c.SignatureAlgorithm) && !sameName(c) {
			out = append(out, found(cert.WeakSignature, "%sis signed with %s", called(chain, i), c.SignatureAlgorithm)...)
		}
	}
	return out
}

func smallKey(c *x509.Certificate) bool {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() < 2048
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize < 256
	case ed25519.PublicKey:
		return false
	}
	return true
}

func forgeable(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{
		x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1,
	}, a)
}

// spare is by how much an intermediate may end before the leaf without being
// worth a word.
const spare = 24 * time.Hour

// remarks are about chains that may well be trusted.
func remarks(chain []*x509.Certificate, now time.Time, trusted bool) (out []cert.Finding) {
	leaf := chain[0]
	if leaf.IsCA && !sameName(leaf) {
		what := fmt.Sprintf("the first certificate (%s) is a CA's", subject(leaf))
		if i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return !c.IsCA }); i > 0 {
			what += fmt.Sprintf("; the server's own is certificate %d (%s)", i+1, subject(chain[i]))
		}
		out = append(out, cert.Find(cert.IsCA, what))
	}
	for i, c := range chain[1:] {
		if now.Before(c.NotAfter) && c.NotAfter.Add(spare).Before(leaf.NotAfter) && !sameName(c) {
			out = append(out, found(cert.IssuerEndsFirst, "%sends first, at %s", called(chain, i+1), c.NotAfter.UTC().Format(time.RFC3339))...)
		}
	}
	if n := len(chain); trusted && n > 1 && sameName(chain[n-1]) {
		out = append(out, found(cert.RootSent, "%sis a root", called(chain, n-1))...)
	}
	return out
}
