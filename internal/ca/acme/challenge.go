package acme

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// The ways to answer a CA's challenge.
const (
	HTTP01    = "http-01"     // RFC 8555, 8.3; by the process's Listener, or Webroot where that is set
	Webroot   = "webroot"     // http-01 by a file below the folder of a running web server
	TLSALPN01 = "tls-alpn-01" // RFC 8737; by the process's TLSListener
	DNS01     = "dns-01"      // RFC 8555, 8.4; by a DNS provider
)

// Challenge says of a way what it can prove and what it needs.
type Challenge struct {
	Name, Proves, Needs string
}

// Challenges lists the ways, for documents and refusals.
var Challenges = []Challenge{
	{HTTP01, "names, IP addresses", "port 80 of the name leads to `acme_http.listen` of the worker"},
	{Webroot, "names, IP addresses", "a running web server serves the folder `webroot` at `http://NAME/`"},
	{TLSALPN01, "names, IP addresses", "port 443 of the name leads to `acme_tls.listen` of the worker, at least for ALPN `acme-tls/1`"},
	{DNS01, "names, wildcards", "a DNS provider below `dns` may change TXT records of `_acme-challenge.NAME`, or of where a CNAME there leads"},
}

func challengeNames() string {
	var names []string
	for _, c := range Challenges {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// Ways are what the CAs of a process share to answer challenges. What is
// missing cannot be chosen.
type Ways struct {
	HTTP *Listener
	TLS  *TLSListener
	DNS  map[string]*DNS // by their configured names
	// Resolver answers what is asked before an order; nil asks the system's servers.
	Resolver *Resolver
}

func (w Ways) names() string {
	if len(w.DNS) == 0 {
		return "(none is configured)"
	}
	return strings.Join(slices.Sorted(maps.Keys(w.DNS)), ", ")
}

func (o Options) validateChallenge() error {
	switch o.Challenge {
	case "", HTTP01:
		if o.Webroot != "" {
			return fmt.Errorf("webroot: has no effect with challenge %q; set challenge to %q or remove it", HTTP01, Webroot)
		}
	case Webroot:
		if o.Webroot == "" {
			return fmt.Errorf("webroot: is missing; write the folder that is served at http://NAME/")
		}
	case DNS01:
		if o.DNS == "" {
			return fmt.Errorf("dns: is missing; name the DNS provider, of those below dns, that answers challenge %q", DNS01)
		}
	case TLSALPN01:
	default:
		return fmt.Errorf("challenge: %q is not known; use one of %s", o.Challenge, challengeNames())
	}
	if o.Webroot != "" && !filepath.IsAbs(o.Webroot) {
		return fmt.Errorf("webroot: %q is not an absolute path; write the folder that is served at http://NAME/", o.Webroot)
	}
	return nil
}

// usual is the challenge of certificates that choose none, and its DNS provider.
func (o Options) usual() (challenge, dns string) {
	if o.Challenge == "" {
		return HTTP01, o.DNS
	}
	return o.Challenge, o.DNS
}

// solver gives the way to answer the challenges of an order.
func (c *CA) solver(o cert.Order) (solver, error) {
	challenge, provider := c.options.usual()
	if o.Challenge != "" {
		challenge = o.Challenge
	}
	if o.DNS != "" {
		provider = o.DNS
	}
	bad := func(format string, args ...any) (solver, error) {
		return nil, fault.New(fault.Configuration, "ca %s: %s", c.name, fmt.Sprintf(format, args...))
	}
	switch challenge {
	case HTTP01, Webroot:
		switch {
		case c.webroot != nil:
			return byHTTP{c.webroot}, nil
		case challenge == Webroot:
			return bad("challenge %s needs the folder webroot in the options of the CA", Webroot)
		case c.ways.HTTP == nil:
			return bad("challenge %s needs the process's listener; configure its address, acme_http.listen", HTTP01)
		}
		return byHTTP{c.ways.HTTP}, nil
	case TLSALPN01:
		if c.ways.TLS == nil {
			return bad("challenge %s needs the process's listener; configure its address, acme_tls.listen", TLSALPN01)
		}
		return c.ways.TLS, nil
	case DNS01:
		if d := c.ways.DNS[provider]; d != nil {
			return d, nil
		}
		if provider == "" {
			return bad("challenge %s needs a DNS provider; name one of those configured below dns", DNS01)
		}
		return bad("no DNS provider is called %q; configure it below dns, or use one of these: %s", provider, c.ways.names())
	}
	return bad("challenge %q is not known; use one of %s", challenge, challengeNames())
}

// provable refuses names that the way cannot prove, and an order without any.
func (c *CA) provable(by string, names []string) error {
	if len(names) == 0 {
		return fault.New(fault.Invalid, "ca %s: an order needs at least one name", c.name)
	}
	for _, n := range names {
		_, err := netip.ParseAddr(n)
		switch {
		case strings.HasPrefix(n, "*.") && by != DNS01: // RFC 8555, 8.3; RFC 8737, 3
			return fault.New(fault.Configuration, "ca %s: %s: a wildcard cannot be proven by %s; use dns-01 (enroll --dns NAME), or list the names one by one", c.name, n, by)
		case err == nil && by == DNS01: // RFC 8738, 7
			return fault.New(fault.Configuration, "ca %s: %s: an IP address cannot be proven by dns-01; use http-01 or tls-alpn-01 (enroll --http, --tls-alpn)", c.name, n)
		}
	}
	return nil
}
