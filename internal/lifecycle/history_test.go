package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// dice makes the choices of a random history, from a seed or from fuzzed bytes.
type dice interface{ IntN(n int) int }

type fuzzed struct{ rest []byte }

func (f *fuzzed) IntN(n int) int {
	if len(f.rest) == 0 {
		return 0
	}
	v := int(f.rest[0])
	if len(f.rest) > 1 && n > 256 {
		v, f.rest = v<<8|int(f.rest[1]), f.rest[1:]
	}
	f.rest = f.rest[1:]
	return v % n
}

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// share is a part of a length of time, in hundredths.
func share100(d dice, of time.Duration, upTo int) time.Duration {
	return of / 100 * time.Duration(d.IntN(upTo+1))
}

// history is a random world, and where its story begins and ends.
func history(d dice) (*world, time.Time) {
	lifetime := pick(d, 90*day, 6*day, 47*day, 398*day, 10*day, 36*time.Hour)
	spec := Spec{Managed: d.IntN(3) > 0, Policy: policyOf(d)}
	for i := range 1 + d.IntN(3) {
		if spec.Managed {
			spec.Targets = append(spec.Targets, pick(d, "web", "edge", "mail")+string(rune('1'+i)))
		}
	}
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(spec, issued, lifetime)
	w.addresses = 1 + d.IntN(3)
	enrolled := issued.Add(pick(d, 0, lifetime*55/100, lifetime*80/100, lifetime*95/100, lifetime*103/100))
	w.begin(enrolled, d.IntN(8) > 0)
	until := enrolled.Add(share100(d, lifetime, 60))
	if d.IntN(3) == 0 {
		w.s.Import = &Import{ID: "import/1", Until: enrolled.Add(pick(d, time.Minute, time.Hour, 30*time.Hour)), Awaited: d.IntN(2) == 0}
		w.summary, w.unheard = pick(d, 0, time.Second, 5*time.Minute, 2*time.Hour), d.IntN(4) == 0
	}
	for range d.IntN(6) {
		w.plague(d, enrolled, until)
	}
	for range d.IntN(8) {
		at := enrolled.Add(share100(d, until.Sub(enrolled), 100)).Add(time.Duration(d.IntN(7200)) * time.Second)
		w.at(at, w.human(d, at))
	}
	return w, until
}

func policyOf(d dice) Policy {
	p := Default()
	switch d.IntN(5) {
	case 1:
		p.AckFor = Span{Fixed: time.Duration(1+d.IntN(300)) * time.Hour}
	case 2:
		p.Inform = d.IntN(4)
	case 3:
		p.MaxAttempts = 1 + d.IntN(30)
	case 4:
		p.Escalations = slices.Clone(p.Escalations)
		i := d.IntN(len(p.Escalations))
		p.Escalations[i].Steps = p.Escalations[i].Steps[:1]
	}
	return p
}

// plague puts one trouble into the world.
func (w *world) plague(d dice, from, until time.Time) {
	t := trouble{kind: pick(d, "ca", "refused", "deploy", "proof", "doubt", "unknown", "channels", "away", "dead", "outage"), text: "trouble"}
	t.from = from.Add(share100(d, until.Sub(from), 100))
	t.to = t.from.Add(share100(d, until.Sub(from), 100)).Add(time.Minute)
	switch t.kind {
	case "ca":
		if d.IntN(2) == 0 {
			t.retryAt = t.from.Add(share100(d, t.to.Sub(t.from), 150))
		}
	case "channels":
		t.who = pick(d, "", "slack", "email")
	case "away", "dead":
		t.who = pick(d, w.holders()...)
	case "outage":
		lost := d.IntN(2) == 0
		w.at(t.from, func() {
			w.outage = latest(w.outage, t.to)
			if lost { // what was under way will never report
				w.lose()
				w.at(t.to, func() { w.s.Recover(w.now) })
			}
		})
		return
	}
	w.troubles = append(w.troubles, t)
}

// human is something that somebody does; what is refused is not done.
func (w *world) human(d dice, at time.Time) func() {
	kind := d.IntN(14)
	hours := time.Duration(1+d.IntN(400)) * time.Hour
	which, some := d.IntN(4), d.IntN(3)
	in := Answered{By: "minji", Via: "slack"}
	o := Order{By: "minji", Note: "asked for", At: at}
	return func() {
		s := &w.s
		if open := slices.DeleteFunc(slices.Clone(s.Alerts), func(a Alert) bool { return !a.Open() }); which < len(open) {
			in.Alert = open[which].ID
		}
		switch kind {
		case 0, 1, 2:
			if some == 0 {
				in.For = hours
			}
			if s.CheckAcknowledge(in) == nil {
				s.Acknowledge(w.now, in)
			}
		case 3:
			if in.Until = w.now.Add(hours); s.CheckSnooze(w.now, in) == nil {
				s.Snooze(w.now, in)
			}
		case 4:
			if p := (Pause{Order: o, Until: w.now.Add(hours)}); s.CheckPause(w.now, p) == nil {
				s.Paused = &p
			}
		case 5:
			if s.CheckResume() == nil {
				s.Resume()
			}
		case 6:
			if s.CheckRollBack(w.now, "") == nil {
				s.AskRollBack(o)
			}
		case 7:
			if s.CheckRenew(w.now) == nil {
				o.New = some == 0
				s.Renew = &o
			}
		case 8:
			w.replace(w.lifetime, w.holders()[:1+which%len(w.holders())]...)
		case 9:
			s.Look = &o
		case 10:
			start := s.Live.NotAfter.Add(-w.lifetime / 100 * time.Duration(some*20))
			s.Window = &cert.Window{Start: start.Add(-hours), End: start}
		case 11:
			w.vacant = append(w.vacant, []people.Role{people.Owner, people.TeamAll, people.Manager, people.OnCall}[which])
			s.Scanned(w.now, w.observe())
		case 12:
			to := Ownership{Owner: []string{"", "hana", "minji", "jun"}[which], Team: []string{"", "web", "shop"}[some]}
			if s.CheckReassign(to, in) == nil {
				s.Reassign(w.now, to, in)
			}
		case 13:
			if s.CheckTakeOver(in) == nil {
				s.TakeOver(w.now, in)
			}
		}
	}
}
