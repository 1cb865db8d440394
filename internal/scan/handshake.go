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
	chain    []*x509.Certificate
	unparsed []byte        // the leaf, if it was overheard and cannot be read
	broken   []string      // why other certificates of the chain cannot be read
	version  uint16        // of TLS
	mutual   bool          // the server asked for a client certificate
	err      error         // how the handshake ended
	within   time.Duration // the time it had
}

// look makes a handshake with one address, in the time that is left.
func (s *Scanner) look(ctx context.Context, w *watch, addr netip.AddrPort, e cert.Endpoint) sight {
	// P-256 alone saves two fifths of our CPU, and some of the server's; what does not
	// accept it (servers with only X25519 or only ML-KEM) is asked again as Go would.
	seen := s.handshake(ctx, w, addr, e, func(c *tls.Config) { c.CurvePreferences = onlyP256 })
	if len(seen.chain) > 0 || ctx.Err() != nil || !worthAskingAgain(seen.err) {
		return seen
	}
	if unparsable(seen.err) {
		return s.overhear(ctx, w, addr, e, seen)
	}
	return s.handshake(ctx, w, addr, e, nil)
}

// onlyP256 is the group that every server of TLS 1.3 has to know (RFC 8446, section
// 9.1); in TLS 1.2 it also says that certificates of this curve are welcome (RFC 8422,
// section 5.1).
var onlyP256 = []tls.CurveID{tls.CurveP256}

// handshake connects and shakes hands once; change may alter what is offered.
func (s *Scanner) handshake(ctx context.Context, w *watch, addr netip.AddrPort, e cert.Endpoint, change func(*tls.Config)) (seen sight) {
	conn, err := s.connect(ctx, w, addr, e)
	if err != nil {
		seen.err = err
		return seen
	}
	return s.shake(ctx, w, conn, e, change)
}

func (s *Scanner) shake(ctx context.Context, w *watch, conn *metered, e cert.Endpoint, change func(*tls.Config)) (seen sight) {
	config := &tls.Config{
		ServerName:         serverName(e),
		InsecureSkipVerify: true, // verified by hand: in the handshake, a bad certificate would be lost
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       everySuite,
		// Called as soon as the certificate was read, whatever comes after it.
		VerifyConnection: func(state tls.ConnectionState) error {
			seen.chain, seen.version = state.PeerCertificates, state.Version
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			seen.mutual = true
			return &tls.Certificate{}, nil
		},
	}
	if change != nil {
		change(config)
	}
	release, err := take(ctx, s.computing)
	if err != nil {
		seen.err = errors.Join(err, conn.Close())
		return seen
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Conn.Close() })
	client := tls.Client(conn, config)
	seen.err = client.Handshake()
	if !stop() && seen.err != nil {
		seen.err = ctx.Err()
	}
	release()
	w.left = conn.left
	if len(seen.chain) > 0 {
		s.pace.note(conn.longest)
	}
	// What closing says no longer matters: the certificate was read or was not.
	_ = client.Close()
	return seen
}

// connect gives a connection on which TLS can begin.
func (s *Scanner) connect(ctx context.Context, w *watch, addr netip.AddrPort, e cert.Endpoint) (*metered, error) {
	began := time.Now()
	dialling, cancel := context.WithTimeout(ctx, w.left)
	defer cancel()
	conn, err := s.Dial(dialling, "tcp", addr.String())
	if err != nil {
		return nil, &dialError{err}
	}
	// Writing never waits for long; reading has its time from the watch.
	if err := conn.SetDeadline(began.Add(w.left)); err != nil {
		return nil, errors.Join(&dialError{err}, conn.Close())
	}
	if err := askForTLS(conn, e); err != nil {
		_ = conn.Close() // why it was of no use is told already
		return nil, err
	}
	w.left -= time.Since(began)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(&dialError{err}, conn.Close())
	}
	return &metered{Conn: conn, computing: s.computing, left: w.left}, nil
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
