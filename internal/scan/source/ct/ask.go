package ct

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source/api"
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
	data, err := s.ask(ctx, doing, "issuances?"+q.Encode())
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

// ask gives what is at a path, and an error its kind.
func (s *Source) ask(ctx context.Context, doing, path string) ([]byte, error) {
	token, err := s.options.token()
	if err != nil {
		return nil, err
	}
	header := http.Header{"Accept": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	got, err := s.api.Get(ctx, doing, path, header)
	if err != nil {
		return nil, err
	}
	if got.Status != http.StatusOK {
		return nil, refused(got, doing)
	}
	return got.Body, nil
}

// refused gives an answer its kind.
func refused(got api.Answer, doing string) error {
	said := fmt.Errorf("%d%s", got.Status, words(got.Body))
	switch status := got.Status; {
	case status == http.StatusUnauthorized:
		return fault.New(fault.Configuration, "cannot %s: the token is not accepted: %w; make a new one and put it into token_file", doing, said)
	case status == http.StatusForbidden:
		return fault.New(fault.Configuration, "cannot %s: the account may not do that: %w; look at what its subscription allows", doing, said)
	case status == http.StatusTooManyRequests:
		return fault.After(got.Later(usualPatience), "cannot %s now: more requests than the subscription allows: %w", doing, said)
	case status >= http.StatusInternalServerError && got.Header.Get("Retry-After") != "":
		return fault.After(got.Later(usualPatience), "cannot %s now: %w", doing, said)
	case status >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, "cannot %s now: %w", doing, said)
	case status == http.StatusBadRequest, status == http.StatusNotFound, status == http.StatusUnprocessableEntity:
		return fault.New(fault.NotFound, "cannot %s: the API refuses it: %w; is it a registered domain, or below one?", doing, said)
	}
	return fault.New(fault.Configuration, "cannot %s: the API refuses it: %w; correct address", doing, said)
}

// usualPatience is for a 429 that does not say how long: plans count by the hour.
const usualPatience = 15 * time.Minute

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
