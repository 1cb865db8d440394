package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func (t Temporal) validate() error {
	var errs []error
	switch {
	case t.Address == "" && t.UsesTLS():
		errs = append(errs, wrong("temporal.address", "is empty although TLS or an API key is set; write the cluster's host:port, or remove those to run the engine"))
	case t.Address != "":
		if host, port, ok := hostPort(t.Address); !ok || host == "" || port == 0 {
			errs = append(errs, wrong("temporal.address", "%q is not an address; write host:port, for example temporal.example.com:7233", t.Address))
		}
	}
	if t.Namespace == "" {
		errs = append(errs, wrong("temporal.namespace", "is empty; write its name or remove the line"))
	}
	if t.TaskQueue == "" {
		errs = append(errs, wrong("temporal.task_queue", "is empty; write its name or remove the line"))
	}
	if (t.TLS.CertFile == "") != (t.TLS.KeyFile == "") {
		errs = append(errs, wrong("temporal.tls", "cert_file and key_file belong together; set both or none"))
	}
	if t.UIURL != "" {
		errs = append(errs, validateURL("temporal.ui_url", t.UIURL))
	}
	return errors.Join(append(errs, t.validateTiming(), t.Encryption.validate())...)
}

// maxKeyID is how long the id of a key may be; it is written beside every payload.
const maxKeyID = 40

// validate repeats nothing that is no id: it may be a key that was put there.
func (e Encryption) validate() error {
	var errs []error
	first := map[string]int{}
	for i, k := range e.Keys {
		path := fmt.Sprintf("temporal.encryption.keys[%d]", i)
		at, taken := first[k.ID]
		switch {
		case !namePattern.MatchString(k.ID) || len(k.ID) > maxKeyID:
			errs = append(errs, wrong(path+".id", "is not an id; use a-z, 0-9, '.', '_' and '-', at most %d, for example 2026-01", maxKeyID))
		case taken:
			errs = append(errs, wrong(path+".id", "%q is the id of temporal.encryption.keys[%d] already; a new key needs a new id, and the old one stays for what it encrypted", k.ID, at))
		default:
			first[k.ID] = i
		}
		if (k.File == "") == (k.Env == "") {
			errs = append(errs, wrong(path, "needs file or env, and only one of them: the name of the file, or of the environment variable, that holds the key"))
		}
	}
	if _, ok := first[e.Use]; e.Use != "" && !ok {
		errs = append(errs, wrong("temporal.encryption.use", "is not the id of one of temporal.encryption.keys; add that key, or leave use out and nothing is encrypted"))
	}
	return errors.Join(errs...)
}

func (e Engine) validate() error {
	var errs []error
	if _, err := netip.ParseAddr(e.IP); err != nil {
		errs = append(errs, wrong("engine.ip", "%q is not an IP address; write for example 127.0.0.1", e.IP))
	}
	for _, p := range []struct {
		path string
		port int
	}{{"engine.port", e.Port}, {"engine.ui_port", e.UIPort}} {
		if p.port < 0 || p.port > 65535 {
			errs = append(errs, wrong(p.path, "%d is not a port; write one from 1 to 65535, or 0 for a free one", p.port))
		}
	}
	if e.Port != 0 && e.Port == e.UIPort {
		errs = append(errs, wrong("engine.ui_port", "%d is engine.port already; write another, or 0 for a free one", e.UIPort))
	}
	return errors.Join(errs...)
}

// Public reports whether URL was configured: what it is otherwise leads nowhere
// from elsewhere.
func (h HTTP) Public() bool {
	here := HTTP{Listen: h.Listen}
	here.complete()
	return h.URL != "" && h.URL != here.URL
}

// complete gives the address of this machine where no URL is configured.
func (h *HTTP) complete() {
	h.URL = strings.TrimRight(h.URL, "/")
	host, port, err := net.SplitHostPort(h.Listen)
	if h.URL != "" || err != nil {
		return
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "localhost"
	}
	h.URL = "http://" + net.JoinHostPort(host, port)
}

func (h HTTP) validate() error {
	errs := []error{validateListen("http.listen", h.Listen)}
	if h.URL != "" {
		errs = append(errs, validateURL("http.url", h.URL))
	}
	return errors.Join(errs...)
}

func (a ACMEHTTP) validate(page HTTP) error {
	switch a.Listen {
	case "":
		return nil
	case page.Listen:
		return wrong("acme_http.listen", "%q is http.listen already; write another, or \"\" for none", a.Listen)
	}
	return validateListen("acme_http.listen", a.Listen)
}

func (a ACMETLS) validate(page HTTP, plain ACMEHTTP) error {
	switch a.Listen {
	case "":
		return nil
	case page.Listen, plain.Listen:
		return wrong("acme_tls.listen", "%q is taken by http.listen or acme_http.listen; write another, or \"\" for none", a.Listen)
	}
	return validateListen("acme_tls.listen", a.Listen)
}

func (a ACMEDNS) validate() error {
	var errs []error
	for i, r := range a.Resolvers {
		host, _, ok := hostPort(r)
		if !ok {
			_, err := cert.ParseName(r)
			host, ok = r, err == nil
		}
		if !ok || host == "" {
			errs = append(errs, wrong(fmt.Sprintf("acme_dns.resolvers[%d]", i), "%q is no DNS server; write its address, for example 10.0.0.53 or 10.0.0.53:5353", r))
		}
	}
	return errors.Join(errs...)
}

// Wildcards may be certificates that are wanted, or not.
const (
	WildcardsAllowed  = "allowed"
	WildcardsUnwanted = "unwanted"
)

func (s Scan) validate() error {
	var errs []error
	if s.Wildcards != WildcardsAllowed && s.Wildcards != WildcardsUnwanted {
		errs = append(errs, wrong("scan.wildcards", "%q is not known; write %s or %s", s.Wildcards, WildcardsAllowed, WildcardsUnwanted))
	}
	for _, list := range []struct {
		path     string
		networks []string
	}{{"scan.allow", s.Allow}, {"scan.deny", s.Deny}} {
		for i, n := range list.networks {
			_, noNetwork := netip.ParsePrefix(n)
			if _, err := netip.ParseAddr(n); err != nil && noNetwork != nil {
				errs = append(errs, wrong(fmt.Sprintf("%s[%d]", list.path, i), "%q is neither a network nor an address; write for example 10.0.0.0/8", n))
			}
		}
	}
	return errors.Join(errs...)
}

func validateListen(path, address string) error {
	if _, _, ok := hostPort(address); !ok {
		return wrong(path, "%q is not an address to listen on; write for example 127.0.0.1:8080, or :8080 for every interface", address)
	}
	return nil
}

func validateURL(path, text string) error {
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"):
		return wrong(path, "holds a user or password before the '@'; remove it, links are shown to everybody")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return wrong(path, "%q is not a URL; write for example https://neverlapse.example.com", text)
	case u.RawQuery != "" || u.Fragment != "":
		return wrong(path, "%q holds a query or fragment; links are made by appending to it", text)
	}
	return nil
}

// hostPort takes an address apart; the host may be empty.
func hostPort(address string) (host string, port int, ok bool) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, false
	}
	if host != "" {
		if _, err := cert.ParseName(host); err != nil {
			return "", 0, false
		}
	}
	port, err = strconv.Atoi(text)
	return host, port, err == nil && port >= 0 && port <= 65535
}
