// Package pebbletest is a real ACME CA inside the process: Pebble behind a TLS
// server on loopback, with every name resolving to 127.0.0.1, switches for
// outages and faults, and an exact count of the certificates it has issued.
// Tests of the acme package, the end-to-end tests and the demo start it. It is
// no CA for production: it forgets everything when it is closed.
package pebbletest

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Options say what kind of CA to start. The zero value is a calm one. Where
// one of Pebble's own environment variables is set, it wins.
type Options struct {
	Addr     string // listen address; empty means a free port of 127.0.0.1
	HTTPPort int    // port at which HTTP-01 challenges are fetched
	TLSPort  int    // port at which TLS-ALPN-01 challenges are asked
	Resolver string // DNS server (host:port) that the CA asks; empty means the one of DNS
	Dir      string // where the root of the TLS server is written; empty means a temporary folder
	// Profiles by name, with the validity in seconds. Empty: "default", 90 days.
	Profiles    map[string]int
	NonceReject int // percent of good nonces that are refused (PEBBLE_WFE_NONCEREJECT)
	AuthzReuse  int // percent of valid authorizations that are used again (PEBBLE_AUTHZREUSE)
	// Seconds of the Retry-After sent with pending authorizations and processing orders; 0 sends none.
	AuthzRetryAfter, OrderRetryAfter int
	EAB                              map[string]string // key ID -> base64url HMAC key; when set, accounts need one
	AlternateRoots                   int
	Log                              io.Writer // Pebble's own log; nil discards it
}

// CA is a running Pebble.
type CA struct {
	directory string
	rootFile  string
	tlsRoot   []byte
	tempDir   string // removed by Close; empty if the caller gave one

	resolver string

	server   *http.Server
	listener *gateListener
	dns      *challtestsrv.ChallSrv

	handling sync.Mutex // Pebble deadlocks when its handlers run concurrently
	handler  http.Handler
	db       *db.MemoryStore
	ca       *ca.CAImpl

	ledger ledger
	faults faults
	closed chan struct{}
	once   sync.Once
}

// New starts a CA; Close stops it.
func New(o Options) (*CA, error) {
	dns, resolver, err := sharedDNS()
	if err != nil {
		return nil, err
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	inner, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("pebbletest: %w", err)
	}
	if o.Resolver != "" {
		resolver = o.Resolver
	}
	p := &CA{dns: dns, resolver: resolver, closed: make(chan struct{}), listener: newGateListener(inner)}
	p.directory = "https://" + inner.Addr().String() + wfe.DirectoryPath
	if err := p.build(o, resolver); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return p, nil
}

func (p *CA) build(o Options, resolver string) error {
	config, root, err := serverTLS()
	if err != nil {
		return fmt.Errorf("pebbletest: %w", err)
	}
	p.tlsRoot = root
	if err := p.writeRoot(o.Dir); err != nil {
		return fmt.Errorf("pebbletest: %w", err)
	}
	p.pebble(o, resolver)
	p.server = &http.Server{
		Handler:           p,
		TLSConfig:         config,
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute,
		ConnState:         p.listener.track,
	}
	go func() { _ = p.server.ServeTLS(p.listener, "", "") }()
	return nil
}

func (p *CA) writeRoot(dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pebbletest-"); err != nil {
			return err
		}
		p.tempDir = dir
	}
	p.rootFile = filepath.Join(dir, "pebble-tls-root.pem")
	return os.WriteFile(p.rootFile, p.tlsRoot, 0o644)
}

// pebble builds the CA. Pebble reads its environment in its constructors.
func (p *CA) pebble(o Options, resolver string) {
	out := o.Log
	if out == nil {
		out = io.Discard
	}
	logger := log.New(out, "pebble ", log.LstdFlags)
	profiles := make(map[string]ca.Profile)
	for name, seconds := range o.Profiles {
		profiles[name] = ca.Profile{Description: fmt.Sprintf("valid for %d s", seconds), ValidityPeriod: uint64(seconds)}
	}
	if len(profiles) == 0 {
		profiles["default"] = ca.Profile{Description: "valid for 90 days"}
	}
	withEnv(o, func() {
		p.db = db.NewMemoryStore()
		p.ca = ca.New(logger, p.db, "", "ecdsa", o.AlternateRoots, 1, profiles)
		checker := va.New(logger, o.HTTPPort, o.TLSPort, false, resolver, p.db)
		for id, key := range o.EAB {
			if err := p.db.AddExternalAccountKeyByID(id, key); err != nil {
				logger.Printf("external account %q: %v", id, err)
			}
		}
		front := wfe.New(logger, p.db, checker, p.ca, []string{"pebble.letsencrypt.org"}, false,
			len(o.EAB) > 0, o.AuthzRetryAfter, o.OrderRetryAfter)
		p.handler = front.Handler()
	})
}

// Directory is the URL of the ACME directory.
func (p *CA) Directory() string { return p.directory }

// RootFile is the path of a PEM file with the root of the CA's own TLS server.
func (p *CA) RootFile() string { return p.rootFile }

// TLSRoot is the content of RootFile.
func (p *CA) TLSRoot() []byte { return p.tlsRoot }

// IssuerRoots gives the root (PEM) that issued certificates lead to, then the alternates.
func (p *CA) IssuerRoots() []byte {
	var roots []byte
	for i := range p.ca.GetNumberOfRootCerts() {
		roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca.GetRootCert(i).DER})...)
	}
	return roots
}

// DNS is the server behind every lookup the CA makes, for names that must not
// resolve to 127.0.0.1. All CAs of one process share it.
func (p *CA) DNS() *challtestsrv.ChallSrv { return p.dns }

// Resolver is the address of the DNS server that the CA asks, host:port.
func (p *CA) Resolver() string { return p.resolver }

// Close stops the CA and removes its temporary folder.
func (p *CA) Close() error {
	var err error
	p.once.Do(func() {
		close(p.closed)
		err = p.server.Close()
		if p.tempDir != "" {
			err = errors.Join(err, os.RemoveAll(p.tempDir))
		}
	})
	return err
}
