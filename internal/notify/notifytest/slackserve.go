package notifytest

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// NewSlackServer listens on a loopback address; empty means any free port.
func NewSlackServer(address string) (*SlackServer, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	return serveSlack(l, "http://"+l.Addr().String()), nil
}

// NewSlackServerTLS listens on a free loopback port and speaks TLS as a host of
// that name, whose certificate RootPEM has issued.
func NewSlackServerTLS(host string) (*SlackServer, error) {
	l, err := listen("")
	if err != nil {
		return nil, err
	}
	pair, root, err := selfSigned(host)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	secure := tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	s := serveSlack(secure, "https://"+net.JoinHostPort(host, port))
	s.RootPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})
	return s, nil
}

func serveSlack(l net.Listener, url string) *SlackServer {
	s := &SlackServer{
		Token: "xoxb-stand-in-7d3f", AppToken: "xapp-1-A0STANDIN-5e1c", SigningSecret: "8f742231b10e8888abcd99yyyzzz85a5", Team: "T0STANDIN", Bot: "B0STANDIN",
		url: url, changed: make(chan struct{}), retryAfter: 30 * time.Second,
		channels: map[string]bool{}, users: map[string]bool{}, direct: map[string]string{}, names: map[string]string{}, calls: map[string]int{},
		triggers:  map[string]trigger{},
		scopes:    []string{"chat:write", "im:write", "channels:history", "groups:history", "im:history"},
		appScopes: []string{"connections:write"},
		sockets:   sockets{tickets: map[string]bool{}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/{method}", s.method)
	mux.HandleFunc("POST /respond/{user}/{channel}/{ts}", s.respond)
	mux.HandleFunc("GET /link/", s.link)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go s.http.Serve(l)
	return s
}

// listen opens a port on this machine only.
func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("stand-in address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("stand-in address %q: a stand-in listens on loopback only", address)
	}
	return net.Listen("tcp", address)
}
