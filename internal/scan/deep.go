package scan

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"net/netip"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// further asks an address again, as clients do that want the other type of key,
// and as old ones do. What one of them gets may have expired while everybody looks
// at the other.
func (s *Scanner) further(ctx context.Context, out *Seen, addr netip.AddrPort, names []string, first sight) {
	if !s.Deep || len(first.chain) == 0 {
		return
	}
	again := func(change func(*tls.Config)) sight {
		return s.visit(ctx, addr, func(ctx context.Context, w *watch) sight {
			return s.handshake(ctx, w, addr, out.Endpoint, change)
		})
	}
	_, ecc := first.chain[0].PublicKey.(*ecdsa.PublicKey)
	other := again(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, suitesFor(!ecc)
	})
	if len(other.chain) == 0 && first.version == tls.VersionTLS13 {
		other = s.visit(ctx, addr, func(ctx context.Context, w *watch) sight {
			schemes := byECC
			if ecc {
				schemes = byRSA
			}
			return heard(s.glimpse(ctx, w, addr, out.Endpoint, schemes))
		})
	}
	if len(other.chain) > 0 && !other.chain[0].Equal(first.chain[0]) {
		also := s.read(out.Endpoint, addr, names, other)
		out.Also = &also
	}
	if first.version < tls.VersionTLS12 {
		return // told already
	}
	if old := again(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }); len(old.chain) > 0 {
		out.Findings = append(out.Findings, found(cert.WeakProtocol, "still speaks %s with clients that ask for it", tls.VersionName(old.version))...)
	}
}

// suitesFor gives the suites of TLS 1.2 for which a server needs a key of the kind.
func suitesFor(ecc bool) (out []uint16) {
	for _, id := range everySuite {
		if strings.Contains(tls.CipherSuiteName(id), "_ECDSA_") == ecc {
			out = append(out, id)
		}
	}
	return out
}
