package scan

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// trust says whether clients can follow the chain to a root, and to which. When
// the leaf counts is told by validity alone, so here it always does. Weak
// signatures are told by themselves. Proven: each certificate was seen to have
// issued the one before it.
func (s *Scanner) trust(chain []*x509.Certificate, now time.Time, weak bool) (out []cert.Finding, root *x509.Certificate, proven bool) {
	leaf := *chain[0]
	leaf.NotBefore, leaf.NotAfter = now, now.Add(time.Second)
	if root := s.vouched.root(chain, &leaf, now); root != nil {
		return nil, root, true
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	ways, err := leaf.Verify(x509.VerifyOptions{Roots: s.Roots, Intermediates: between, CurrentTime: now})
	if err == nil {
		way := ways[0]
		root = way[len(way)-1]
		if way[0] = chain[0]; inOrder(chain, way) {
			s.vouched.remember(chain, way)
			return nil, root, true
		}
		return disorder(chain), root, false
	}
	if isSelfSigned(&leaf) {
		return found(cert.SelfSigned, "self-signed"), nil, false
	}
	ordered := disorder(chain)
	told := len(ordered) > 0 || len(validity(chain[1:], now)) > 0
	return append(untrusted(chain, err, told, weak), ordered...), nil, false
}

// untrusted says why there is no way to a root; nothing if that was told.
func untrusted(chain []*x509.Certificate, err error, told, weak bool) []cert.Finding {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var roots x509.SystemRootsError
	expired := errors.As(err, &invalid) && invalid.Reason == x509.Expired
	switch {
	case expired && !told:
		return found(cert.RootExpired, "chain leads to an expired root")
	case errors.As(err, &unknown) && !told && !weak:
		return unknownRoot(chain)
	case expired, errors.As(err, &unknown):
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return found(cert.WrongUsage, "not issued for servers (extended key usage)")
	case errors.As(err, &roots):
		return found(cert.NoRoots, "chain not judged: this machine has no trusted roots")
	}
	return found(cert.ChainInvalid, "chain does not verify: %s", clean(strings.TrimPrefix(err.Error(), "x509: ")))
}

// disorder names the first certificate that did not issue the one before it.
func disorder(chain []*x509.Certificate) []cert.Finding {
	for i := 1; i < len(chain); i++ {
		if !issued(chain[i], chain[i-1]) {
			return found(cert.ChainDisorder, "chain out of order: certificate %d (%s) did not issue certificate %d", i+1, subject(chain[i]), i)
		}
	}
	return nil
}

func unknownRoot(chain []*x509.Certificate) []cert.Finding {
	last := chain[len(chain)-1]
	if isSelfSigned(last) {
		return found(cert.UntrustedRoot, "chain ends in %q, which is not among the trusted roots", subject(last))
	}
	issuer := last.Issuer.CommonName
	if issuer == "" {
		issuer = last.Issuer.String()
	}
	return found(cert.ChainIncomplete, "chain incomplete: the certificate of its issuer %q was not sent and is not among the trusted roots", clean(issuer))
}

func issued(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) {
		return false
	}
	var weak x509.InsecureAlgorithmError // SHA-1: cannot be checked, and is told
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	return err == nil || errors.As(err, &weak)
}

func isSelfSigned(c *x509.Certificate) bool { return issued(c, c) }

// sameName is what tells a root without its signature: that may be too old to check.
func sameName(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

func subject(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return clean(c.Subject.CommonName)
	}
	return clean(c.Subject.String())
}
