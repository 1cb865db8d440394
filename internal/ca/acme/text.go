package acme

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	legoacme "github.com/go-acme/lego/v4/acme"
)

// said is an error whose text is safe to show: no control characters, bounded.
type said struct {
	text string
	err  error
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.err }

func textOf(err error) string {
	var p *legoacme.ProblemDetails
	if errors.As(err, &p) {
		return problemText(p)
	}
	var root x509.UnknownAuthorityError
	if errors.As(err, &root) {
		return err.Error() + "; if the CA is a private one, set root_file to its root"
	}
	if u := new(url.Error); errors.As(err, &u) { // lego wraps it in words of no use
		return strings.ToUpper(u.Op) + " " + u.URL + ": " + u.Err.Error()
	}
	return err.Error()
}

// problemText is the CA's own type and detail, with its subproblems.
func problemText(p *legoacme.ProblemDetails) string {
	parts := []string{strings.TrimPrefix(p.Type+": "+p.Detail, ": ")}
	for _, sub := range p.SubProblems {
		parts = append(parts, fmt.Sprintf("%s: %s: %s", sub.Identifier.Value, sub.Type, sub.Detail))
	}
	if shortType(p.Type) == "userActionRequired" && p.Instance != "" {
		parts = append(parts, "see "+p.Instance)
	}
	return strings.Join(parts, "; ")
}

// clean makes text of a CA safe for logs, terminals and messages.
func clean(s string) string {
	const longest = 2000 // runes
	n := 0
	return strings.Map(func(r rune) rune {
		n++
		switch {
		case n > longest:
			return -1
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}
