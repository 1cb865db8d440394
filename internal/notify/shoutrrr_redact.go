package notify

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// partsOf are all parts of an address: which of them are secret differs from
// service to service.
func partsOf(u *url.URL) (out []string) {
	add := func(parts ...string) {
		for _, p := range parts {
			if len(p) > 3 {
				out = append(out, p, url.QueryEscape(p), url.PathEscape(p))
			}
		}
	}
	add(u.String(), u.User.String(), u.User.Username())
	if password, ok := u.User.Password(); ok {
		add(password)
	}
	add(strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		add(values...)
	}
	if net.ParseIP(u.Hostname()) == nil && !strings.Contains(u.Hostname(), ".") && u.Hostname() != "localhost" {
		add(u.Host, u.Hostname()) // a token, where there is no server to name
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

var anyURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"']+`)

func (s *Shoutrrr) redact(said string) string {
	said = anyURL.ReplaceAllString(said, "(address hidden)")
	for _, secret := range s.secrets {
		said = strings.ReplaceAll(said, secret, "(hidden)")
	}
	return alert.Clean(said)
}

var statusWords = regexp.MustCompile(`(?i)(?:status|code|response|http)\D{0,40}([45]\d\d)\b`)

// statusIn finds the HTTP status that an error tells in words; 0 if none.
func statusIn(said string) int {
	m := statusWords.FindStringSubmatch(said)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
