package digicert

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source/api"
)

const (
	keyHeader = "X-DC-DEVKEY"
	maxAnswer = 16 << 20
)

// get asks for JSON.
func (s *Source) get(ctx context.Context, doing, path string, out any) error {
	data, err := s.ask(ctx, doing, path, "application/json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fault.New(fault.Configuration, "cannot %s: what answers is not the Services API: %w; correct address", doing, err)
	}
	return nil
}

// download asks for a certificate and what vouches for it, in PEM ("Download
// certificate by format"; Glossary, "Certificate formats": without the root).
func (s *Source) download(ctx context.Context, id int) ([]byte, error) {
	return s.ask(ctx, fmt.Sprintf("download certificate %d", id), fmt.Sprintf("certificate/%d/download/format/pem_noroot", id), "*/*")
}

// ask gives what is at a path, and an error its kind.
func (s *Source) ask(ctx context.Context, doing, path, accept string) ([]byte, error) {
	key, err := s.options.key()
	if err != nil {
		return nil, err
	}
	got, err := s.api.Get(ctx, doing, path, http.Header{keyHeader: {key}, "Accept": {accept}, "Content-Type": {"application/json"}}) // that it wants of every request
	if err != nil {
		return nil, err
	}
	if got.Status != http.StatusOK {
		return nil, refused(got, doing)
	}
	return got.Body, nil
}

// refused gives an answer its kind, by the API's "Errors" and "Rate limits".
func refused(got api.Answer, doing string) error {
	said := fmt.Errorf("%d%s", got.Status, words(got.Body))
	switch status := got.Status; {
	case status == http.StatusUnauthorized:
		return fault.New(fault.Configuration, "cannot %s: the API key is not accepted: %w; make a new one and put it into key_file", doing, said)
	case status == http.StatusForbidden:
		return fault.New(fault.Configuration, "cannot %s: the API key may not do that: %w; give its user the right to view orders", doing, said)
	case status == http.StatusNotFound:
		return fault.New(fault.NotFound, "cannot %s: %w", doing, said)
	case status == http.StatusTooManyRequests:
		return fault.After(got.Later(window), "cannot %s now: too many requests for one API key: %w", doing, said)
	case status == http.StatusServiceUnavailable, status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		if got.Header.Get("Retry-After") != "" {
			return fault.After(got.Later(window), "cannot %s now: %w", doing, said)
		}
		return fault.New(fault.Unavailable, "cannot %s now: %w", doing, said)
	case status >= http.StatusInternalServerError:
		return fault.New(fault.Transient, "cannot %s: %w", doing, said)
	}
	return fault.New(fault.Configuration, "cannot %s: the API refuses it: %w", doing, said)
}

// window is that of the longer rate limit: 1000 requests in three minutes. It has
// to pass where the API does not say for how long.
const window = 3 * time.Minute

// words are those of an error, cleaned.
func words(body []byte) string {
	var in struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.Errors) == 0 {
		return ""
	}
	return scan.Clean(fmt.Sprintf(" %s: %s", in.Errors[0].Code, in.Errors[0].Message))
}
