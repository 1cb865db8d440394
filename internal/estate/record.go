package estate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Sighting is one place of a record.
type Sighting struct {
	Source string `json:"source"`
	Place
	Seen time.Time `json:"seen"` // last
}

// Record is one certificate, wherever it is.
type Record struct {
	Key     Key          `json:"key"`
	Version cert.Version `json:"version"`
	Places  []Sighting   `json:"places"`
	// Of is the enrolled certificate to which it belongs, or its places; empty: none.
	Of string `json:"of,omitempty"`
	// Live: it is what that certificate should be everywhere. Else it is out of place.
	Live bool `json:"live,omitempty"`
}

// Faults are the codes of what is wrong with it anywhere, each once.
func (r Record) Faults() (out []cert.FindingCode) {
	for _, p := range r.Places {
		for _, f := range p.Faults {
			if !slices.Contains(out, f.Code) {
				out = append(out, f.Code)
			}
		}
	}
	return out
}

// OfCA reports whether it is the certificate of a CA, which serves nothing.
func (r Record) OfCA() bool { return slices.Contains(r.Faults(), cert.IsCA) }

// IssuedOnly reports whether nothing is known of it but that it was issued.
func (r Record) IssuedOnly() bool {
	return !slices.ContainsFunc(r.Places, func(p Sighting) bool { return !p.Issued })
}

// Seen is a manifest and how its source stands.
type Seen struct {
	Manifest Manifest
	Standing Standing
}

// Records puts together what all sources saw: one record for each certificate that
// is somewhere now, those that end first at the head.
func Records(all []Seen, enrolled []Enrolled) []Record {
	known := newRegister(enrolled)
	found := map[Key]*Record{}
	alias := aliases(all)
	for _, s := range all {
		for _, p := range s.Manifest.Places {
			p.Of = cmp.Or(nameOf(known.owner(p)), p.Ours)
			if !p.There() || p.Issued && p.Of == "" && !p.Asked { // it may turn out to be ours
				continue
			}
			key := p.Holds
			if real, ok := alias[key]; ok {
				key = real
			}
			r := found[key]
			if r == nil {
				r = &Record{Key: key}
				found[key] = r
			}
			if v := s.Manifest.Certs[p.Holds]; r.Version.Fingerprint == "" {
				r.Version = v
			}
			at := p.Last
			if at.IsZero() {
				at = s.Standing.Last.Started
			}
			r.Places = append(r.Places, Sighting{s.Manifest.Source, p, at})
		}
	}
	out := make([]Record, 0, len(found))
	for _, r := range found {
		r.belong(known)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Record) int {
		if by := a.Version.NotAfter.Compare(b.Version.NotAfter); by != 0 {
			return by
		}
		return strings.Compare(string(a.Key), string(b.Key))
	})
	return out
}

// belong finds the enrolled certificate of a record.
func (r *Record) belong(known register) {
	slices.SortFunc(r.Places, func(a, b Sighting) int {
		if by := strings.Compare(a.Name, b.Name); by != 0 {
			return by
		}
		return strings.Compare(a.Source, b.Source)
	})
	if live := known.live[KeyOf(r.Version)]; len(live) > 0 {
		r.Of, r.Live = live[0].Name, true
		return
	}
	for _, p := range r.Places {
		if r.Of == "" {
			r.Of = p.Of
		}
	}
}

// aliases finds certificates of which one source knows only the serial and another
// the certificate itself.
func aliases(all []Seen) map[Key]Key {
	bare, real := map[Key]bool{}, map[Key]Key{}
	for _, s := range all {
		for key, v := range s.Manifest.Certs {
			if key.Fingerprint() == "" && key == IssuanceOf(v) {
				bare[key] = true
			}
		}
	}
	if len(bare) == 0 {
		return nil
	}
	for _, s := range all {
		for key, v := range s.Manifest.Certs {
			if b := IssuanceOf(v); key.Fingerprint() != "" && bare[b] {
				real[b] = key
			}
		}
	}
	return real
}
