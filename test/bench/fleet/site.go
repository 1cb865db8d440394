package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// site is every server of the fleet: it serves a certificate for any name. Until
// it is told otherwise each is valid for 90 days.
type site struct {
	listener net.Listener
	key      *ecdsa.PrivateKey

	mu     sync.Mutex
	until  map[string]time.Time
	served map[string]*tls.Certificate
	asked  map[string]time.Time // by names that were asked for with what they serve now
}

func newSite() (*site, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	s := &site{key: key, until: map[string]time.Time{}, served: map[string]*tls.Certificate{}, asked: map[string]time.Time{}}
	s.listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: s.certificate, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.(*tls.Conn).Handshake()
				_, _ = conn.Read(make([]byte, 1)) // whoever looks closes first
			}()
		}
	}()
	return s, nil
}

func (s *site) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *site) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := hello.ServerName
	if c := s.served[name]; c != nil {
		s.asked[name] = time.Now()
		return c, nil
	}
	until, ok := s.until[name]
	if !ok {
		until = time.Now().Add(90 * 24 * time.Hour)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		return nil, err
	}
	s.served[name] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s.key}
	s.asked[name] = time.Now()
	return s.served[name], nil
}

// replace has names serve another certificate, that ends at an instant.
func (s *site) replace(name string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until[name] = until
	delete(s.served, name)
	delete(s.asked, name)
}

func (s *site) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// hook is the channel by which people are told; it notes when it heard of which
// certificate first, and how often.
type hook struct {
	*httptest.Server

	mu    sync.Mutex
	first map[string]time.Time
	alert map[string]string // ID, by certificate
	times map[string]int    // by Idempotency-Key
}

func newHook() *hook {
	h := &hook{first: map[string]time.Time{}, alert: map[string]string{}, times: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		var said struct{ Certificate, Alert, Phase string }
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.times[r.Header.Get("Idempotency-Key")]++
		if _, ok := h.first[said.Certificate]; !ok && said.Phase == "firing" {
			h.first[said.Certificate], h.alert[said.Certificate] = now, said.Alert
		}
	}))
	return h
}

func (h *hook) heard() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.first)
}

// of gives when a certificate was first told of, and its alert.
func (h *hook) of(name string) (time.Time, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.first[name], h.alert[name]
}

// once tells of messages that came more than once.
func (h *hook) once() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for key, n := range h.times {
		if n > 1 {
			errs = append(errs, fmt.Errorf("%s came %d times", key, n))
		}
	}
	return errors.Join(errs...)
}
