package estate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Enrolled is a certificate that is enrolled.
type Enrolled struct {
	Name        string
	Owner       string
	Team        string
	Environment string
	Live        cert.Fingerprint // empty: none was issued or seen yet
	Version     cert.Version     // that Live is, as far as it is known
	Endpoints   []cert.Endpoint
}

// Word is what an enrolled certificate is to be told of places: what each shows,
// all of those that changed since it was told last, and the endpoints whole.
type Word struct {
	Name         string
	Observations []cert.Observation
}

// mostTold bounds the places of one Word; the rest is told by the next run.
const mostTold = 20

// Compare finds out which places belong to which enrolled certificate, and what
// these are to be told. A place belongs to the certificate that names its
// endpoint, or whose live version it shows, or once showed. changed tells that
// the manifest is another one than before, even if there is nothing to tell.
func (m *Manifest) Compare(all []Enrolled, run Run) (words []Word, changed bool) {
	known := newRegister(all)
	news := map[string][]int{} // places to tell of, by certificate
	for i := range m.Places {
		p := &m.Places[i]
		e := known.owner(*p)
		if name := nameOf(e); name != p.Of {
			p.Of, p.Told, changed = name, "", true
		}
		if e != nil && !p.Issued && p.There() && p.Trouble == "" && p.Told != p.tells(*e) {
			news[e.Name] = append(news[e.Name], i)
		}
	}
	for _, e := range all {
		if of := news[e.Name]; len(of) > 0 {
			words = append(words, m.word(e, of[:min(len(of), mostTold)], run))
		}
	}
	return words, changed
}

// tells is what a certificate hears of the place: nothing while it shows what it should.
func (p Place) tells(e Enrolled) string {
	if e.Live == "" || p.Holds.Fingerprint() == e.Live {
		return ""
	}
	return string(p.Holds) + " for " + string(e.Live)
}

// word makes the observations, and notes that they were told. Of an endpoint with
// several addresses all are told together, since they replace what was known of it.
func (m *Manifest) word(e Enrolled, of []int, run Run) Word {
	w := Word{Name: e.Name}
	whole := map[string]bool{}
	for _, i := range of {
		if p := m.Places[i]; p.of(e) {
			whole[p.Endpoint.String()] = true
		} else {
			w.Observations = append(w.Observations, m.observation(i, e, run))
		}
	}
	for i, p := range m.Places {
		if p.of(e) && whole[p.Endpoint.String()] && p.There() && p.Trouble == "" {
			w.Observations = append(w.Observations, m.observation(i, e, run))
		}
	}
	return w
}

// of reports whether the place is one of the certificate's endpoints.
func (p Place) of(e Enrolled) bool {
	return p.Endpoint.Host != "" && slices.ContainsFunc(e.Endpoints, func(x cert.Endpoint) bool { return x.String() == p.Endpoint.String() })
}

func (m *Manifest) observation(i int, e Enrolled, run Run) cert.Observation {
	p := &m.Places[i]
	p.Told = p.tells(e)
	o := cert.Observation{At: run.Ended, Version: m.Certs[p.Holds]}
	if p.of(e) {
		o.Endpoint = p.Endpoint
		if _, address, ok := strings.Cut(p.Name, "@"); ok {
			o.Address = address
		}
		return o
	}
	o.Place = p.Name
	return o
}

// register finds enrolled certificates.
type register struct {
	name     map[string]*Enrolled
	endpoint map[string]*Enrolled
	live     map[Key][]*Enrolled // by fingerprint, and by issuance where that is known
}

func newRegister(all []Enrolled) register {
	r := register{map[string]*Enrolled{}, map[string]*Enrolled{}, map[Key][]*Enrolled{}}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Enrolled) int { return cmp.Compare(a.Name, b.Name) })
	for i := range sorted {
		e := &sorted[i]
		r.name[e.Name] = e
		for _, x := range e.Endpoints {
			if r.endpoint[x.String()] == nil {
				r.endpoint[x.String()] = e
			}
		}
		if e.Live != "" {
			r.live[Key(e.Live)] = append(r.live[Key(e.Live)], e)
		}
		if key := IssuanceOf(e.Version); key != "" {
			r.live[key] = append(r.live[key], e)
		}
	}
	return r
}

// owner gives the certificate to which a place belongs; nil if none does.
func (r register) owner(p Place) *Enrolled {
	if p.Endpoint.Host != "" {
		if e := r.endpoint[p.Endpoint.String()]; e != nil {
			return e
		}
	}
	live := r.live[p.Holds]
	for _, e := range live {
		if e.Name == p.Of {
			return e
		}
	}
	if len(live) > 0 {
		return live[0]
	}
	return r.name[p.Of]
}

func nameOf(e *Enrolled) string {
	if e == nil {
		return ""
	}
	return e.Name
}
