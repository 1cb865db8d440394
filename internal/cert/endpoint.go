package cert

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Endpoint is a place that serves a certificate by TLS.
type Endpoint struct {
	Host       string `json:"host"` // DNS name or IP address to dial; every address of a name counts
	Port       int    `json:"port"`
	ServerName string `json:"serverName,omitempty"` // SNI; empty means Host
	Target     string `json:"target,omitempty"`     // the target that feeds it; empty if unknown
	// StartTLS is the protocol in which TLS is asked for first; empty if it is spoken at once.
	StartTLS StartTLS `json:"startTLS,omitempty"`
}

// ParseEndpoint reads HOST, HOST:PORT or [IPv6]:PORT; the port defaults to 443.
// A protocol in front ("smtp://HOST") has TLS asked for in it, by default on its
// own port. An optional "#NAME" suffix sets the SNI.
func ParseEndpoint(s string) (Endpoint, error) {
	text, sni, _ := strings.Cut(s, "#")
	var protocol StartTLS
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		var err error
		if protocol, err = ParseStartTLS(scheme); err != nil {
			return Endpoint{}, fmt.Errorf("endpoint %q: %w", s, err)
		}
		text = strings.TrimSuffix(rest, "/")
	}
	host, port := text, strconv.Itoa(protocol.port())
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if strings.Count(text, ":") == 1 {
		return Endpoint{}, fmt.Errorf("endpoint %q: %w; write HOST:PORT", s, err)
	}
	host = strings.Trim(host, "[]")
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return Endpoint{}, fmt.Errorf("endpoint %q: port %q is not a number from 1 to 65535", s, port)
	}
	e := Endpoint{Host: host, Port: n, ServerName: sni, StartTLS: protocol}
	return e, e.Validate()
}

// Validate refuses hosts that are neither a DNS name nor an IP address.
func (e Endpoint) Validate() error {
	if _, err := ParseName(e.Host); err != nil || strings.HasPrefix(e.Host, "*") {
		return fmt.Errorf("endpoint host %q is neither a DNS name nor an IP address", e.Host)
	}
	if e.ServerName != "" {
		if _, err := ParseName(e.ServerName); err != nil {
			return fmt.Errorf("endpoint %s: SNI: %w", e.Address(), err)
		}
	}
	if e.StartTLS != "" {
		if _, err := ParseStartTLS(string(e.StartTLS)); err != nil {
			return fmt.Errorf("endpoint %s: %w", e.Address(), err)
		}
	}
	if e.Port < 1 || e.Port > 65535 {
		return fmt.Errorf("endpoint host %q: port %d is not from 1 to 65535", e.Host, e.Port)
	}
	return nil
}

// Address is host:port, as net.Dial takes it.
func (e Endpoint) Address() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// SNI is the name to ask for in the handshake.
func (e Endpoint) SNI() string {
	if e.ServerName != "" {
		return e.ServerName
	}
	return e.Host
}

// String is the address, with the protocol of STARTTLS where there is one and
// the SNI where it differs; ParseEndpoint reads it.
func (e Endpoint) String() string {
	text := e.Address()
	if e.StartTLS != "" {
		text = string(e.StartTLS) + "://" + text
	}
	if e.ServerName != "" && e.ServerName != e.Host {
		text += "#" + e.ServerName
	}
	return text
}
