package survey

import (
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Sighting is one place of a record, with what is wrong there alone.
type Sighting struct {
	Place
	Findings []cert.Finding
}

// Record is one certificate, wherever it was found.
type Record struct {
	Version  cert.Version
	Chain    []*cert.Link // as at the first place
	Findings []cert.Finding
	Places   []Sighting
}

// All lists the findings of all places, each once.
func (r Record) All() []cert.Finding {
	out := slices.Clone(r.Findings)
	for _, p := range r.Places {
		for _, f := range p.Findings {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Ledger gathers what was found. It is not safe for concurrent use.
type Ledger struct {
	records map[cert.Fingerprint]*Record
	Unread  []Sighting // places without a certificate; the finding says why
}

// Add takes what one place showed.
func (l *Ledger) Add(f Found) {
	s := Sighting{f.Place, f.Findings}
	if !f.Seen() {
		l.Unread = append(l.Unread, s)
		return
	}
	if l.records == nil {
		l.records = map[cert.Fingerprint]*Record{}
	}
	r := l.records[f.Version.Fingerprint]
	if r == nil {
		r = &Record{Version: f.Version, Chain: f.Chain}
		l.records[f.Version.Fingerprint] = r
	}
	r.Places = append(r.Places, s)
}

// Records gives the certificates, those that end first at the head, each with
// its places in order. What is wrong at every place is told once. The ledger
// keeps none of them.
func (l *Ledger) Records() []Record {
	out := make([]Record, 0, len(l.records))
	for _, r := range l.records {
		slices.SortFunc(r.Places, byPlace)
		r.split()
		out = append(out, *r)
	}
	l.records = nil
	slices.SortFunc(out, func(a, b Record) int {
		if by := a.Version.NotAfter.Compare(b.Version.NotAfter); by != 0 {
			return by
		}
		return strings.Compare(string(a.Version.Fingerprint), string(b.Version.Fingerprint))
	})
	slices.SortFunc(l.Unread, byPlace)
	return out
}

func byPlace(a, b Sighting) int {
	for _, by := range []int{strings.Compare(a.Kind, b.Kind), strings.Compare(a.Where, b.Where), strings.Compare(a.Address, b.Address)} {
		if by != 0 {
			return by
		}
	}
	return strings.Compare(a.Alias, b.Alias)
}

// split moves the findings that all places share to the record.
func (r *Record) split() {
	for _, f := range r.Places[0].Findings {
		everywhere := !slices.ContainsFunc(r.Places, func(s Sighting) bool { return !slices.Contains(s.Findings, f) })
		if everywhere && !slices.Contains(r.Findings, f) {
			r.Findings = append(r.Findings, f)
		}
	}
	for i, s := range r.Places { // whose findings may belong to a cache
		r.Places[i].Findings = slices.DeleteFunc(slices.Clone(s.Findings), func(f cert.Finding) bool { return slices.Contains(r.Findings, f) })
	}
}
