package digicert

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
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

// ask sends one request, once, and gives an error its kind.
func (s *Source) ask(ctx context.Context, doing, path, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.timeout())
	defer cancel()
	key, err := s.options.key()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.options.address()+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(keyHeader, key)
	req.Header.Set("Accept", accept)
	req.Header.Set("Content-Type", "application/json") // the API wants it of every request
	req.Header.Set("User-Agent", "neverlapse")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, unreached(err, doing)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, unreached(err, doing)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refused(resp, data, doing)
	}
	return data, nil
}

// refused gives an answer its kind, by the API's "Errors" and "Rate limits".
func refused(resp *http.Response, body []byte, doing string) error {
	said := fmt.Errorf("%d%s", resp.StatusCode, words(body))
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		return fault.New(fault.Configuration, "cannot %s: the API key is not accepted: %w; make a new one and put it into key_file", doing, said)
	case status == http.StatusForbidden:
		return fault.New(fault.Configuration, "cannot %s: the API key may not do that: %w; give its user the right to view orders", doing, said)
	case status == http.StatusNotFound:
		return fault.New(fault.NotFound, "cannot %s: %w", doing, said)
	case status == http.StatusTooManyRequests:
		return fault.After(time.Now().Add(patience(resp)), "cannot %s now: too many requests for one API key: %w", doing, said)
	case status == http.StatusServiceUnavailable, status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		if resp.Header.Get("Retry-After") != "" {
			return fault.After(time.Now().Add(patience(resp)), "cannot %s now: %w", doing, said)
		}
		return fault.New(fault.Unavailable, "cannot %s now: %w", doing, said)
	case status >= http.StatusInternalServerError:
		return fault.New(fault.Transient, "cannot %s: %w", doing, said)
	}
	return fault.New(fault.Configuration, "cannot %s: the API refuses it: %w", doing, said)
}

// window is that of the longer rate limit: 1000 requests in three minutes.
const window = 3 * time.Minute

// patience is what Retry-After says, in seconds or as a date; without it, the
// window of the rate limit has to pass.
func patience(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && time.Until(at) > 0 {
		return time.Until(at)
	}
	return window
}

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

// unreached is an error that the API did not send.
func unreached(err error, doing string) error {
	var verify *tls.CertificateVerificationError
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &verify):
		return fault.New(fault.Configuration, "cannot %s: what answers is not the API that is trusted here: %w; correct address", doing, err)
	}
	return fault.New(fault.Unavailable, "cannot %s: DigiCert cannot be reached: %w", doing, err)
}
