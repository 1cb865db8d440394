package pebbletest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/miekg/dns"
)

var environment sync.Mutex

// withEnv runs f with Pebble's environment variables made from the options,
// and takes away again those that it set.
func withEnv(o Options, f func()) {
	environment.Lock()
	defer environment.Unlock()
	for name, value := range map[string]string{
		"PEBBLE_VA_NOSLEEP":      "1",
		"PEBBLE_WFE_NONCEREJECT": strconv.Itoa(o.NonceReject),
		"PEBBLE_AUTHZREUSE":      strconv.Itoa(o.AuthzReuse),
	} {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if os.Setenv(name, value) == nil {
			defer func() { _ = os.Unsetenv(name) }()
		}
	}
	f()
}

var dnsOnce struct {
	sync.Mutex
	server *challtestsrv.ChallSrv
	addr   string
}

// sharedDNS starts the process's DNS server: challtestsrv registers its handler
// globally, so there can be only one. It answers 127.0.0.1 for any A and
// nothing for any AAAA query.
func sharedDNS() (*challtestsrv.ChallSrv, string, error) {
	dnsOnce.Lock()
	defer dnsOnce.Unlock()
	if dnsOnce.server != nil {
		return dnsOnce.server, dnsOnce.addr, nil
	}
	var errs []error
	for range 5 { // the free port may be taken between looking and listening
		server, addr, err := startDNS()
		if err == nil {
			dnsOnce.server, dnsOnce.addr = server, addr
			return server, addr, nil
		}
		errs = append(errs, err)
	}
	return nil, "", fmt.Errorf("pebbletest: start DNS: %w", errors.Join(errs...))
}

// startDNS serves what challtestsrv answers by servers of our own: its own hang
// up on whoever is silent for a second, as a busy machine makes clients be.
func startDNS() (*challtestsrv.ChallSrv, string, error) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	addr := tcp.Addr().String()
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, "", errors.Join(err, tcp.Close())
	}
	server, err := challtestsrv.New(challtestsrv.Config{Log: log.New(io.Discard, "", 0), DNSAddrs: []string{addr}})
	if err != nil {
		return nil, "", errors.Join(err, tcp.Close(), udp.Close())
	}
	server.SetDefaultDNSIPv4("127.0.0.1")
	server.SetDefaultDNSIPv6("")
	const patience = time.Minute
	for _, s := range []*dns.Server{
		{Listener: tcp, ReadTimeout: patience, WriteTimeout: patience}, {PacketConn: udp, ReadTimeout: patience, WriteTimeout: patience},
	} {
		go func() { _ = s.ActivateAndServe() }()
	}
	if err := awaitDNS(addr); err != nil {
		return nil, "", errors.Join(err, tcp.Close(), udp.Close())
	}
	return server, addr, nil
}

func awaitDNS(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}}
	for {
		found, err := resolver.LookupHost(ctx, "ready.pebbletest.example.")
		if err == nil && len(found) == 1 && found[0] == "127.0.0.1" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w", addr, errors.Join(err, ctx.Err()))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
