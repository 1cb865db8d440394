// Package endpoints is a source of the inventory: what is served by TLS at lists
// of hosts and, where that is meant, in whole networks. app makes one of each
// section of kind endpoints. How an endpoint is asked and judged, and which
// addresses are never connected to, is the scanner's.
package endpoints

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
)

// Kind is what the configuration calls it.
const Kind = "endpoints"

// asksOfPage is how many endpoints are asked for one page.
const asksOfPage = 250

// mostLate is how many endpoints that kept a run waiting are asked at the beginning
// of the next one; their marks fit into a page token.
const mostLate = 250

// mostAddresses is how many addresses of networks a source has unless it says more.
const mostAddresses = 4096

// Options are whom to ask.
type Options struct {
	Hosts    []string `mapstructure:"hosts"`     // as a line of a list of `neverlapse scan`
	ListFile string   `mapstructure:"list_file"` // more of them, a line each; read anew in every run
	Ports    []int    `mapstructure:"ports"`     // of what names none
	SNI      string   `mapstructure:"sni"`
	StartTLS string   `mapstructure:"starttls"` // smtp, imap, ...
	Networks bool     `mapstructure:"networks"` // whole networks are meant, and may be asked
	// MostAddresses bounds those of all networks together; 0: 4096.
	MostAddresses int `mapstructure:"most_addresses"`
}

// Validate refuses options that cannot work.
func (o Options) Validate() error {
	var errs []error
	if len(o.Hosts) == 0 && o.ListFile == "" {
		errs = append(errs, errors.New("hosts: there is none; write hosts, or a list_file"))
	}
	for i, p := range o.Ports {
		if p < 1 || p > 65535 {
			errs = append(errs, fmt.Errorf("ports[%d]: %d is no port from 1 to 65535", i, p))
		}
	}
	if o.StartTLS != "" {
		if _, err := cert.ParseStartTLS(o.StartTLS); err != nil {
			errs = append(errs, fmt.Errorf("starttls: %w", err))
		}
	}
	if o.MostAddresses < 0 {
		errs = append(errs, fmt.Errorf("most_addresses: %d is negative", o.MostAddresses))
	}
	if len(errs) == 0 {
		if _, err := survey.ReadList("hosts", strings.NewReader(strings.Join(o.Hosts, "\n")), o.defaults()); err != nil {
			errs = append(errs, named(err))
		}
	}
	return errors.Join(errs...)
}

// named says of what the command line is told what the configuration calls it.
func named(err error) error {
	text := strings.NewReplacer("--networks says", "networks: true says", "--most-addresses", "most_addresses").Replace(err.Error())
	return errors.New(text)
}

func (o Options) defaults() survey.Defaults {
	return survey.Defaults{Ports: o.Ports, SNI: o.SNI, StartTLS: cert.StartTLS(o.StartTLS), Networks: o.Networks, MostAddresses: cmp.Or(o.MostAddresses, mostAddresses)}
}

// Source asks endpoints. Those that kept the last run of this process waiting are
// asked with the first page of the next: all of them together cost a run their
// timeout once, not every page that has one.
type Source struct {
	options Options
	scanner *scan.Scanner
	mu      sync.Mutex
	late    map[string]bool // by endpoint
}

// New makes it.
func New(o Options, scanner *scan.Scanner) *Source {
	return &Source{options: o, scanner: scanner, late: map[string]bool{}}
}

// asks lists everything to ask, each once.
func (s *Source) asks() ([]survey.Ask, error) {
	text := strings.Join(s.options.Hosts, "\n")
	out, err := survey.ReadList("hosts", strings.NewReader(text), s.options.defaults())
	if err != nil {
		return nil, fault.New(fault.Configuration, "%w", named(err))
	}
	if s.options.ListFile != "" {
		f, err := os.Open(s.options.ListFile)
		if err != nil {
			return nil, fault.New(fault.Configuration, "list_file: %w", err)
		}
		more, err := survey.ReadList(s.options.ListFile, f, s.options.defaults())
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fault.New(fault.Configuration, "list_file: %w", named(err))
		}
		out = append(out, more...)
	}
	known := map[string]bool{}
	return slices.DeleteFunc(out, func(a survey.Ask) bool {
		again := known[a.Endpoint.String()]
		known[a.Endpoint.String()] = true
		return again
	}), nil
}

// token says how many endpoints of the list were asked, and which of those behind
// them were asked with the first page.
type token struct {
	From  int    `json:"from"`
	Asked string `json:"asked,omitempty"` // their marks, one behind the other
}

