package scan

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// What a server sends ends in a workflow's history, so it is bounded: the text
// of the names that are kept, and the number of problems.
const (
	maxNames    = 32 << 10
	maxProblems = 10
)

// Seen is what one address showed, with the chain and what is wrong with it.
type Seen struct {
	cert.Observation
	Chain    []*x509.Certificate
	Findings []cert.Finding
}

// read makes of a handshake what is kept of it. Remarks are no trouble.
func (s *Scanner) read(e cert.Endpoint, addr netip.AddrPort, names []string, seen sight) Seen {
	if len(seen.chain) == 0 {
		return Seen{Observation: s.unseen(e, addr.String(), explain(seen)+hint(e, seen))}
	}
	v := cert.VersionOf(seen.chain[0])
	out := Seen{Observation: cert.Observation{Endpoint: e, Address: addr.String(), At: s.now(), Version: v, Linked: cert.Linked(seen.chain)}, Chain: seen.chain}
	out.Findings = append(s.Judge(seen.chain, names), unfinished(seen)...)
	for _, f := range out.Findings {
		if f.Severity != cert.Note || f.Code == cert.NoRoots {
			out.Problems = append(out.Problems, f.What)
		}
	}
	out.Version.Issuer, out.Version.Serial = clean(v.Issuer), clean(v.Serial)
	out.Version.Names = bounded(v.Names)
	if kept := len(out.Version.Names); kept < len(v.Names) {
		what := fmt.Sprintf("lists %d names; the first %d are shown", len(v.Names), kept)
		out.Problems = append(out.Problems, what)
		out.Findings = append(out.Findings, cert.Find(cert.TooManyNames, what))
	}
	if more := len(out.Problems) - maxProblems; more > 0 {
		out.Problems = append(out.Problems[:maxProblems], fmt.Sprintf("and %d problems more", more))
	}
	return out
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

// unfinished says how a handshake failed after the certificate was read. A
// server that wants a client certificate may refuse us; that is its right.
func unfinished(seen sight) []cert.Finding {
	switch {
	case seen.err == nil, seen.mutual:
		return nil
	case strings.Contains(seen.err.Error(), "invalid signature by the server certificate"):
		return found(cert.KeyNotHeld, "the server does not hold the certificate's private key")
	case isTimeout(seen.err):
		return found(cert.HandshakeUnfinished, "the handshake was not finished in time")
	}
	return found(cert.HandshakeUnfinished, "the handshake failed after the certificate was read: %s", bare(seen.err))
}
