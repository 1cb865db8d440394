package page

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// loopback reports whether an address to listen on is reached from this machine only.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && local(host)
}

// local reports whether a host is this machine for certain.
func local(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// barred says why a request may not come in at all; empty if it may. Without
// tokens the machine itself is the guard: so no name but its own leads here,
// which a site cannot pretend by pointing its own name at 127.0.0.1, and no
// proxy may bring strangers along.
func (p *Page) barred(r *http.Request) string {
	switch {
	case len(p.Tokens()) > 0:
		return ""
	case !loopback(p.Listen):
		return "There is no page here: http.listen is not a loopback address and there is no http.token_file. " +
			"To enable it, write lines of PERSON TOKEN into a file and name it in http.token_file, or listen on 127.0.0.1. Health and Slack are served all the same."
	case !p.ourHost(r.Host):
		return "This host leads to the page of a machine that it does not belong to, so nothing is shown. Open it by http.url of the worker's configuration, or by localhost."
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return "This came through a proxy (" + name + "), so it may come from anywhere: set http.token_file, and everybody signs in."
		}
	}
	return ""
}

func (p *Page) ourHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	u, err := url.Parse(p.URL)
	return local(host) || err == nil && u.Hostname() != "" && strings.EqualFold(u.Hostname(), host)
}
