package scan

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// serve answers each connection to address (host:port, port 0 for any) with
// answer, until the test ends, and gives the endpoint.
func serve(t *testing.T, address string, answer func(net.Conn)) cert.Endpoint {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("this machine cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	e, err := cert.ParseEndpoint(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// serveTLS serves a certificate; change may alter the server's configuration.
func serveTLS(t *testing.T, address string, c tls.Certificate, change func(*tls.Config)) cert.Endpoint {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS10}
	if change != nil {
		change(config)
	}
	return serve(t, address, func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			io.Copy(io.Discard, server)
		}
	})
}

func untilClosed(conn net.Conn) { io.Copy(io.Discard, conn) }

// names is a resolver of made-up hosts.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	addrs, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var out []netip.Addr
	for _, a := range addrs {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func named(e cert.Endpoint, host string) cert.Endpoint {
	e.Host = host
	return e
}

func at(ip string, e cert.Endpoint) string { return net.JoinHostPort(ip, strconv.Itoa(e.Port)) }
