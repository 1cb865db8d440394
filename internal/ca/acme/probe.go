package acme

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// probeLimit bounds one try to reach ourselves, redirects included.
const probeLimit = 10 * time.Second

// inside is what the human hears beside a failed probe: it comes from here, the
// CA's from the internet.
const inside = "if only this worker cannot reach it, take reachability out of preflight"

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// errUnknown is that nothing was found out.
var errUnknown = errors.New("the DNS does not answer")

// dial connects to a host as a CA does: by the resolver, IPv6 first.
func (r *Resolver) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	all, err := r.addresses(ctx, host)
	if err != nil {
		return nil, errors.Join(errUnknown, err)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Validation, "%s has no address in the DNS; make an A or AAAA record that leads to where the challenge is answered", host)
	}
	var errs []error
	for _, a := range all {
		dialer := net.Dialer{Timeout: probeLimit / 2}
		c, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(a, uint16(port)).String())
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// probe asks for a token of our own as a CA would for its (RFC 8555, 8.3).
func (h byHTTP) probe(ctx context.Context, r *Resolver, name string, o Options) error {
	token := "preflight-" + rand.Text()
	if err := h.answers.present(token, token); err != nil {
		return err
	}
	defer func() { _ = h.answers.cleanUp(token) }()
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	where := url.URL{Scheme: "http", Host: name, Path: challengePath + token}
	if strings.Contains(name, ":") {
		where.Host = "[" + name + "]"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := prober80(r, o.httpPort()).Do(req)
	if err != nil {
		return unreachable(err, "port 80 of "+name, "lead it to acme_http.listen of this worker")
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err == nil && resp.StatusCode == http.StatusOK && string(bytes.TrimSpace(body)) == token {
		return nil
	}
	who := resp.Header.Get("Server")
	if who == "" {
		who = "another server"
	}
	return fault.New(fault.Validation, "%s answers %s with HTTP %d instead of our challenge: it is not this worker; "+
		"lead port 80 of the name to acme_http.listen, or serve the folder webroot there (%s)", who, resp.Request.URL, resp.StatusCode, inside)
}

// prober80 follows redirects as CAs do, whatever the certificates on the way.
func prober80(r *Resolver, port int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, // RFC 8555, 8.3: what it proves is not the certificate
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				host, text, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				to, err := strconv.Atoi(text)
				if err != nil {
					return nil, err
				}
				if to == 80 {
					to = port
				}
				return r.dial(ctx, host, to)
			},
		},
	}
}

// probe makes the handshake that a CA would (RFC 8737, 3).
func (l *TLSListener) probe(ctx context.Context, r *Resolver, name string, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	sni := serverName(name)
	certificate, done, err := l.probing(sni)
	if err != nil {
		return err
	}
	defer done()
	const remedy = "lead it to acme_tls.listen of this worker, TLS passed through"
	raw, err := r.dial(ctx, name, o.tlsPort())
	if err != nil {
		return unreachable(err, "port 443 of "+name, remedy)
	}
	defer func() { _ = raw.Close() }()
	c := tls.Client(raw, &tls.Config{ServerName: sni, NextProtos: []string{alpnProtocol}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err := c.HandshakeContext(ctx); err != nil {
		return unreachable(err, "port 443 of "+name, remedy)
	}
	leaf := c.ConnectionState().PeerCertificates[0].Raw
	if current := l.answerTo(sni); bytes.Equal(leaf, certificate.Certificate[0]) || current != nil && bytes.Equal(leaf, current.Certificate[0]) {
		return nil
	}
	return fault.New(fault.Validation, "port 443 of %s answers with another certificate than our challenge's: it is not this worker; %s (%s)", name, remedy, inside)
}

// unreachable is that a connection could not be made; nil if that says nothing.
func unreachable(err error, where, remedy string) error {
	var known *fault.Error
	switch {
	case errors.Is(err, errUnknown):
		return nil
	case errors.As(err, &known):
		return known
	}
	return fault.New(fault.Validation, "%s cannot be reached: %w; %s (%s)", where, cause(err), remedy, inside)
}

// cause is the error without net/http's repetition of the URL, which holds a token.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (o Options) httpPort() int {
	if o.HTTPPort == 0 {
		return 80
	}
	return o.HTTPPort
}

func (o Options) tlsPort() int {
	if o.TLSPort == 0 {
		return 443
	}
	return o.TLSPort
}
