package lifecycle

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// calm is how much time must be left for a first notice to wait for a summary;
// what ends sooner is told at once.
const calm = 24 * time.Hour

// Import is the file by which a certificate was enrolled together with others.
// Alerts that stand then are told in one summary per owner.
type Import struct {
	ID       string    `json:"id"`
	Until    time.Time `json:"until"`              // a certificate waits no longer for the summary
	Awaited  bool      `json:"awaited,omitempty"`  // the import waits for a report even if nothing stands
	Reported bool      `json:"reported,omitempty"` // the import knows how this one stands
}

// Standing is what an import is told of a certificate whose time runs out.
type Standing struct {
	Severity alert.Severity `json:"severity"`
	Held     bool           `json:"held,omitempty"` // it waits for the summary; else it is told by itself at once
}

// reportDue tells the import, after the first look, how this certificate
// stands, if something stands or if it is waited for. A threshold that was
// passed before is held for the summary, unless it cannot wait.
func (v *view) reportDue() *Decision {
	i := v.s.Import
	if i == nil || i.Reported || v.looking() || !v.now.Before(i.Until) {
		return nil
	}
	d := &Decision{Step: Step{Kind: StepReport}, Reason: ImportAsks}
	c := v.expiring()
	switch {
	case c == nil && i.Awaited:
		return d
	case c == nil:
		return nil
	}
	c.version = v.s.Live.Fingerprint
	d.Step.Standing = &Standing{Severity: c.severity}
	a := v.newAlert(*c)
	if old := v.s.about(*c); old != nil { // the report before was lost
		a = *old
	} else {
		a.Held, a.NextAt = i.ID, v.holdUntil()
	}
	if a.Held == i.ID && a.NextAt.After(v.now) {
		d.Step.Alert, d.Step.Standing.Held = &a, true
	}
	return d
}

// holdUntil is when a notice waits no longer for the summary.
func (v *view) holdUntil() time.Time {
	until := v.s.Import.Until
	if soon := v.s.Live.NotAfter.Add(-calm); v.known() && soon.Before(until) {
		until = soon
	}
	return until
}

// Reported lands a report. Where the import could not be told, nobody sums up:
// what was held for it is told now.
func (s *State) Reported(now time.Time, taken bool) {
	s.Land(FlyReport, "")
	if s.Import != nil && !taken {
		s.Release(now, s.Import.ID)
	}
}

// Release lets every notice that waits for a summary be told by itself. It
// gives the alerts that waited.
func (s *State) Release(now time.Time, id string) []Alert {
	var done []Alert
	for i := range s.Alerts {
		if a := &s.Alerts[i]; a.Held != "" && a.Held == id {
			a.NextAt = now
			done = append(done, *a)
		}
	}
	return done
}

// Summarized notes that the summary of an import told the alerts that waited
// for it, by these kinds of channel: it counts as their first step, and from
// now on they climb as others do. It gives the alerts that waited.
func (s *State) Summarized(now time.Time, id string, kinds []string) []Alert {
	v := look(now, s)
	var done []Alert
	for i := range s.Alerts {
		if a := &s.Alerts[i]; a.Held != "" && a.Held == id {
			*a = v.climb(*a, s.Spec.Policy.ladder(a.Plan))
			a.Held, a.Used = "", kinds
			done = append(done, *a)
		}
	}
	return done
}
