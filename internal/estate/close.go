package estate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// keepFailed bounds the failed parts of a run that are kept.
const keepFailed = 50

// Close applies the steps of a run that ended, and sums it up. broken is why it
// ended before its last page; empty if it did not. changed tells that the
// manifest is another one than before, and has to be kept before the run is told
// to be over: to close the same run once more then changes nothing.
func (m *Manifest) Close(run Run, steps []Step, broken string, now time.Time) (out Run, changed bool) {
	if m.Applied.ID == run.ID && run.ID != "" {
		return m.Applied, false
	}
	out = m.close(run, steps, broken, now, &changed)
	if changed {
		m.Applied = out
	}
	return out, changed
}

func (m *Manifest) close(run Run, steps []Step, broken string, now time.Time, changed *bool) Run {
	run.Ended, run.Err = now.UTC(), short(broken)
	known := m.index()
	seen := make([]bool, len(m.Places))
	var news []source.Sighting
	for _, s := range steps {
		run.Pages++
		run.Seen, run.Unread, run.Troubled = run.Seen+s.Seen, run.Unread+s.Unread, run.Troubled+s.Troubled
		run.Failed = append(run.Failed, s.Failed...)
		for _, span := range s.Same {
			for i := span[0]; i < span[0]+span[1] && i < len(seen); i++ {
				seen[i] = true
			}
		}
		for _, x := range s.News {
			if i, ok := known[x.Place]; ok {
				seen[i] = true
			}
		}
		news = append(news, s.News...)
	}
	whole := broken == "" && len(steps) > 0 && steps[len(steps)-1].Next == nil
	if whole {
		run.Gone = m.miss(seen, run, steps[0].Since, now)
	}
	left := m.takeAll(news, known, &run, now)
	if left > 0 {
		run.Failed = append(run.Failed, source.Failure{Places: m.Source, Why: fmt.Sprintf("%d places are left out, since one source keeps %d; divide it", left, MostPlaces)})
	}
	run.Complete = whole && len(run.Failed) == 0
	run.Failed = run.Failed[:min(len(run.Failed), keepFailed)]
	*changed = m.tidy(now) || run.Gone > 0 || len(news) > left
	if whole {
		resume := steps[len(steps)-1].Resume
		if left > 0 { // they would never be told again
			resume = nil
		}
		*changed = *changed || !bytes.Equal(resume, m.Resume)
		m.Resume = resume
	}
	return run
}

// takeAll takes in what is not as it was, and counts what there is no room for.
func (m *Manifest) takeAll(news []source.Sighting, known map[string]int, run *Run, now time.Time) (left int) {
	if m.Certs == nil {
		m.Certs = map[Key]cert.Version{}
	}
	for _, x := range news {
		i, ok := known[x.Place]
		switch {
		case !ok && len(m.Places) >= MostPlaces:
			left++
			continue
		case !ok:
			i, known[x.Place] = len(m.Places), len(m.Places)
			m.Places = append(m.Places, Place{Name: x.Place, First: now.UTC()})
			run.New++
		}
		if x.Seen() {
			m.Certs[KeyOf(x.Version)] = x.Version
		}
		if m.Places[i].take(x, now) && ok {
			run.Changed++
		}
	}
	slices.SortFunc(m.Places, func(a, b Place) int { return strings.Compare(a.Name, b.Name) })
	return left
}

func (m *Manifest) index() map[string]int {
	out := make(map[string]int, len(m.Places))
	for i, p := range m.Places {
		out[p.Name] = i
	}
	return out
}

// miss notes which places a run of all pages did not see, and counts those that are
// gone by it. In one that was told only what came since, those that have ended are.
func (m *Manifest) miss(seen []bool, run Run, since bool, now time.Time) (gone int) {
	for i := range m.Places {
		p := &m.Places[i]
		unknown := slices.ContainsFunc(run.Failed, func(f source.Failure) bool { return strings.HasPrefix(p.Name, f.Places) })
		ended := p.Issued && p.Holds != "" && !now.Before(m.Certs[p.Holds].NotAfter)
		there := since && !ended
		if seen[i] || unknown || there || !p.Gone.IsZero() {
			continue
		}
		p.Gone, p.Last = now.UTC(), run.Started.UTC()
		gone++
	}
	return gone
}

// take takes in what the place shows now, and tells whether it is something else.
func (p *Place) take(x source.Sighting, now time.Time) (changed bool) {
	p.Host, p.Endpoint, p.RenewedBy, p.Owner, p.Team, p.Environment = x.Host, x.Endpoint, x.RenewedBy, x.Owner, x.Team, x.Environment
	p.Issued = x.Issued
	changed = !p.Gone.IsZero()
	p.Trouble, p.Gone, p.Last = x.Trouble, time.Time{}, time.Time{}
	if len(x.Findings) > 0 || x.Seen() {
		p.Faults = faults(x.Findings)
	} else { // the renewal was looked at, though no certificate was seen
		p.Faults = slices.DeleteFunc(p.Faults, Fault.ofRenewal)
	}
	if !x.Seen() {
		return changed
	}
	if key := KeyOf(x.Version); p.Holds != key {
		if p.Holds != "" {
			p.Held = p.Holds
		}
		p.Holds, p.Since, changed = key, now.UTC(), true
		p.Asked, p.Ours = false, ""
	}
	return changed
}

// tidy forgets places that are gone for long, and certificates that are nowhere.
func (m *Manifest) tidy(now time.Time) bool {
	n := len(m.Places)
	m.Places = slices.DeleteFunc(m.Places, func(p Place) bool { return !p.Gone.IsZero() && now.Sub(p.Gone) > keepGone })
	used := map[Key]bool{}
	for _, p := range m.Places {
		used[p.Holds], used[p.Held] = true, true
	}
	for key := range m.Certs {
		if !used[key] {
			delete(m.Certs, key)
			n = -1
		}
	}
	return n != len(m.Places)
}

// Stands sums up how the source stands after a run.
func (m *Manifest) Stands(before Standing, run Run) Standing {
	out := Standing{Source: m.Source, Kind: before.Kind, Last: run, Completed: before.Completed}
	if run.Complete {
		out.Completed = run.Ended
	}
	certs := map[Key]bool{}
	for _, p := range m.Places {
		if p.Gone.IsZero() {
			out.Places++
		}
		if p.There() {
			certs[p.Holds] = true
		}
		out.stuck(p)
	}
	out.Certs = len(certs)
	return out
}

// ofRenewal tells that it is about what renews the certificate, and not about the certificate.
func (f Fault) ofRenewal() bool { return f.Code == cert.RenewalStuck || f.Code == cert.RenewalLate }

// stuck notes what the place's own renewal lacks.
func (st *Standing) stuck(p Place) {
	i := slices.IndexFunc(p.Faults, Fault.ofRenewal)
	switch {
	case i < 0 || !p.Gone.IsZero():
	case len(st.Stuck) == MostStuck:
		st.StuckMore++
	default:
		st.Stuck = append(st.Stuck, Stuck{p.Name, p.Faults[i].What})
	}
}
