package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestEveryFailureHasItsKind(t *testing.T) {
	t.Parallel()
	problem := func(short string, status int) error {
		return fmt.Errorf("lego says: %w", &legoacme.ProblemDetails{Type: "urn:ietf:params:acme:error:" + short, Detail: "d", HTTPStatus: status})
	}
	refused := func(status int, at time.Time) error {
		return &url.Error{Op: "Post", URL: "https://ca.example", Err: &refusal{status: status, retryAt: at}}
	}
	tomorrow := time.Now().Add(24 * time.Hour)
	for _, tc := range []struct {
		err  error
		kind fault.Kind
		at   time.Time
	}{
		{refused(500, time.Time{}), fault.Unavailable, time.Time{}},
		{refused(503, tomorrow), fault.Unavailable, tomorrow},
		{refused(429, tomorrow), fault.Unavailable, tomorrow},
		{refused(302, time.Time{}), fault.Configuration, time.Time{}},
		{refused(404, time.Time{}), fault.NotFound, time.Time{}},
		{&lost{err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}, fault.Unavailable, time.Time{}},
		{&lost{err: &net.DNSError{Name: "ca.example", IsNotFound: true}}, fault.Unavailable, time.Time{}},
		{&lost{connected: true, err: io.ErrUnexpectedEOF}, fault.Transient, time.Time{}},
		{&lost{connected: true, timeout: true, err: context.DeadlineExceeded}, fault.Unavailable, time.Time{}},
		{&lost{err: x509.UnknownAuthorityError{}}, fault.Configuration, time.Time{}},
		{&lost{err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}, fault.Configuration, time.Time{}},
		{problem("badNonce", 400), fault.Transient, time.Time{}},
		{problem("orderNotReady", 403), fault.Transient, time.Time{}},
		{problem("malformed", 400), fault.Configuration, time.Time{}},
		{problem("malformed", 404), fault.NotFound, time.Time{}},
		{problem("incorrectResponse", 403), fault.Validation, time.Time{}},
		{problem("dns", 400), fault.Validation, time.Time{}},
		{fault.New(fault.Conflict, "as it was"), fault.Conflict, time.Time{}},
	} {
		got := (&CA{name: "x"}).fault("doing", tc.err)
		if !fault.Is(got, tc.kind) || !fault.RetryAt(got).Equal(tc.at) {
			t.Errorf("%v: %s until %s, want %s until %s", tc.err, fault.KindOf(got), fault.RetryAt(got), tc.kind, tc.at)
		}
	}
	for _, short := range []string{
		"rejectedIdentifier", "caa", "badCSR", "invalidProfile", "externalAccountRequired",
		"unsupportedIdentifier", "userActionRequired", "accountDoesNotExist", "unauthorized",
	} {
		if got := (&CA{}).fault("doing", problem(short, 403)); !fault.Is(got, fault.Configuration) {
			t.Errorf("%s: %s", short, fault.KindOf(got))
		}
	}
	for short, kind := range map[string]fault.Kind{
		"unauthorized": fault.Validation, "connection": fault.Validation, "dns": fault.Validation, "tls": fault.Validation,
		"incorrectResponse": fault.Validation, "caa": fault.Configuration, "rejectedIdentifier": fault.Configuration,
	} {
		if got := judge(&legoacme.ProblemDetails{Type: ProblemTypePrefix + short}, true).kind; got != kind {
			t.Errorf("challenge failing with %s: %s, want %s", short, got, kind)
		}
	}
	if got := (&CA{}).fault("doing", fmt.Errorf("x: %w", context.Canceled)); !errors.Is(got, context.Canceled) {
		t.Errorf("a cancelled context became %v", got)
	}
}

func TestSeveralFailuresBecomeTheOneHardestToMend(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(time.Hour)
	all := together([]error{fault.New(fault.Transient, "a"), fault.New(fault.Validation, "b"), fault.After(at, "c")})
	if !fault.Is(all, fault.Validation) || !fault.RetryAt(all).Equal(at) || all.Error() != "a; b; c" {
		t.Errorf("%s %s %v", fault.KindOf(all), fault.RetryAt(all), all)
	}
	if together(nil) != nil {
		t.Error("nothing is an error")
	}
}
