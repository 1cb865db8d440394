package ct

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
)

const maxAnswer = 32 << 20

// issuance is one as the API shows it, with the fields that are expanded
// ("Issuance Object"). Der is the certificate or, where only that was logged, the
// precertificate.
type issuance struct {
	ID       string   `json:"id"` // opaque
	DNSNames []string `json:"dns_names"`
	Der      string   `json:"cert_der"` // base64
	Revoked  bool     `json:"revoked"`
	// Revocation is null or without a time where it was not revoked.
	Revocation *struct {
		Time string `json:"time"`
	} `json:"revocation"`
}

// idPattern is more than the numbers that the API gives; a token has to hold many.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// list asks for the issuances of a domain that were found after one of them, the
// oldest first, as many as the API gives at once ("List Issuances for a Domain");
// none: there are no more.
func (s *Source) list(ctx context.Context, domain, after string) ([]issuance, error) {
	q := url.Values{
		"domain": {domain}, "include_subdomains": {"true"}, "match_wildcards": {"true"},
		"expand": {"dns_names", "cert_der", "revocation"},
	}
	if after != "" {
		q.Set("after", after)
	}
	doing := "list what was issued for " + domain
	data, err := s.ask(ctx, doing, "/issuances?"+q.Encode())
	if err != nil {
		return nil, err
	}
	return read(doing, data)
}

func read(doing string, data []byte) (out []issuance, err error) {
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fault.New(fault.Configuration, "cannot %s: what answers is not the CT search API: %s; correct address", doing, scan.Clean(err.Error()))
	}
	for i, x := range out {
		if !idPattern.MatchString(x.ID) {
			return nil, fault.New(fault.Configuration, "cannot %s: what answers is not the CT search API: issuance %d has no ID, or one that cannot be used: %.40q; correct address", doing, i+1, x.ID)
		}
	}
	return out, nil
}

// ask sends one request, once, and gives an error its kind.
func (s *Source) ask(ctx context.Context, doing, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.timeout())
	defer cancel()
	token, err := s.options.token()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.options.address()+path, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "neverlapse")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, unreached(err, doing)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unreached(err, doing)
	case resp.StatusCode != http.StatusOK:
		return nil, refused(resp, data, doing)
	case len(data) > maxAnswer:
		return nil, fault.New(fault.Configuration, "cannot %s: the answer has more than %d MiB, so it is not the CT search API; correct address", doing, maxAnswer>>20)
	}
	return data, nil
}

// refused gives an answer its kind.
func refused(resp *http.Response, body []byte, doing string) error {
	said := fmt.Errorf("%d%s", resp.StatusCode, words(body))
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		return fault.New(fault.Configuration, "cannot %s: the token is not accepted: %w; make a new one and put it into token_file", doing, said)
	case status == http.StatusForbidden:
		return fault.New(fault.Configuration, "cannot %s: the account may not do that: %w; look at what its subscription allows", doing, said)
	case status == http.StatusTooManyRequests:
		return fault.After(time.Now().Add(patience(resp)), "cannot %s now: more requests than the subscription allows: %w", doing, said)
	case status >= http.StatusInternalServerError && resp.Header.Get("Retry-After") != "":
		return fault.After(time.Now().Add(patience(resp)), "cannot %s now: %w", doing, said)
	case status >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, "cannot %s now: %w", doing, said)
	case status == http.StatusBadRequest, status == http.StatusNotFound, status == http.StatusUnprocessableEntity:
		return fault.New(fault.NotFound, "cannot %s: the API refuses it: %w; is it a registered domain, or below one?", doing, said)
	}
	return fault.New(fault.Configuration, "cannot %s: the API refuses it: %w; correct address", doing, said)
}

// usualPatience is for a 429 that does not say how long: plans count by the hour.
const usualPatience = 15 * time.Minute

// patience is what Retry-After says, in seconds or as a date.
func patience(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && time.Until(at) > 0 {
		return time.Until(at)
	}
	return usualPatience
}

// words are those of an error, cleaned.
func words(body []byte) string {
	var in struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &in) != nil || in.Code == "" {
		return ""
	}
	return scan.Clean(fmt.Sprintf(" %s: %s", in.Code, in.Message))
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
	return fault.New(fault.Unavailable, "cannot %s: the CT search API cannot be reached: %w", doing, err)
}
