package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// listener is a TLS server that reads its files when it is told to, by a touched
// file, as servers do on a signal. A stubborn one is told, says nothing, and
// goes on serving what it has.
type listener struct {
	name, dir, address string

	mu       sync.Mutex
	stubborn bool
	curt     bool      // sends the leaf alone
	read     time.Time // of the mark
	has      *tls.Certificate
}

func (l *listener) file(name string) string { return filepath.Join(l.dir, name) }

// told is when it was last told to reload; zero if never.
func (l *listener) told() time.Time {
	info, err := os.Stat(l.file("reload"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (l *listener) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.told(); !l.stubborn && !at.Equal(l.read) || l.has == nil {
		pair, err := tls.LoadX509KeyPair(l.file("fullchain.pem"), l.file("privkey.pem"))
		if err != nil {
			return nil, err
		}
		if l.curt {
			pair.Certificate = pair.Certificate[:1]
		}
		l.has, l.read = &pair, at
	}
	return l.has, nil
}

func (l *listener) yield() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stubborn = false
}

func (l *listener) serve(t *testing.T) {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: l.certificate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	l.address = ln.Addr().String()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_ = c.(*tls.Conn).Handshake()
			}(conn)
		}
	}()
}

// rack is many listeners with the same certificate, each of them a target.
type rack struct {
	t      *testing.T
	all    []*listener
	before cert.Fingerprint
}

const rackName = "www.rack.test"

func newRack(t *testing.T, n int) *rack {
	t.Helper()
	first := site(t, rackName, 30*time.Minute).Initial
	r := &rack{t: t, before: targettest.FingerprintOf(first)}
	for i := range n {
		l := &listener{name: "t" + strconv.Itoa(i+1), dir: t.TempDir()}
		writeFile(t, l.file("fullchain.pem"), first.Chain)
		writeFile(t, l.file("privkey.pem"), first.Key)
		l.serve(t)
		r.all = append(r.all, l)
	}
	return r
}

func (r *rack) targets() string {
	var b strings.Builder
	for _, l := range r.all {
		fmt.Fprintf(&b, "  - {name: %s, kind: file, options: {fullchain: %s, key: %s, reload: [touch, %s]}}\n", l.name, l.file("fullchain.pem"), l.file("privkey.pem"), l.file("reload"))
	}
	return b.String()
}

// serving counts which version how many of the listeners serve.
func (r *rack) serving() map[cert.Fingerprint]int {
	out := map[cert.Fingerprint]int{}
	for _, l := range r.all {
		f, err := targettest.Served(r.t.Context(), l.address, rackName)
		if err != nil {
			f = cert.Fingerprint(err.Error())
		}
		out[f]++
	}
	return out
}

// only reports whether all serve this version, and have it on disk.
func (r *rack) only(f cert.Fingerprint) bool {
	for _, l := range r.all {
		chain, err := os.ReadFile(l.file("fullchain.pem"))
		if err != nil {
			r.t.Fatal(err)
		}
		key, err := os.ReadFile(l.file("privkey.pem"))
		if err != nil {
			r.t.Fatal(err)
		}
		pair := cert.Pair{Chain: chain, Key: key}
		if targettest.FingerprintOf(pair) != f || pair.Check([]string{rackName}, time.Now()) != nil {
			return false
		}
	}
	return r.serving()[f] == len(r.all)
}

// manageRack enrols the certificate of a rack.
func (w *world) manageRack(r *rack, more ...string) {
	w.t.Helper()
	args := []string{"enroll", "--cert-name", "rack", "-d", rackName, "--manage", "--ca", "pebble", "--owner", "minji", "--team", "platform", "--policy", "staged"}
	for _, l := range r.all {
		args = append(args, "--target", l.name, "--endpoint", l.address+"#"+rackName+"@"+l.name)
	}
	w.cli(0, append(args, more...)...)
}

// staged lets one target go first, then four at a time, and tries once.
const staged = `
  - name: staged
    max_attempts: 1
    proof_timeout: 10s
    rollout: {canary: 1, batch: 4, bake: 2s}`

func rackOptions(r *rack) harness.Options {
	return harness.Options{NoNginx: true, Policies: staged, Targets: r.targets()}
}
