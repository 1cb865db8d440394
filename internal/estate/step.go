package estate

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Step is one page of a run as it is kept while the run goes on: what is as it was
// by its place in the manifest, the rest in full. Of a page on which nothing
// changed it is one short line.
type Step struct {
	Page     int               `json:"page"` // from 1
	At       time.Time         `json:"at"`
	Next     []byte            `json:"next,omitempty"` // token of the page after it; none after the last
	Resume   []byte            `json:"resume,omitempty"`
	Since    bool              `json:"since,omitempty"`
	Same     []Span            `json:"same,omitempty"`
	News     []source.Sighting `json:"news,omitempty"`
	Failed   []source.Failure  `json:"failed,omitempty"`
	Seen     int               `json:"seen,omitempty"`
	Unread   int               `json:"unreadable,omitempty"`
	Troubled int               `json:"troubled,omitempty"`
}

// Span is places of a manifest in a row: the first and how many.
type Span [2]int

// Step makes the step of a page.
func (m *Manifest) Step(number int, at time.Time, page source.Page) Step {
	s := Step{Page: number, At: at.UTC(), Next: page.Next, Resume: page.Resume, Since: page.Since, Failed: page.Failed}
	var same []int
	for _, x := range page.Sightings {
		x = kept(x)
		switch {
		case !x.Seen():
			s.Troubled++
		case slices.ContainsFunc(x.Findings, func(f cert.Finding) bool { return f.Code == cert.CertificateUnreadable }):
			s.Unread++
			s.Seen++
		default:
			s.Seen++
		}
		if i, ok := m.find(x.Place); ok && m.Places[i].shows(x) {
			same = append(same, i)
		} else {
			s.News = append(s.News, x)
		}
	}
	s.Same = spans(same)
	return s
}

func spans(all []int) (out []Span) {
	slices.Sort(all)
	for _, i := range all {
		if n := len(out) - 1; n >= 0 && out[n][0]+out[n][1] == i {
			out[n][1]++
		} else {
			out = append(out, Span{i, 1})
		}
	}
	return out
}

// kept is a sighting as it is kept: bounded, and without what goes without saying.
func kept(x source.Sighting) source.Sighting {
	x.Version.Names = slices.Clone(x.Version.Names[:min(len(x.Version.Names), keepNames)])
	x.Version.NotBefore, x.Version.NotAfter = x.Version.NotBefore.UTC(), x.Version.NotAfter.UTC()
	var findings []cert.Finding
	for _, f := range x.Findings[:min(len(x.Findings), keepFaults)] {
		findings = append(findings, cert.Finding{Code: f.Code, What: told(f)})
	}
	x.Findings, x.At = findings, time.Time{}
	for _, text := range []*string{&x.Trouble, &x.Host, &x.RenewedBy, &x.Owner, &x.Team, &x.Environment, &x.Version.Issuer, &x.Version.Serial} {
		*text = short(*text)
	}
	return x
}

// told is what a finding says; one of a renewal quotes much, and that is its worth.
func told(f cert.Finding) string {
	if f.Code == cert.RenewalStuck && len(f.What) <= keepQuote {
		return f.What
	}
	return short(f.What)
}

// shows reports whether a sighting says what is known already.
func (p Place) shows(x source.Sighting) bool {
	if !p.Gone.IsZero() || !p.Last.IsZero() || p.Trouble != x.Trouble {
		return false
	}
	if x.Seen() && (p.Holds != KeyOf(x.Version) || !slices.Equal(p.Faults, faults(x.Findings))) {
		return false
	}
	return p.Issued == x.Issued && p.Host == x.Host && p.Endpoint == x.Endpoint && p.RenewedBy == x.RenewedBy && p.Owner == x.Owner && p.Team == x.Team && p.Environment == x.Environment
}

func faults(findings []cert.Finding) (out []Fault) {
	for _, f := range findings {
		out = append(out, Fault{f.Code, f.What})
	}
	return out
}
