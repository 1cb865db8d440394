// Package outgoing makes the HTTP transports with which adapters reach servers
// outside: the one place that says which proxies, roots and TLS versions count.
// CAs, channels and app use it. It sends nothing itself.
package outgoing

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// ErrLinkLocal is the cause of a connection that was not made.
var ErrLinkLocal = errors.New("a link-local address, where clouds keep the credentials of machines, is never asked")

// Transport reaches servers through the proxies that HTTPS_PROXY, HTTP_PROXY
// and NO_PROXY name; a WebSocket goes the same way. Roots are whom it trusts;
// nil means the system's. Link-local and multicast addresses are refused
// (ErrLinkLocal), whatever name leads there.
func Transport(roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: refuse}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     time.Minute,
	}
}

// refuse looks at the address that is about to be connected to, after its name
// was looked up.
func refuse(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := to.Addr().Unmap(); ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return fmt.Errorf("%s: %w", ip, ErrLinkLocal)
	}
	return nil
}

// Only gives the roots of a PEM file, to be trusted in the system's place; nil
// for no file.
func Only(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	return add(x509.NewCertPool(), file)
}

// Also gives the system's roots and those of a PEM file, for servers that are
// reached through a proxy which decrypts some of them; nil for no file.
func Also(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's roots: %w", err)
	}
	return add(pool, file)
}

func add(pool *x509.CertPool, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}
