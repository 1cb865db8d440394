package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// site is a server of one name. Its configuration names the files of its pair
// in quotes, whatever kind of server it is.
type site struct {
	name, address string
	server        string // what serves it, for the reader
	config        string // file
	certificate   string // file, live
	key           string // file, live
	reload        func() error
	spoil, mend   func() error // a typo in its configuration, and back
}

// put installs a pair as an administrator does, and waits until it is served.
func (s *site) put(ctx context.Context, pair cert.Pair) error {
	if err := os.WriteFile(s.key, pair.Key, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.certificate, pair.Chain, 0o644); err != nil {
		return err
	}
	if err := s.reload(); err != nil {
		return err
	}
	want := targettest.FingerprintOf(pair)
	return wait(ctx, s.name+" to serve what was put there", func() bool { return s.served(ctx) == want })
}

// served is the fingerprint that a fresh handshake shows; empty if there was none.
func (s *site) served(ctx context.Context) cert.Fingerprint {
	leaf, err := handshake(ctx, s.address, s.name)
	if err != nil {
		return ""
	}
	return cert.FingerprintOf(leaf)
}

// handshake gives the leaf that an address serves for a name. It verifies nothing.
func handshake(ctx context.Context, address, name string) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// pinnedKey is where the copy of a key lies that the configuration is pinned to.
func (s *site) pinnedKey() string { return filepath.Join(filepath.Dir(s.config), s.name+".key") }

// pinKey makes the mistake that nobody notices before the next renewal: the
// configuration names a copy of today's key instead of the live one.
func (s *site) pinKey() error {
	key, err := os.ReadFile(s.key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.pinnedKey(), key, 0o600); err != nil {
		return err
	}
	return s.rename(s.key, s.pinnedKey())
}

// unpinKey mends it.
func (s *site) unpinKey() error { return s.rename(s.pinnedKey(), s.key) }

// rename replaces a file's name in the configuration, and reloads.
func (s *site) rename(from, to string) error {
	text, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	changed := strings.ReplaceAll(string(text), fmt.Sprintf("%q", from), fmt.Sprintf("%q", to))
	if changed == string(text) {
		return fmt.Errorf("%s does not name %s", s.config, from)
	}
	if err := os.WriteFile(s.config, []byte(changed), 0o644); err != nil {
		return err
	}
	return s.reload()
}

// aged makes a pair that has only this long to live.
func aged(name string, left time.Duration) (cert.Pair, error) {
	now := time.Now()
	return targettest.NewPair([]string{name}, now.Add(-time.Minute), now.Add(left))
}
