package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/internal/config"
)

// unreachable says why Temporal was not reached, and what mends it.
type unreachable struct {
	error
	remedy string // empty: nothing more is known
}

func (u unreachable) Unwrap() error { return u.error }

// hintPatience bounds how long it is looked for what mends a failed connection.
const hintPatience = 3 * time.Second

// notReached is the error of a connection that could not be made. The client's own
// error seldom tells a refusal by TLS from a server that is gone, so it is asked by
// a handshake that sends nothing.
func notReached(ctx context.Context, c config.Config, address string, t *tls.Config, err error) error {
	remedy := ""
	switch {
	case isDenied(err):
		remedy = "Temporal wants to know who this is: set temporal.api_key_file to a file with a key that it accepts"
	case c.Temporal.Address != "" && !errors.Is(ctx.Err(), context.Canceled):
		trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), hintPatience)
		defer cancel()
		remedy = tlsRemedy(trying, address, t)
	}
	return unreachable{fmt.Errorf("cannot reach Temporal at %s, namespace %q: %w; %s", address, c.Temporal.Namespace, err, cmp.Or(remedy, "is neverlapse-worker (or the cluster) running?")), remedy}
}

func isDenied(err error) bool {
	var denied *serviceerror.PermissionDenied
	return errors.As(err, &denied) || strings.Contains(err.Error(), "Unauthenticated")
}

// tlsRemedy says what of temporal.tls keeps a connection from being made; empty if
// nothing of it does. t is nil where none is used.
func tlsRemedy(ctx context.Context, address string, t *tls.Config) string {
	if t == nil {
		asked, err := handshake(ctx, address, &tls.Config{InsecureSkipVerify: true}) // nothing is sent, and nothing is believed
		if !speaksTLS(err) {
			return ""
		}
		more := ""
		if asked {
			more = ", and a certificate of ours in cert_file and key_file, for which it asks"
		}
		return address + " speaks TLS, and temporal.tls is not set: set temporal.tls.ca_file to the certificate of the authority that issued its own (tls: {server_name: NAME} alone, if a public one did)" + more
	}
	asked, err := handshake(ctx, address, t)
	return wordsFor(err, asked, address, t)
}

// wordsFor finds the words for what a handshake ended with.
func wordsFor(err error, asked bool, address string, t *tls.Config) string {
	var (
		noTLS   tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &noTLS):
		return address + " does not speak TLS, and temporal.tls or temporal.api_key_file is set: remove them, or set temporal.address to the port that does"
	case errors.As(err, &unknown):
		issuer := ""
		if unknown.Cert != nil {
			issuer = fmt.Sprintf(" (its certificate is issued by %q)", unknown.Cert.Issuer)
		}
		return "the authority of the certificate of " + address + " is not known here" + issuer + ": set temporal.tls.ca_file to the certificate of that authority"
	case errors.As(err, &name):
		return fmt.Sprintf("the certificate of %s is for %s: set temporal.tls.server_name to one of them, or temporal.address to a name that it has", address, strings.Join(append(name.Certificate.DNSNames, ipsOf(name.Certificate)...), ", "))
	case errors.As(err, &invalid):
		return "the certificate of " + address + " cannot be used (" + invalid.Error() + "): have its owner renew it"
	case len(t.Certificates) == 0 && (asked || isAlert(err)):
		return address + " asks for a certificate of who calls: set temporal.tls.cert_file and temporal.tls.key_file to one that it accepts"
	case asked && (isAlert(err) || errors.Is(err, io.EOF)):
		return address + " does not accept the certificate of temporal.tls.cert_file (" + err.Error() + "): take one of the authority that Temporal trusts, and that has not expired"
	}
	return ""
}

func ipsOf(c *x509.Certificate) (out []string) {
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

// speaksTLS tells from a handshake whether what listens there answers in TLS.
func speaksTLS(err error) bool { return err == nil || isAlert(err) }

// isAlert reports whether the other side refused by an alert of TLS.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// handshake makes one and waits a moment for the word of a server that asked for a
// certificate: by TLS 1.3 that comes after it. asked is whether it did.
func handshake(ctx context.Context, address string, t *tls.Config) (asked bool, err error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false, err
	}
	defer raw.Close()
	t = t.Clone()
	own := t.Certificates
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if len(own) == 0 {
			return &tls.Certificate{}, nil
		}
		return &own[0], nil
	}
	t.NextProtos = []string{"h2"}
	if t.ServerName == "" {
		if t.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return false, err
		}
	}
	conn := tls.Client(raw, t)
	if err := conn.HandshakeContext(ctx); err != nil {
		return asked, err
	}
	_ = raw.SetReadDeadline(time.Now().Add(time.Second))
	_, err = conn.Read(make([]byte, 1))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() { // it waits for us to speak
		err = nil
	}
	return asked, err
}
