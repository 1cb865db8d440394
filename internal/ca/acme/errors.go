package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// refusal is an answer that is no success: any 429, 3xx or 5xx, and what is no
// ACME problem document.
type refusal struct {
	status   int
	location string
	retryAt  time.Time
	narrow   bool // retryAt is about the names that were ordered
	problem  legoacme.ProblemDetails
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("HTTP %d %s", r.status, http.StatusText(r.status))
	if r.location != "" && r.status < 400 {
		text += ", moved to " + r.location
	}
	if r.problem.Type != "" || r.problem.Detail != "" {
		text += ": " + problemText(&r.problem)
	}
	return text
}

// lost is a request that got no whole answer.
type lost struct {
	connected bool // the connection and its TLS handshake were made
	timeout   bool
	err       error
}

func (l *lost) Error() string {
	if l.timeout {
		return "no answer in time: " + l.err.Error()
	}
	return l.err.Error()
}

func (l *lost) Unwrap() error { return l.err }

// fault gives an error of a request its kind. Every failed request passes here.
func (c *CA) fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if l := new(lost); !errors.As(err, &l) { // the caller's own context
			return fmt.Errorf("ca %s: %s: %w", c.name, doing, err)
		}
	}
	c.directory.forget()
	f, at := findingOf(err)
	text := clean(fmt.Sprintf("ca %s: %s: %s", c.name, doing, textOf(err)))
	var r *refusal
	narrow := errors.As(err, &r) && r.narrow || fault.Narrow(err)
	return &fault.Error{Kind: f.kind, RetryAt: at, Elsewhere: f.elsewhere, Narrow: narrow, Err: &said{text: f.advise(text), err: err}}
}

// ownTrouble is a fault that lies in this CA, our account there or how it is
// configured: another CA need not have it.
func ownTrouble(format string, args ...any) error {
	return &fault.Error{Kind: fault.Configuration, Elsewhere: true, Err: fmt.Errorf(format, args...)}
}

// verdict makes the error of a challenge or an order.
func (c *CA) verdict(about string, p *legoacme.ProblemDetails) error {
	f := judge(p, true)
	return &fault.Error{Kind: f.kind, Elsewhere: f.elsewhere, Err: errors.New(f.advise(fmt.Sprintf("ca %s: %s", c.name, clean(about+": "+problemText(p)))))}
}

// advise adds what a human does about it.
func (f finding) advise(text string) string {
	if f.remedy == "" {
		return text
	}
	return text + " (what to do: " + f.remedy + ")"
}

func findingOf(err error) (finding, time.Time) {
	var (
		known   *fault.Error
		refused *refusal
		gone    *lost
		problem *legoacme.ProblemDetails
	)
	switch {
	case errors.As(err, &known):
		return finding{kind: known.Kind, elsewhere: known.Elsewhere || known.Kind == fault.Unavailable}, known.RetryAt
	case errors.As(err, &refused):
		if paused.MatchString(refused.problem.Detail) {
			return judge(&refused.problem, false), refused.retryAt
		}
		kind := kindOfStatus(refused.status)
		return finding{kind: kind, elsewhere: kind != fault.NotFound}, refused.retryAt
	case errors.As(err, &gone):
		kind := kindOfLost(gone)
		return finding{kind: kind, elsewhere: true}, time.Time{}
	case errors.As(err, &problem):
		return judge(problem, false), time.Time{}
	}
	return finding{kind: fault.Transient}, time.Time{}
}

func kindOfStatus(status int) fault.Kind {
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return fault.NotFound
	case status == http.StatusTooManyRequests || status >= 500:
		return fault.Unavailable
	}
	return fault.Configuration
}

func kindOfLost(l *lost) fault.Kind {
	var root x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(l.err, &root) || errors.As(l.err, &host):
		return fault.Configuration
	case !l.connected || l.timeout:
		return fault.Unavailable
	}
	return fault.Transient
}

// alreadyReplaced is the problem of RFC 9773, 7.4.
const alreadyReplaced = "alreadyReplaced"

func isProblem(err error, short string) bool {
	var p *legoacme.ProblemDetails
	return errors.As(err, &p) && shortType(p.Type) == short
}

// refusedAs tells that a 5xx, a 429 or an alreadyReplaced carried a problem of the type.
func refusedAs(err error, short string) bool {
	var r *refusal
	return errors.As(err, &r) && shortType(r.problem.Type) == short
}
