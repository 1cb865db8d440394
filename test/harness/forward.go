package harness

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
)

// Hosts that only a Forward knows.
const (
	proxiedSlack = "slack.test"
	proxiedCA    = "pebble"
)

// Forward is an HTTP proxy that takes CONNECT, as companies have one. Whatever
// host it is asked for, it dials the port on this machine; so hosts that no
// resolver knows are reached through it and in no other way.
type Forward struct {
	Address  string
	listener net.Listener

	mu      sync.Mutex
	tunnels map[string]int // by host
}

// NewForward starts one.
func NewForward() (*Forward, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Forward{Address: l.Addr().String(), listener: l, tunnels: map[string]int{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return f, nil
}

// Close takes no further connections; those that are open stay.
func (f *Forward) Close() { _ = f.listener.Close() }

// Tunnels is how many connections to a host went through it.
func (f *Forward) Tunnels(host string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tunnels[host]
}

func (f *Forward) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	host, port, err := net.SplitHostPort(req.Host)
	if req.Method != http.MethodConnect || err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
		return
	}
	up, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer up.Close()
	f.mu.Lock()
	f.tunnels[host]++
	f.mu.Unlock()
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(up, r)
		up.Close()
	}()
	_, _ = io.Copy(conn, up)
}
