package scan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// unparsable reports that a server sent a certificate that crypto/x509 refuses.
// crypto/tls gives it to nobody.
func unparsable(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed to parse certificate from server")
}

// overhear shakes hands again with TLS 1.2, in which the certificates are sent
// in the clear, and picks them up beside crypto/tls. At a server that speaks
// TLS 1.3 alone it glimpses them.
func (s *Scanner) overhear(ctx context.Context, w *watch, addr netip.AddrPort, e cert.Endpoint, first sight) sight {
	conn, err := s.connect(ctx, w, addr, e)
	if err != nil {
		return first
	}
	ear := &overheard{Conn: conn.Conn}
	conn.Conn = ear
	again := s.shake(ctx, w, conn, e, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	if len(again.chain) > 0 {
		return again // another server, or another certificate, than a moment ago
	}
	sent := certificatesIn(ear.said)
	if len(sent) == 0 { // it speaks TLS 1.3 alone
		if sent, err = s.glimpse(ctx, w, addr, e, slices.Concat(byECC, byRSA)); err != nil {
			return first
		}
	}
	all := heard(sent, nil)
	first.chain, first.unparsed, first.broken = all.chain, all.unparsed, all.broken
	return first
}

// heard is what certificates show that were picked up without a whole handshake.
func heard(sent [][]byte, err error) (out sight) {
	if err != nil {
		return sight{err: err}
	}
	for i, der := range sent {
		c, err := x509.ParseCertificate(der)
		switch {
		case err == nil:
			out.chain = append(out.chain, c)
		case i == 0:
			out.unparsed = der
			return out
		default:
			out.broken = append(out.broken, fmt.Sprintf("certificate %d of the chain cannot be read: %s; %s", i+1, bare(err), OutlineOf(der)))
		}
	}
	return out
}

// maxOverheard bounds what is kept of what a server says; crypto/tls takes no
// longer message of certificates.
const maxOverheard = 512 << 10

type overheard struct {
	net.Conn
	said []byte
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if len(o.said) < maxOverheard {
		o.said = append(o.said, p[:n]...)
	}
	return n, err
}

const (
	recordHandshake    = 22
	messageCertificate = 11
	// maxSent bounds the certificates of one message.
	maxSent = 100
)

// certificatesIn finds the certificates in what a server said in the clear
// (RFC 5246, 6.2.1 and 7.4.2).
func certificatesIn(said []byte) (out [][]byte) {
	var messages cryptobyte.String
	for records := cryptobyte.String(said); ; {
		var kind uint8
		var body cryptobyte.String
		if !records.ReadUint8(&kind) || !records.Skip(2) || !records.ReadUint16LengthPrefixed(&body) || kind != recordHandshake {
			break
		}
		messages = append(messages, body...)
	}
	for {
		var kind uint8
		var body, list, der cryptobyte.String
		if !messages.ReadUint8(&kind) || !messages.ReadUint24LengthPrefixed(&body) {
			return out
		}
		if kind != messageCertificate {
			continue
		}
		if !body.ReadUint24LengthPrefixed(&list) {
			return out
		}
		for len(out) < maxSent && list.ReadUint24LengthPrefixed(&der) {
			out = append(out, der)
		}
		return out
	}
}
