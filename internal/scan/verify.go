package scan

import (
	"crypto/tls"
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
	Also     *Seen    // what clients get here that want the other type of key, if that is another certificate
	Outline  *Outline // of a leaf that cannot be read; the observation has the reason
}

// read makes of a handshake what is kept of it. Remarks are no trouble.
func (s *Scanner) read(e cert.Endpoint, addr netip.AddrPort, names []string, seen sight) Seen {
	if len(seen.unparsed) > 0 {
		o := OutlineOf(seen.unparsed)
		why := fmt.Sprintf("its certificate cannot be read here: %s; %s", bare(seen.err), o)
		out := s.unread(e, addr.String(), why, cert.CertificateUnreadable)
		out.Outline = &o
		return out
	}
	if len(seen.chain) == 0 {
		code := cert.Unreachable
		if isForbidden(seen.err) {
			code = cert.AddressForbidden
		}
		return s.unread(e, addr.String(), explain(seen)+hint(e, seen), code)
	}
	v := cert.VersionOf(seen.chain[0])
	judged, linked := s.judge(seen.chain, names)
	out := Seen{Observation: cert.Observation{Endpoint: e, Address: addr.String(), At: s.now(), Version: v, Linked: linked()}, Chain: seen.chain}
	out.Findings = append(judged, unfinished(seen)...)
	for _, f := range out.Findings {
		if f.Severity != cert.Note || f.Code == cert.NoRoots {
			out.Problems = append(out.Problems, f.What)
		}
	}
	out.Version = Kept(v)
	if kept := len(out.Version.Names); kept < len(v.Names) {
		what := fmt.Sprintf("lists %d names; the first %d are shown", len(v.Names), kept)
		out.Problems = append(out.Problems, what)
		out.Findings = append(out.Findings, cert.Find(cert.TooManyNames, what))
	}
	if seen.version != 0 && seen.version < tls.VersionTLS12 {
		out.Findings = append(out.Findings, found(cert.WeakProtocol, "speaks nothing newer than %s", tls.VersionName(seen.version))...)
	}
	if more := len(out.Problems) - maxProblems; more > 0 {
		out.Problems = append(out.Problems[:maxProblems], fmt.Sprintf("and %d problems more", more))
	}
	return out
}

// Kept is a version with its texts cleaned and bounded, as it may be shown and kept.
func Kept(v cert.Version) cert.Version {
	v.Issuer, v.Serial, v.Names = clean(v.Issuer), clean(v.Serial), bounded(v.Names)
	return v
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
func unfinished(seen sight) (out []cert.Finding) {
	for _, why := range seen.broken {
		out = append(out, cert.Find(cert.CertificateUnreadable, why))
	}
	switch {
	case len(out) > 0:
		return out
	case seen.err == nil, seen.mutual:
		return nil
	case strings.Contains(seen.err.Error(), "invalid signature by the server certificate"):
		return found(cert.KeyNotHeld, "the server does not hold the certificate's private key")
	case isTimeout(seen.err):
		return found(cert.HandshakeUnfinished, "the handshake was not finished in time")
	}
	return found(cert.HandshakeUnfinished, "the handshake failed after the certificate was read: %s", bare(seen.err))
}
