package vaulttest

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Line leads to a Vault until it is cut: so the server is gone for whoever uses it,
// and comes back with everything that it had.
type Line struct {
	URL string

	t        testing.TB
	to, at   string
	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
}

// Line opens one, which is cut when the test ends.
func (v *Vault) Line(t testing.TB) *Line {
	t.Helper()
	l := &Line{t: t, to: strings.TrimPrefix(v.URL, "https://"), at: "127.0.0.1:0"}
	l.Mend()
	l.URL = "https://" + l.at
	t.Cleanup(l.Cut)
	return l
}

// Cut ends every connection and refuses new ones.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}

// Mend takes connections again, at the same address.
func (l *Line) Mend() {
	l.t.Helper()
	listener, err := net.Listen("tcp", l.at)
	if err != nil {
		l.t.Fatal(fmt.Errorf("a line to Vault: %w", err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener, l.at = listener, listener.Addr().String()
	go l.serve(listener)
}

func (l *Line) serve(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		l.mu.Lock()
		l.open = append(l.open, in, out)
		l.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].Close()
			}()
		}
	}
}