// markSize is how much of a mark's digest counts: enough that no two of a list
// have the same.
const markSize = 8

func mark(a survey.Ask) string {
	sum := sha256.Sum256([]byte(a.Endpoint.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:markSize]
}

// asked are the marks in the token.
func (t token) asked() map[string]bool {
	out := map[string]bool{}
	for marks := range slices.Chunk([]byte(t.Asked), markSize) {
		out[string(marks)] = true
	}
	return out
}

// ofPage gives what is asked for the page after a token, and the token of the next.
func (s *Source) ofPage(all []survey.Ask, t token) (asks []survey.Ask, next token) {
	from := min(t.From, len(all)) // the list may have become shorter
	next.From = min(from+asksOfPage, len(all))
	if from > 0 {
		asked := t.asked()
		next.Asked = t.Asked
		asks = slices.DeleteFunc(slices.Clone(all[from:next.From]), func(a survey.Ask) bool { return asked[mark(a)] })
		return asks, next
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	asks = slices.Clone(all[:next.From])
	for _, a := range all[next.From:] {
		if s.late[a.Endpoint.String()] && len(next.Asked) < mostLate*markSize {
			asks = append(asks, a)
			next.Asked += mark(a)
		}
	}
	return asks, next
}

// suspects are those that came late the last time.
func (s *Source) suspects() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.late)
}

// learn keeps which of those that were asked came late.
func (s *Source) learn(asks []survey.Ask, late map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range asks {
		name := a.Endpoint.String()
		if delete(s.late, name); late[name] {
			s.late[name] = true
		}
	}
}

// Look asks the next endpoints.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	all, err := s.asks()
	if err != nil {
		return source.Page{}, err
	}
	var t token
	if page != nil {
		if err := json.Unmarshal(page, &t); err != nil || t.From < 0 || len(t.Asked)%markSize != 0 {
			return source.Page{}, fault.New(fault.Invalid, "the page token %q means nothing", page)
		}
	}
	asks, next := s.ofPage(all, t)
	found, late := map[string][]survey.Found{}, map[string]bool{}
	done := 0
	e := survey.Endpoints{
		Scanner: s.scanner, Suspects: s.suspects(),
		Found: func(f survey.Found) { found[f.Place.Where] = append(found[f.Place.Where], f) },
		Late:  func(a survey.Ask) { late[a.Endpoint.String()] = true },
		Done: func() {
			done++
			progress(fmt.Sprintf("%d of %d endpoints asked, of %d in all", done, len(asks), len(all)))
		},
	}
	if err := e.Look(ctx, asks); err != nil {
		return source.Page{}, err
	}
	s.learn(asks, late)
	out := source.Page{About: fmt.Sprintf("%d of %d endpoints", next.From, len(all))}
	for _, a := range asks {
		out.Sightings = append(out.Sightings, sightings(a.Endpoint, found[a.Endpoint.String()])...)
	}
	out.Bound("endpoint:")
	if next.From < len(all) {
		out.Next, err = json.Marshal(next)
	}
	return out, err
}

// sightings are what one endpoint shows: one for all addresses that show the same
// as the first, one for each of the others, so that a name whose addresses come
// and go stays one place.
func sightings(e cert.Endpoint, found []survey.Found) (out []source.Sighting) {
	slices.SortStableFunc(found, func(a, b survey.Found) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Place.Address, b.Place.Address))
	})
	for i, f := range found {
		s := source.Sighting{Place: "endpoint:" + e.String(), Host: e.Host, Endpoint: e, Version: f.Version, Findings: f.Findings}
		switch {
		case f.Place.OtherKey:
			s.Place, s.Endpoint = s.Place+"!other-key", cert.Endpoint{}
		case i > 0 && (!f.Seen() || f.Version.Fingerprint == found[0].Version.Fingerprint):
			continue
		case i > 0:
			s.Place += "@" + f.Place.Address
		case !f.Seen():
			s.Trouble, s.Findings = "nothing could be read", nil
			if len(f.Findings) > 0 {
				s.Trouble = f.Findings[0].What
			}
		}
		if slices.ContainsFunc(out, func(x source.Sighting) bool { return x.Place == s.Place }) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// rank puts what was read first, and what is served to few behind.
func rank(f survey.Found) int {
	switch {
	case f.Place.OtherKey:
		return 2
	case !f.Seen():
		return 1
	}
	return 0
}
