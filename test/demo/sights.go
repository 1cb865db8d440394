package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
	"github.com/neverlapse/neverlapse/test/demo/oracle"
)

// sight is what the handshakes with a host showed.
type sight struct {
	leaf        *x509.Certificate // nil: none has succeeded
	err         string            // of the last one; empty if it succeeded
	all, failed int
}

// handshake looks at what a host serves; what is new is told.
func (w *watcher) handshake(s scene, address, host string) {
	leaf, err := handshake(context.Background(), address, host)
	at := time.Now()
	w.mu.Lock()
	known := w.sights[host]
	if known == nil {
		known = &sight{}
		w.sights[host] = known
	}
	before, failed := known.leaf, known.err
	known.all++
	if known.err = ""; err != nil {
		known.failed++
		known.err = err.Error()
	} else {
		known.leaf = leaf
	}
	changed := known.err != failed || err == nil && (before == nil || !before.Equal(leaf))
	w.mu.Unlock()
	if changed {
		w.board.bump()
	}
	if err != nil || !changed || before != nil && before.Equal(leaf) {
		return
	}
	now := cert.FingerprintOf(leaf)
	w.ledger.Served(host, oracle.Version{Fingerprint: string(now), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}, at)
	if before != nil && !w.ours(now) {
		w.console.tell(line{scene: s, from: "handshake", text: fmt.Sprintf("%s serves %s instead of %s", address, now.Short(), cert.FingerprintOf(before).Short())})
	}
}

// shakes counts the handshakes with a host, and those that failed.
func (w *watcher) shakes(host string) (all, failed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sights[host]
	if s == nil {
		return 0, 0
	}
	return s.all, s.failed
}

// certificates shows what is enrolled and what handshakes show of it.
func (w *watcher) certificates(page string) []inbox.Certificate {
	var out []inbox.Certificate
	add := func(c inbox.Certificate) {
		if !w.isEnrolled(c.Name) {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if s := w.sights[c.Host]; s != nil {
			if c.Trouble = s.err; s.err == "" && s.leaf != nil {
				c.Fingerprint, c.NotAfter = string(cert.FingerprintOf(s.leaf)), s.leaf.NotAfter
			}
		}
		c.Temporal = w.link(c.Name)
		if page != "" {
			c.Page = page + "c/" + c.Name
		}
		out = append(out, c)
	}
	for _, s := range subjects() {
		add(inbox.Certificate{Name: s.name, Host: s.host, Address: w.sites[s.host].address, Managed: s.managed})
	}
	for _, v := range w.visitors {
		add(inbox.Certificate{Name: v.name(), Host: v.key(), Address: v.key(), Visitor: true})
	}
	return out
}
