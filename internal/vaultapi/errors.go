package vaultapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const login = "log in by AppRole"

// said is an error that Vault sent.
type said struct {
	status int
	errors []string
}

func (s *said) Error() string {
	if len(s.errors) == 0 {
		return fmt.Sprintf("Vault says %d %s", s.status, http.StatusText(s.status))
	}
	return fmt.Sprintf("Vault says %d: %s", s.status, strings.Join(strings.Fields(strings.Join(s.errors, "; ")), " "))
}

// Absent: there is no such secret, or its newest version was deleted. A mount
// that is not there is told with a text.
func Absent(err error) bool {
	var s *said
	return errors.As(err, &s) && s.status == http.StatusNotFound && len(s.errors) == 0
}

// Denied: the token is not valid, or a right is missing.
func Denied(err error) bool {
	var s *said
	return errors.As(err, &s) && s.status == http.StatusForbidden
}

// Overtaken: somebody else wrote since the secret was read.
func Overtaken(err error) bool {
	var s *said
	return errors.As(err, &s) && s.stale()
}

func (s *said) stale() bool {
	return s.status == http.StatusBadRequest && strings.Contains(s.Error(), "check-and-set parameter did not match")
}

// explained gives an answer its kind, nil if it is a success, and says how to
// mend it. The codes are those of https://developer.hashicorp.com/vault/api-docs.
func explained(resp *http.Response, body []byte, doing, rights string) error {
	if resp.StatusCode < http.StatusBadRequest {
		return nil
	}
	var text struct {
		Errors []string `json:"errors"`
	}
	_ = json.Unmarshal(body, &text) // the status says enough
	s := &said{resp.StatusCode, text.Errors}
	switch {
	case s.stale():
		return fault.New(fault.Transient, "cannot %s, because somebody else wrote it at the same time: %w", doing, s)
	case doing == login && s.status < http.StatusTooManyRequests:
		return fault.New(fault.Configuration, "cannot %s: %w; correct role_id, the secret ID or auth_mount", doing, s)
	case s.status == http.StatusForbidden:
		return fault.New(fault.Configuration, "cannot %s: %w; the token is not valid, or its policy does not allow that: %s", doing, s, rights)
	case Absent(s):
		return fault.New(fault.NotFound, "cannot %s: %w", doing, s)
	case s.status == http.StatusNotFound, s.status == http.StatusMethodNotAllowed:
		return fault.New(fault.Configuration, "cannot %s: %w; correct namespace or mount", doing, s)
	case s.status == http.StatusTooManyRequests:
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			return fault.After(time.Now().Add(time.Duration(seconds)*time.Second), "cannot %s now: %w", doing, s)
		}
		return fault.New(fault.Unavailable, "cannot %s now: %w", doing, s)
	case s.status == http.StatusPreconditionFailed: // a standby has not caught up
		return fault.New(fault.Transient, "cannot %s: %w", doing, s)
	case s.status == 472, s.status == 473, s.status == http.StatusServiceUnavailable, s.status == http.StatusBadGateway, s.status == http.StatusGatewayTimeout:
		return fault.New(fault.Unavailable, "cannot %s now: %w", doing, s)
	case s.status >= http.StatusInternalServerError:
		return fault.New(fault.Transient, "cannot %s: %w", doing, s)
	}
	return fault.New(fault.Configuration, "cannot %s: it is refused: %w", doing, s)
}

// unreached is an error that Vault did not send.
func unreached(err error, doing string) error {
	var verify *tls.CertificateVerificationError
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // we name the address ourselves
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &verify):
		return fault.New(fault.Configuration, "cannot %s: what answers is not the Vault that is trusted here: %w; correct address or root_file", doing, err)
	case errors.Is(err, errNoVault), errors.Is(err, errRedirect):
		return fault.New(fault.Configuration, "cannot %s: %w", doing, err)
	}
	return fault.New(fault.Unavailable, "cannot %s: Vault cannot be reached: %w", doing, err)
}
