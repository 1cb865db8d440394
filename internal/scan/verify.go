package scan

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// What a server sends ends in a workflow's history, so it is bounded: the text
// of the names that are kept, and the number of problems.
const (
	maxNames    = 32 << 10
	maxProblems = 10
)

func (s *Scanner) observation(e cert.Endpoint, addr netip.AddrPort, names []string, seen sight) cert.Observation {
	if len(seen.chain) == 0 {
		return s.unseen(e, addr.String(), explain(seen))
	}
	v := cert.VersionOf(seen.chain[0])
	missing := cert.Covers(v.Names, names)
	o := cert.Observation{Endpoint: e, Address: addr.String(), At: s.now(), Version: v}
	o.Problems = append(o.Problems, validity(seen.chain, o.At)...)
	if len(missing) > 0 {
		o.Problems = append(o.Problems, "does not cover "+clean(strings.Join(missing, ", ")))
	}
	if leaf := seen.chain[0]; len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 && leaf.Subject.CommonName != "" {
		o.Problems = append(o.Problems, "names the server only in its common name, which clients ignore")
	}
	o.Problems = append(o.Problems, s.trust(seen.chain, o.At)...)
	if p := unfinished(seen); p != "" {
		o.Problems = append(o.Problems, p)
	}
	o.Version.Issuer, o.Version.Serial = clean(v.Issuer), clean(v.Serial)
	o.Version.Names = bounded(v.Names)
	if kept := len(o.Version.Names); kept < len(v.Names) {
		o.Problems = append(o.Problems, fmt.Sprintf("lists %d names; the first %d are shown", len(v.Names), kept))
	}
	if more := len(o.Problems) - maxProblems; more > 0 {
		o.Problems = append(o.Problems[:maxProblems], fmt.Sprintf("and %d problems more", more))
	}
	return o
}

// bounded gives as many cleaned names as maxNames allows.
func bounded(names []string) []string {
	out, size := make([]string, 0, len(names)), 0
	for _, n := range names {
		n = clean(n)
		if size += len(n); size > maxNames {
			break
		}
		out = append(out, n)
	}
	return out
}

func validity(chain []*x509.Certificate, now time.Time) (problems []string) {
	for i, c := range chain {
		what := ""
		if i > 0 {
			what = fmt.Sprintf("certificate %d of the chain (%s) ", i+1, subject(c))
		}
		switch {
		case now.Before(c.NotBefore):
			problems = append(problems, what+"not yet valid: valid from "+c.NotBefore.UTC().Format(time.RFC3339))
		case !now.Before(c.NotAfter):
			problems = append(problems, what+"expired at "+c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return problems
}

// trust says whether clients can follow the chain to a root. When the leaf
// counts is told by validity alone, so here it always does.
func (s *Scanner) trust(chain []*x509.Certificate, now time.Time) (problems []string) {
	leaf := *chain[0]
	leaf.NotBefore, leaf.NotAfter = now, now.Add(time.Second)
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	ordered := disorder(chain)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: s.Roots, Intermediates: between, CurrentTime: now})
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var roots x509.SystemRootsError
	expired := errors.As(err, &invalid) && invalid.Reason == x509.Expired
	switch {
	case err == nil:
	case isSelfSigned(&leaf):
		return []string{"self-signed"}
	case expired, errors.As(err, &unknown):
		switch {
		case ordered != "", len(validity(chain[1:], now)) > 0: // told already
		case expired:
			problems = append(problems, "chain leads to an expired root")
		default:
			problems = append(problems, unknownRoot(chain))
		}
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		problems = append(problems, "not issued for servers (extended key usage)")
	case errors.As(err, &roots):
		problems = append(problems, "chain not judged: this machine has no trusted roots")
	default:
		problems = append(problems, "chain does not verify: "+clean(strings.TrimPrefix(err.Error(), "x509: ")))
	}
	if ordered != "" {
		problems = append(problems, ordered)
	}
	return problems
}

// disorder names the first certificate that did not issue the one before it.
func disorder(chain []*x509.Certificate) string {
	for i := 1; i < len(chain); i++ {
		if !issued(chain[i], chain[i-1]) {
			return fmt.Sprintf("chain out of order: certificate %d (%s) did not issue certificate %d", i+1, subject(chain[i]), i)
		}
	}
	return ""
}

func unknownRoot(chain []*x509.Certificate) string {
	last := chain[len(chain)-1]
	if isSelfSigned(last) {
		return fmt.Sprintf("chain ends in %q, which is not among the trusted roots", subject(last))
	}
	issuer := last.Issuer.CommonName
	if issuer == "" {
		issuer = last.Issuer.String()
	}
	return fmt.Sprintf("chain incomplete: the certificate of its issuer %q was not sent and is not among the trusted roots", clean(issuer))
}

func issued(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) {
		return false
	}
	var weak x509.InsecureAlgorithmError // SHA-1: cannot be checked, and Verify tells
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	return err == nil || errors.As(err, &weak)
}

func isSelfSigned(c *x509.Certificate) bool { return issued(c, c) }

func subject(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return clean(c.Subject.CommonName)
	}
	return clean(c.Subject.String())
}

// unfinished says how a handshake failed after the certificate was read. A
// server that wants a client certificate may refuse us; that is its right.
func unfinished(seen sight) string {
	switch {
	case seen.err == nil, seen.mutual:
		return ""
	case strings.Contains(seen.err.Error(), "invalid signature by the server certificate"):
		return "the server does not hold the certificate's private key"
	case isTimeout(seen.err):
		return "the handshake was not finished in time"
	}
	return "the handshake failed after the certificate was read: " + plain(seen.err)
}
