package pebbletest

import (
	"net"
	"net/http"
	"sync"
)

// gateListener keeps its port while it is down: connections are reset as soon
// as they are made, so nobody else can take the address of a CA that returns.
type gateListener struct {
	net.Listener
	mu   sync.Mutex
	down bool
	open map[net.Conn]struct{}
}

func newGateListener(inner net.Listener) *gateListener {
	return &gateListener{Listener: inner, open: make(map[net.Conn]struct{})}
}

func (l *gateListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		down := l.down
		l.mu.Unlock()
		if !down {
			return c, nil
		}
		reset(c)
	}
}

// track is the server's ConnState hook.
func (l *gateListener) track(c net.Conn, s http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s {
	case http.StateNew:
		l.open[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(l.open, c)
	}
}

func (l *gateListener) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	if !down {
		return
	}
	for c := range l.open {
		reset(c)
	}
}

// reset closes a connection with a TCP reset, also under TLS.
func reset(c net.Conn) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
