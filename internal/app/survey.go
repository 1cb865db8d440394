package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/crl"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
)

// What a survey takes and gives.
type (
	Ask      = survey.Ask
	Defaults = survey.Defaults
	Record   = survey.Record
	Sighting = survey.Sighting
	Place    = survey.Place
)

// SurveyOptions say how to look at very many places.
type SurveyOptions struct {
	Config   config.Scan   // the section of the configuration; the others are added to it
	Each     time.Duration // for one address; 5 s if zero
	Parallel int           // connections at once at most; 2,048 if zero
	PerHost  int           // of these, to one address; 16 if zero
	Deep     bool
	CRL      bool
	// Lint says what a CA did wrong with a leaf; nil: nobody looks.
	Lint     func(leaf *x509.Certificate, public bool) []cert.Finding
	Names    []string // that certificates have to cover; none: the host
	Password string   // of PKCS#12 files
	Cache    string   // the file of what is known of the last time; empty: none
	Now      func() time.Time
}

// Survey looks at lists of hosts and at folders. Use it once.
type Survey struct {
	o       SurveyOptions
	scanner *scan.Scanner
	cache   *survey.Cache
}

// Surveyed is what was found.
type Surveyed struct {
	Records   []Record   // by their ends
	Unread    []Sighting // what could not be read, and why
	Endpoints int        // that were asked, those of networks too
	Silent    int        // addresses of networks at which nothing answered
	Files     survey.Counts
	CacheErr  error // why the cache was not kept
}

// NewSurvey refuses options that cannot work.
func NewSurvey(o SurveyOptions) (*Survey, error) {
	so := scan.Options{
		Now: o.Now, Timeout: o.Each, Parallel: o.Parallel, PerHost: o.PerHost, Deep: o.Deep,
		Taste: scan.Taste{Unwanted: o.Config.UnwantedCAs, NoWildcard: o.Config.Wildcards == config.WildcardsUnwanted},
		// A name is looked up once, however many ports and names are asked there.
		Resolver: survey.NewOnce(net.DefaultResolver),
	}
	if so.Parallel == 0 {
		so.Parallel = 2048
	}
	so.Parallel = min(so.Parallel, openable())
	so.Bound = max(time.Minute, 12*o.Each)
	var err error
	if so.Networks, err = networks(o.Config); err != nil {
		return nil, err
	}
	if o.Config.RootsFile != "" {
		if so.Own, err = scan.ReadRoots(o.Config.RootsFile); err != nil {
			return nil, fmt.Errorf("roots: %w", err)
		}
	}
	if err := so.Validate(); err != nil {
		return nil, err
	}
	so.Further = o.further(so)
	s := &Survey{o: o, scanner: scan.New(so)}
	if o.Cache != "" {
		if s.cache, err = survey.LoadCache(o.Cache, s.key(so.Own)); err != nil {
			return nil, fmt.Errorf("cache: %w", err)
		}
	}
	return s, nil
}

// further is what is found beyond the chain itself; nil if nobody asked for it.
func (o SurveyOptions) further(so scan.Options) func([]*x509.Certificate) []cert.Finding {
	if o.Lint == nil && !o.CRL {
		return nil
	}
	lists := crl.New(so.Networks, o.Now)
	return func(chain []*x509.Certificate) (out []cert.Finding) {
		if o.CRL {
			out = lists.Check(context.Background(), chain) // bounded by itself
		}
		root := chain[len(chain)-1]
		if o.Lint != nil && !(len(chain) == 1 && root.IsCA) {
			public := len(chain) > 1 && root.IsCA && bytes.Equal(root.RawSubject, root.RawIssuer) && !slices.ContainsFunc(so.Own, root.Equal)
			out = append(out, o.Lint(chain[0], public)...)
		}
		return out
	}
}

// key sums up what findings depend on beside the files.
func (s *Survey) key(own []*x509.Certificate) string {
	h := sha256.New()
	fmt.Fprintf(h, "1 %q %q %v %v %v", s.o.Names, s.o.Config.UnwantedCAs, s.o.Config.Wildcards, s.o.CRL, s.o.Lint != nil)
	for _, c := range own {
		h.Write(c.Raw)
	}
	if s.o.Password != "" {
		fmt.Fprint(h, "with a password")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Parse reads an endpoint or a network.
func (s *Survey) Parse(text string, d Defaults) ([]Ask, error) { return survey.Parse(text, d) }

// ReadList reads a list of them.
func (s *Survey) ReadList(name string, in io.Reader, d Defaults) ([]Ask, error) {
	return survey.ReadList(name, in, d)
}

// Progress is told after each endpoint and each file, by one goroutine at a time.
type Progress struct{ Endpoint, File func() }

// Look looks at everything.
func (s *Survey) Look(ctx context.Context, asks []Ask, paths []string, p Progress) (Surveyed, error) {
	var mu sync.Mutex
	var ledger survey.Ledger
	add := func(f survey.Found) { mu.Lock(); ledger.Add(f); mu.Unlock() }
	step := func(told func()) func() {
		if told == nil {
			return nil
		}
		return func() { mu.Lock(); told(); mu.Unlock() }
	}
	hosts := survey.Endpoints{Scanner: s.scanner, Found: add, Done: step(p.Endpoint)}
	files := survey.Files{Scanner: s.scanner, Password: s.o.Password, Names: s.o.Names, Cache: s.cache, Found: add, Done: step(p.File)}
	if s.cache != nil {
		hosts.Suspects = s.cache.Suspects
	}
	var err error
	var both sync.WaitGroup
	both.Go(func() { err = hosts.Look(ctx, asks) })
	failed := files.Walk(ctx, paths)
	both.Wait()
	out := Surveyed{Records: ledger.Records(), Unread: ledger.Unread, Endpoints: len(asks), Silent: hosts.Silent, Files: files.Count}
	if err = errors.Join(err, failed); err == nil && s.cache != nil {
		s.suspect(asks, out.Unread)
		s.cache.Forget(s.o.Now())
		out.CacheErr = s.cache.Save(s.o.Cache)
	}
	now := s.o.Now()
	for i, r := range out.Records {
		out.Records[i].Findings = append(expiring(r.Version, now), r.Findings...)
	}
	return out, err
}

// suspect remembers which of the endpoints did not answer.
func (s *Survey) suspect(asks []Ask, unread []Sighting) {
	for _, a := range asks {
		delete(s.cache.Suspects, a.Endpoint.String())
	}
	for _, u := range unread {
		if u.Kind == survey.Endpoint && slices.ContainsFunc(u.Findings, func(f cert.Finding) bool { return f.Code == cert.Unreachable }) {
			s.cache.Suspects[u.Where] = true
		}
	}
}

// ParsePorts reads 443,8443,9000-9010.
func ParsePorts(text string) ([]int, error) { return survey.ParsePorts(text) }
