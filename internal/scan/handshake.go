package scan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// sight is what one handshake showed. Leaf and rest of the chain are there
// whenever the server sent them, even if the handshake failed afterwards.
type sight struct {
	chain  []*x509.Certificate
	mutual bool          // the server asked for a client certificate
	err    error         // how the handshake ended
	within time.Duration // the time it had
}

// look makes a handshake with one address, in the time that ctx has left.
func (s *Scanner) look(ctx context.Context, addr netip.AddrPort, e cert.Endpoint) sight {
	// X25519 alone saves a third of our CPU; what does not accept it (servers
	// with only ML-KEM or only NIST curves) is asked again as Go would.
	seen := s.handshake(ctx, addr, e, []tls.CurveID{tls.X25519})
	if len(seen.chain) > 0 || ctx.Err() != nil || !worthAskingAgain(seen.err) {
		return seen
	}
	return s.handshake(ctx, addr, e, nil)
}

func (s *Scanner) handshake(ctx context.Context, addr netip.AddrPort, e cert.Endpoint, curves []tls.CurveID) (seen sight) {
	conn, err := s.Dial(ctx, "tcp", addr.String())
	if err != nil {
		seen.err = &dialError{err}
		return seen
	}
	if at, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(at); err != nil {
			seen.err = errors.Join(&dialError{err}, conn.Close())
			return seen
		}
	}
	if err := askForTLS(conn, e); err != nil {
		seen.err = err
		_ = conn.Close() // why it was of no use is told already
		return seen
	}
	client := tls.Client(conn, &tls.Config{
		ServerName:         serverName(e),
		InsecureSkipVerify: true, // verified by hand: in the handshake, a bad certificate would be lost
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       everySuite,
		CurvePreferences:   curves,
		// Called as soon as the certificate was read, whatever comes after it.
		VerifyConnection: func(state tls.ConnectionState) error {
			seen.chain = state.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			seen.mutual = true
			return &tls.Certificate{}, nil
		},
	})
	seen.err = client.HandshakeContext(ctx)
	// What closing says no longer matters: the certificate was read or was not.
	_ = client.Close()
	return seen
}

// serverName is the SNI: none for an IP address (RFC 6066, 3).
func serverName(e cert.Endpoint) string {
	if _, err := netip.ParseAddr(e.SNI()); err == nil {
		return ""
	}
	return e.SNI()
}

// everySuite includes the insecure ones: an old server's certificate lapses too.
var everySuite = func() []uint16 {
	var ids []uint16
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, c.ID)
	}
	return ids
}()

// dialError tells a connection that never came about from a handshake that failed.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// worthAskingAgain is false where other curves cannot help.
func worthAskingAgain(err error) bool {
	var dial *dialError
	var plain *plainError
	var record tls.RecordHeaderError
	var network net.Error
	switch {
	case err == nil, errors.As(err, &dial), errors.As(err, &plain), errors.As(err, &record):
		return false
	case errors.As(err, &network) && network.Timeout():
		return false
	}
	return true
}
