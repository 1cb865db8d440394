// Package ct is the source of that kind: every certificate that was logged for some
// domains and what is below them (Certificate Transparency, RFC 6962), by SSLMate's
// CT Search API (https://sslmate.com/help/reference/ct_search_api_v1) or another
// server that answers as it does. app builds it from the options.
//
// It reads no log itself: all of them grow by tens of gigabytes a day, of which a
// watched domain has a few kilobytes. So it believes what the API answers, asks
// nobody for inclusion proofs, and does not see what was never logged, which
// browsers refuse. It says that a certificate was issued, not where it is in use.
package ct

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/api"
)

// Kind is the name of the kind in configurations.
const Kind = "ct"

// mostPages of one domain: more than a source keeps places.
const mostPages = 2000

// Source is what was issued for some domains.
type Source struct {
	name    string
	options Options
	domains []string
	of      string // tells these domains at this address from others
	judge   *scan.Scanner
	api     *api.API
	now     func() time.Time
}

// New makes a source of the kind ct. It reads the token and dials nobody.
func New(name string, o Options, judge *scan.Scanner) (*Source, error) {
	domains, err := o.domains()
	if err = errors.Join(err, o.Validate()); err == nil {
		_, err = o.token()
	}
	if err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	sum := sha256.Sum256([]byte(o.address() + "\n" + strings.Join(domains, "\n")))
	return &Source{
		name: name, options: o, domains: domains, of: hex.EncodeToString(sum[:6]), judge: judge,
		api: api.New("the CT search API", o.address(), o.timeout(), maxAnswer), now: time.Now,
	}, nil
}

// token says where a run goes on or, Ended, where the next one begins.
type token struct {
	Of    string   `json:"of"`
	Ended bool     `json:"ended,omitempty"`
	Since bool     `json:"since,omitempty"` // the run began behind what an earlier one saw
	Anew  int64    `json:"anew"`            // Unix time at which all of it was asked for
	At    int      `json:"at"`              // domain
	Pages int      `json:"pages,omitempty"` // of that domain in this run
	After []string `json:"after"`           // the last issuance that was seen, by domain
}

// Look asks once: for some issuances of one domain.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	out, err := s.look(ctx, page, progress)
	if err != nil {
		return source.Page{}, fmt.Errorf("source %q: %w", s.name, err)
	}
	return out, nil
}

func (s *Source) look(ctx context.Context, page []byte, progress func(string)) (out source.Page, err error) {
	t, err := s.begin(page)
	if err != nil {
		return out, err
	}
	domain := s.domains[t.At]
	out.Since, out.About = t.Since, fmt.Sprintf("%s, domain %d of %d", domain, t.At+1, len(s.domains))
	progress("asking what was issued for " + domain)
	listed, err := s.list(ctx, domain, t.After[t.At])
	failed := ""
	switch {
	case fault.Is(err, fault.NotFound) && t.After[t.At] != "" && t.Pages == 0: // it may have forgotten that issuance
		t.After[t.At] = ""
	case fault.Is(err, fault.NotFound):
		failed = err.Error()
	case err != nil:
		return out, err
	default:
		failed = s.take(&out, &t, listed)
	}
	if failed != "" {
		out.Failed = append(out.Failed, source.Failure{Places: s.places(domain), Why: failed})
	}
	if failed != "" || err == nil && len(listed) == 0 {
		t.At, t.Pages = t.At+1, 0
	}
	if t.At < len(s.domains) {
		out.Next, err = json.Marshal(t)
	} else {
		out.Resume, err = json.Marshal(token{Of: s.of, Ended: true, Anew: t.Anew, After: t.After})
	}
	return out, err
}

// begin reads a token. A run is told all once more if the last time is long past, or
// was about other domains.
func (s *Source) begin(page []byte) (token, error) {
	anew := token{Of: s.of, Anew: s.now().Unix(), After: make([]string, len(s.domains))}
	if page == nil {
		return anew, nil
	}
	var t token
	err := json.Unmarshal(page, &t)
	other := err == nil && t.Of != s.of
	switch {
	case err == nil && t.Ended && (other || s.now().Sub(time.Unix(t.Anew, 0)) >= s.options.anewEvery()):
		return anew, nil
	case err != nil || other || len(t.After) != len(s.domains) || t.At < 0 || t.At >= len(s.domains):
		return t, fault.New(fault.Invalid, "the page %.80q means nothing any more; begin anew", page)
	case t.Ended:
		t.Ended, t.Since, t.At, t.Pages = false, true, 0, 0
	}
	return t, nil
}

// take takes in what was listed of the domain; failed says why the rest of it is not
// asked for.
func (s *Source) take(out *source.Page, t *token, listed []issuance) (failed string) {
	domain, strangers := s.domains[t.At], 0
	listed = listed[:min(len(listed), source.MostSightings)]
	seen := map[string]bool{}
	for _, x := range listed {
		at, ours := s.sighting(domain, x)
		switch {
		case !ours:
			strangers++
		case at.Place != "" && !seen[x.ID]:
			seen[x.ID] = true
			out.Sightings = append(out.Sightings, at)
		}
	}
	if strangers > 0 {
		out.Failed = append(out.Failed, source.Failure{Places: s.places(domain), Why: fmt.Sprintf("%d certificates in the answer are not for %s, and were left out; is address that of a CT search API?", strangers, domain)})
	}
	if len(listed) == 0 {
		return ""
	}
	last := listed[len(listed)-1].ID
	if last == t.After[t.At] {
		return "the answer ends with the issuance behind which it was to begin, so there is no way forward"
	}
	t.After[t.At] = last
	if t.Pages++; t.Pages >= mostPages {
		return fmt.Sprintf("there are more than %d pages; watch the domains below it each on its own", mostPages)
	}
	return ""
}

// places begins the places of a domain.
func (s *Source) places(domain string) string { return Kind + ":" + s.name + "/" + domain + "/" }
