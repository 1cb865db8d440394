package app

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// Subject is one chain, wherever the same one was found, and what is wrong with it.
type Subject struct {
	Where    []string // addresses, or the file with the name of its entry
	Format   string   // of a file
	Version  cert.Version
	Chain    []cert.Link
	Findings []cert.Finding
}

// Inspection is what was found at one host or in one file.
type Inspection struct {
	Endpoint     cert.Endpoint // zero for a file
	Observations []cert.Observation
	Subjects     []Subject      // none if nothing could be read
	Findings     []cert.Finding // between the subjects
	Unread       []string       // why addresses could not be read
}

// Inspector looks at hosts and files without any configuration.
type Inspector struct {
	scanner *scan.Scanner
	now     func() time.Time
}

// NewInspector makes one that trusts the roots of a file beside the system's
// ("" means only those) and gives each address so long (zero: as long as a
// worker does).
func NewInspector(rootsFile string, each time.Duration, now func() time.Time) (*Inspector, error) {
	// Whoever names an address here means it; only lists are kept from some.
	o := scan.Options{Now: now, Timeout: each, Bound: max(30*time.Second, 4*each), Deep: true, Networks: scan.Networks{Allow: scan.NeverAsked}}
	if rootsFile != "" {
		own, err := scan.ReadRoots(rootsFile)
		if err != nil {
			return nil, err
		}
		o.Own = own
	}
	return &Inspector{scan.New(o), now}, nil
}

// Host looks at every address behind an endpoint. Addresses that show the same
// are one subject.
func (i *Inspector) Host(ctx context.Context, e cert.Endpoint, names []string) Inspection {
	seen := i.scanner.Inspect(ctx, e, names)
	out := Inspection{Endpoint: e, Findings: scan.Across(seen)}
	for _, s := range seen {
		out.Observations = append(out.Observations, s.Observation)
		if !s.Observation.Seen() {
			out.Unread = append(out.Unread, strings.TrimPrefix(s.Where()+": ", e.String()+": ")+s.Err)
			continue
		}
		out.add(i.subject(s.Where(), s.Version, s.Chain, s.Findings))
		if also := s.Also; also != nil && also.Observation.Seen() {
			kind, _, _ := strings.Cut(also.Version.KeyAlgorithm, "-")
			out.add(i.subject(s.Where()+", to clients that want "+kind+",", also.Version, also.Chain, also.Findings))
		}
	}
	return out
}

// File reads the chains of a file.
func (i *Inspector) File(path, password string, names []string) (Inspection, error) {
	held, err := i.scanner.File(path, password, names)
	if err != nil {
		return Inspection{}, err
	}
	var out Inspection
	for _, h := range held {
		where := path
		if h.Alias != "" {
			where += " (" + h.Alias + ")"
		}
		s := i.subject(where, cert.VersionOf(h.Chain[0]), h.Chain, h.Findings)
		s.Format = h.Format
		out.Subjects = append(out.Subjects, s)
		out.Observations = append(out.Observations, cert.Observation{At: i.now().UTC(), Version: s.Version})
	}
	return out, nil
}

func (i *Inspector) subject(where string, v cert.Version, chain []*x509.Certificate, findings []cert.Finding) Subject {
	s := Subject{Where: []string{where}, Version: v, Findings: append(expiring(v, i.now()), findings...)}
	for _, c := range chain {
		s.Chain = append(s.Chain, cert.LinkOf(c))
	}
	return s
}

// usual is the default policy, read once: a survey asks for it very often.
var usual = sync.OnceValue(lifecycle.Default)

// expiring says that a threshold of the default policy is crossed.
func expiring(v cert.Version, now time.Time) []cert.Finding {
	plan := lifecycle.PlanOf(v, nil, usual())
	level := plan.Level(now)
	if level < 0 || !v.ValidAt(now) {
		return nil
	}
	t := plan.Thresholds[level]
	what := fmt.Sprintf("%s; the %s threshold is %s before the end", cert.LeftUntil(now, v.NotAfter), t.Severity, lifecycle.FormatDuration(v.NotAfter.Sub(t.At)))
	return []cert.Finding{cert.Find(cert.Expiring, what)}
}

// add puts a subject beside those that were seen already.
func (in *Inspection) add(s Subject) {
	for k, o := range in.Subjects {
		if slices.Equal(o.Chain, s.Chain) && slices.Equal(o.Findings, s.Findings) {
			in.Subjects[k].Where = append(o.Where, s.Where...)
			return
		}
	}
	in.Subjects = append(in.Subjects, s)
}

// First is the server's certificate that ends first: whatever is served, and what
// lies in a file without being a CA's; false if there is none.
func (in *Inspection) First() (cert.Version, bool) {
	var first cert.Version
	for _, s := range in.Subjects {
		servers := s.Format == "" || !s.Chain[0].CA
		if servers && (first.Fingerprint == "" || s.Version.NotAfter.Before(first.NotAfter)) {
			first = s.Version
		}
	}
	return first, first.Fingerprint != ""
}

// All lists every finding.
func (in *Inspection) All() []cert.Finding {
	out := slices.Clone(in.Findings)
	for _, s := range in.Subjects {
		out = append(out, s.Findings...)
	}
	return out
}
