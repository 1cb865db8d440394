package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	kind, at := kindOf(err)
	return &fault.Error{Kind: kind, RetryAt: at, Err: &said{text: clean(fmt.Sprintf("ca %s: %s: %s", c.name, doing, textOf(err))), err: err}}
}

func kindOf(err error) (fault.Kind, time.Time) {
	var (
		known   *fault.Error
		refused *refusal
		gone    *lost
		problem *legoacme.ProblemDetails
	)
	switch {
	case errors.As(err, &known):
		return known.Kind, known.RetryAt
	case errors.As(err, &refused):
		return kindOfStatus(refused.status), refused.retryAt
	case errors.As(err, &gone):
		return kindOfLost(gone), time.Time{}
	case errors.As(err, &problem):
		return kindOfProblem(problem), time.Time{}
	}
	return fault.Transient, time.Time{}
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

// problemKinds maps the error types of RFC 8555, 6.7 (and of RFC 9773 and the
// profiles draft); others go by their HTTP status.
var problemKinds = map[string]fault.Kind{
	"badNonce":            fault.Transient,
	"orderNotReady":       fault.Transient,
	"alreadyReplaced":     fault.Transient,
	"rateLimited":         fault.Unavailable,
	"serverInternal":      fault.Unavailable,
	"unauthorized":        fault.Configuration,
	"accountDoesNotExist": fault.Configuration,
	"connection":          fault.Validation,
	"dns":                 fault.Validation,
	"tls":                 fault.Validation,
	"incorrectResponse":   fault.Validation,
}

func kindOfProblem(p *legoacme.ProblemDetails) fault.Kind {
	if kind, ok := problemKinds[shortType(p.Type)]; ok {
		return kind
	}
	return kindOfStatus(p.HTTPStatus)
}

// kindOfFailure is for the error of a challenge or order: the CA looked and
// said no, unless its reason is one that only a human can mend.
func kindOfFailure(p *legoacme.ProblemDetails) fault.Kind {
	switch shortType(p.Type) {
	case "rejectedIdentifier", "caa", "badCSR", "invalidProfile", "externalAccountRequired",
		"unsupportedIdentifier", "userActionRequired", "accountDoesNotExist":
		return fault.Configuration
	}
	return fault.Validation
}

func shortType(t string) string { return strings.TrimPrefix(t, "urn:ietf:params:acme:error:") }

func isProblem(err error, short string) bool {
	var p *legoacme.ProblemDetails
	return errors.As(err, &p) && shortType(p.Type) == short
}

// refusedAs tells that a 5xx or 429 carried a problem of the type.
func refusedAs(err error, short string) bool {
	var r *refusal
	return errors.As(err, &r) && shortType(r.problem.Type) == short
}
