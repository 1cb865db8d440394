package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// alpnProtocol is what the CA asks for (RFC 8737, 3).
const alpnProtocol = "acme-tls/1"

// acmeIdentifier is the extension that carries the answer (RFC 8737, 6.1).
var acmeIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}

// TLSListener answers the tls-alpn-01 challenges of every CA of the process; it
// serves nothing else. A load balancer in front must pass TLS through and send
// each worker the connections of its own challenges.
type TLSListener struct {
	addr string

	mu       sync.Mutex
	answers  map[string]*tls.Certificate // by server name
	own      *tls.Certificate            // served for the names of probes that have no answer
	probes   map[string]int              // under way, by server name
	listener net.Listener
	closed   chan struct{}
}

// NewTLSListener makes a listener for an address such as ":443"; Start opens it.
func NewTLSListener(addr string) *TLSListener {
	return &TLSListener{addr: addr, answers: make(map[string]*tls.Certificate), probes: make(map[string]int), closed: make(chan struct{})}
}

// Start opens the address and serves until Close.
func (l *TLSListener) Start() error {
	inner, err := net.Listen("tcp", l.addr)
	if err != nil {
		return fmt.Errorf("tls-alpn-01 listener: %w", err)
	}
	l.mu.Lock()
	l.listener = inner
	l.mu.Unlock()
	go l.serve(inner)
	return nil
}

// Addr is the address it listens on; nil before Start.
func (l *TLSListener) Addr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return nil
	}
	return l.listener.Addr()
}

// Close stops listening; a handshake under way ends by its deadline.
func (l *TLSListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return nil
	default:
		close(l.closed)
	}
	if l.listener == nil {
		return nil
	}
	return l.listener.Close()
}

// maxHandshakes bounds what strangers can make it hold at once.
const maxHandshakes = 256

func (l *TLSListener) serve(inner net.Listener) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{alpnProtocol}, GetCertificate: l.certificate, SessionTicketsDisabled: true}
	room := make(chan struct{}, maxHandshakes)
	for {
		c, err := inner.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, for one: it passes
			select {
			case <-l.closed:
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		room <- struct{}{}
		go func() {
			defer func() { <-room }()
			defer func() { _ = c.Close() }()
			if c.SetDeadline(time.Now().Add(10*time.Second)) == nil {
				_ = tls.Server(c, config).Handshake() // the handshake is the answer; anybody may talk nonsense here
			}
		}()
	}
}

func (l *TLSListener) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, protocol := range hello.SupportedProtos {
		if c := l.answerTo(hello.ServerName); protocol == alpnProtocol && c != nil {
			return c, nil
		}
	}
	return nil, errors.New("no challenge of that name")
}

func (l *TLSListener) answerTo(serverName string) *tls.Certificate {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := normal(serverName)
	if c := l.answers[name]; c != nil || l.probes[name] == 0 {
		return c
	}
	return l.own
}

// probing makes the listener answer for a server name until done, though no
// challenge has an answer there.
func (l *TLSListener) probing(serverName string) (_ *tls.Certificate, done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own == nil {
		if l.own, err = alpnCertificate(question{name: "preflight.invalid"}); err != nil {
			return nil, nil, err
		}
	}
	l.probes[serverName]++
	return l.own, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.probes[serverName]--; l.probes[serverName] == 0 {
			delete(l.probes, serverName)
		}
	}, nil
}

func (l *TLSListener) challenge() string { return TLSALPN01 }

// place: a server name has one certificate at a time.
func (l *TLSListener) place(_ context.Context, name string) (string, error) {
	return TLSALPN01 + " " + normal(name), nil
}

func (l *TLSListener) present(_ context.Context, q question, _ func(string)) error {
	c, err := alpnCertificate(q)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[serverName(q.name)] = c
	return nil
}

func (l *TLSListener) cleanUp(q question) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.answers, serverName(q.name))
	return nil
}

// serverName is what the CA sends for a name: of an IP address its reverse
// mapping without the last dot (RFC 8738, 6).
func serverName(name string) string {
	if reverse, err := dns.ReverseAddr(name); err == nil {
		return normal(reverse[:len(reverse)-1])
	}
	return normal(name)
}

// alpnCertificate makes the self-signed certificate that is the answer (RFC 8737, 3).
func alpnCertificate(q question) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(q.answer))
	value, err := asn1.Marshal(digest[:])
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:    serial,
		Subject:         pkix.Name{CommonName: "ACME challenge"},
		NotBefore:       time.Now().Add(-time.Hour),
		NotAfter:        time.Now().Add(24 * time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: acmeIdentifier, Critical: true, Value: value}},
	}
	if ip := net.ParseIP(q.name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{q.name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
