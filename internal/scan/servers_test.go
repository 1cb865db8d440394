package scan

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"

	"github.com/neverlapse/neverlapse/internal/cert"
)

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
