package lifecycle

import (
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// beforeFreeze is how long before a freeze a renewal begins that would be due in
// it: attempts that fail are to be repeated before it.
var beforeFreeze = span("min(1d,1/30)")

// Thawed is a freeze that does not hold this certificate: somebody overrode it,
// or the policy had it yield at the last safe moment.
type Thawed struct {
	Order
	Frozen
	Policy bool `json:"policy,omitempty"` // not a human
	Told   bool `json:"told,omitempty"`   // people know
}

// avoid moves the renewal to before a freeze in which it would be due. What
// would be due right after the certificate began stays where it is: there the
// freeze holds it up to its end, or to the last safe moment.
func (plan *Plan) avoid(v cert.Version, p Policy) {
	need, lead := p.AttemptTimeout.Of(plan.Lifetime), beforeFreeze.Of(plan.Lifetime)
	f, ok := p.frozen(plan.RenewAt, need, DoIssue, DoDeploy)
	if !ok {
		f, ok = p.frozen(plan.RenewAt.Add(lead), need, DoIssue, DoDeploy)
	}
	if !ok {
		return
	}
	at := f.From.Add(-max(lead, need))
	if earlier, ok := p.frozen(at, need, DoIssue, DoDeploy); ok {
		at = earlier.Until
	}
	if at.Before(plan.RenewAt) && at.After(v.NotBefore.Add(plan.Lifetime/10)) {
		plan.RenewAt, plan.Freeze = at, &f
	}
}

// frozenAt gives the freeze that holds this certificate at an instant.
func (v *view) frozenAt(at time.Time, stops ...Deed) (Frozen, bool) {
	f, ok := v.s.Spec.Policy.frozen(at, 0, stops...)
	if t := v.s.Thawed; t != nil && at.Before(t.Until) {
		return Frozen{}, false
	}
	return f, ok
}

// thaw is when what is wanted at an instant may begin: after the freeze that
// stops it then, at the latest at the last safe moment if freezes yield.
func (v *view) thaw(at, safe time.Time, stops ...Deed) (time.Time, *Frozen) {
	at = latest(at, v.now)
	f, ok := v.frozenAt(at, stops...)
	switch {
	case !ok:
		return at, nil
	case !safe.IsZero() && v.s.Spec.Policy.FreezeYields() && safe.Before(f.Until):
		return latest(at, safe), &f
	}
	return f.Until, &f
}

// safe is the last safe moment of what is live; zero if nothing is.
func (v *view) safe() time.Time {
	if !v.known() {
		return time.Time{}
	}
	return v.plan.LastSafe
}

// steps are what the next run of the renewal would do: an issued candidate is
// only deployed; a run ends with a candidate while only deploying is frozen, and
// where people approve what is deployed.
func (v *view) steps() (does []Deed, hold bool) {
	if v.candidate() != "" {
		return []Deed{DoDeploy}, false
	}
	if v.s.Spec.Policy.Approval.Before == DoDeploy {
		return []Deed{DoIssue}, true
	}
	if at, _ := v.thaw(v.now, v.safe(), DoDeploy); at.After(v.now) {
		return []Deed{DoIssue}, true
	}
	return []Deed{DoIssue, DoDeploy}, false
}

// unfrozen is when a renewal by rule that is due at an instant may begin.
func (v *view) unfrozen(at time.Time, why Reason) (time.Time, Reason) {
	if at.IsZero() || len(v.s.Spec.Policy.Freezes) == 0 {
		return at, why
	}
	stops, _ := v.steps()
	switch thawed, f := v.thaw(at, v.safe(), stops...); {
	case f == nil:
		return at, why
	case thawed.Equal(f.Until):
		return thawed, UntilFreezeEnds
	default:
		return thawed, FreezeYields
	}
}

// FrozenUntil gives the freeze that holds a certificate now; nil if none does.
func FrozenUntil(now time.Time, s State) *Frozen {
	f, ok := look(now, &s).frozenAt(now, DoIssue, DoDeploy)
	if !ok || !s.Spec.Managed {
		return nil
	}
	return &f
}

// overdue gives the freeze that holds back a renewal that is due, if it lasts
// longer than the last safe moment.
func (v *view) overdue() (Frozen, time.Time, bool) {
	at, _ := v.wantedAt()
	if !v.known() || at.IsZero() || v.now.Before(at) || v.running() {
		return Frozen{}, at, false
	}
	stops, _ := v.steps()
	f, ok := v.frozenAt(v.now, stops...)
	return f, at, ok && f.Until.After(v.plan.LastSafe)
}

// waitsForThaw reports whether a renewal is due and a freeze holds it back.
func (v *view) waitsForThaw() bool {
	if len(v.s.Spec.Policy.Freezes) == 0 {
		return false
	}
	at, _ := v.wantedAt()
	stops, _ := v.steps()
	_, frozen := v.frozenAt(v.now, stops...)
	return frozen && !at.IsZero() && !v.now.Before(at)
}

// frozenOut: a freeze would outlast the certificate's last safe moment. People
// hear of it before the freeze yields, or of that it did.
func (v *view) frozenOut() *condition {
	c := &condition{reason: alert.Frozen, severity: alert.P3, plan: EscalateFailing, level: -1}
	if t := v.s.Thawed; t != nil && t.Policy && !t.Told {
		c.since = t.At
		return c
	}
	f, at, ok := v.overdue()
	if !ok {
		return nil
	}
	if c.since = latest(f.From, at); !v.s.Spec.Policy.FreezeYields() {
		c.severity, c.plan = alert.P2, "P2"
	}
	return c
}

// melted says what ends the call about a freeze, "" while nothing does.
func (v *view) melted(a Alert) string {
	s := v.s
	if v.running() {
		return ""
	}
	if t := s.Thawed; t != nil && v.now.Before(t.Until) {
		if s.Live.Fingerprint != a.Version && v.serves() {
			return v.proof() + "; freeze " + t.Name() + " was overridden by " + t.By
		}
		return fmt.Sprintf("freeze %s was overridden by %s", t.Name(), t.By)
	}
	if _, _, ok := v.overdue(); !ok {
		return "no freeze holds back its renewal any more"
	}
	return ""
}

// refuseFrozen refuses what a human asks for in a freeze.
func (s *State) refuseFrozen(now time.Time, verb string, o Order, stops ...Deed) error {
	v, name := look(now, s), s.Spec.Name
	f, ok := v.frozenAt(now, stops...)
	switch {
	case !ok && o.Override:
		return refuse("no freeze holds %s back now: there is nothing to override", name)
	case !ok:
		return nil
	case o.Override && o.Note == "":
		return refuse("overriding freeze %s needs a reason: say it by --note", f.Name())
	case o.Override:
		return nil
	case s.Spec.Policy.FreezeYields() && v.known() && !now.Before(v.plan.LastSafe):
		return nil
	}
	return refuse("freeze %s of policy %q stops that until %s; to do it all the same, with a reason that is kept: neverlapse %s %s --override-freeze --note '...'",
		f.Name(), s.Spec.Policy.Name, f.Until.UTC().Format(time.RFC3339), verb, name)
}

// OverrideFreeze has the freeze of now hold this certificate no more, up to its
// end; nil if there is none.
func (s *State) OverrideFreeze(now time.Time, o Order) *Thawed {
	f, ok := look(now, s).frozenAt(now, DoIssue, DoDeploy)
	if !ok {
		return nil
	}
	s.Thawed = &Thawed{Order: o, Frozen: f, Told: true}
	return s.Thawed
}

// frozenOutAt is when people are told that a freeze outlasts the last safe moment:
// when the renewal becomes due in it, or it begins with a renewal that is due.
func (v *view) frozenOutAt() time.Time {
	at, _ := v.wantedAt()
	if !v.known() || at.IsZero() || v.running() || len(v.s.Spec.Policy.Freezes) == 0 {
		return time.Time{}
	}
	stops, _ := v.steps()
	if f, ok := v.frozenAt(latest(at, v.now), stops...); ok && f.Until.After(v.plan.LastSafe) {
		return latest(at, f.From)
	}
	return time.Time{}
}
