package lifecycle

import (
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// keepResolved and keepAttempts bound the state; the journal keeps everything.
const (
	keepResolved = 10
	keepAttempts = 20
)

// Apply makes the state say that the decision's step was begun at now. Waiting
// changes nothing.
func (s *State) Apply(d Decision, now time.Time) {
	switch d.Step.Kind {
	case StepLook:
		s.Look = nil
		s.Flights = append(s.Flights, Flight{Kind: FlyLook, At: now})
	case StepTell:
		s.put(*d.Step.Alert)
		s.Flights = append(s.Flights, Flight{FlyTell, d.Step.Alert.ID, now})
	case StepEdit:
		a := *d.Step.Alert
		a.Edit = ""
		s.put(a)
		s.Flights = append(s.Flights, Flight{FlyEdit, a.ID, now})
	case StepClose:
		s.put(*d.Step.Alert)
	case StepRun:
		s.begin(*d.Step.Run, now)
	}
}

func (s *State) begin(r Run, now time.Time) {
	s.Flights = append(s.Flights, Flight{FlyRenewal, string(r.Purpose), now})
	switch r.Purpose {
	case ForRenewal:
		s.Renew, s.Held = nil, nil
	case ForRollBack:
		s.Held, s.RollBack = s.RollBack, nil
	}
}

func (s *State) put(a Alert) {
	if old := s.Alert(a.ID); old != nil {
		*old = a
		return
	}
	s.Alerts = append(s.Alerts, a)
	for len(s.Alerts) > keepResolved {
		i := slices.IndexFunc(s.Alerts, func(a Alert) bool { return !a.Open() && a.Edit == "" })
		if i < 0 {
			return
		}
		s.Alerts = slices.Delete(s.Alerts, i, i+1)
	}
}

// Told is what became of a notice.
type Told struct {
	Alert    string
	Receipts []alert.Receipt
	// Nobody tells that the roles led to nobody, so the next step is due at once.
	Nobody bool
	// Failed lists the channels that refused, in words. With no receipt at all
	// the notice reached nobody.
	Failed []string
}

// Told lands a notice.
func (s *State) Told(now time.Time, t Told) {
	s.Land(FlyTell, t.Alert)
	a := s.Alert(t.Alert)
	if a == nil {
		return
	}
	a.Failed = nil
	for _, r := range t.Receipts {
		if !slices.Contains(a.Used, r.Kind) {
			a.Used = append(a.Used, r.Kind)
		}
		same := func(o alert.Receipt) bool { return o.Channel == r.Channel && o.Address == r.Address }
		if !slices.ContainsFunc(a.Receipts, same) {
			a.Receipts = append(a.Receipts, r)
		}
	}
	if len(t.Receipts) > 0 || !a.Open() || a.Status == Acknowledged || !a.SnoozedUntil.IsZero() {
		if len(t.Receipts) > 0 {
			a.Failed = t.Failed
		}
		return
	}
	plan, _ := s.Spec.Policy.escalation(a.Plan)
	more := a.Step > 0 && a.Step < len(plan.Steps)
	switch {
	case more:
		a.NextAt = now
	case t.Nobody && a.Step == 0:
		// everybody in the plan was tried and the catch-all too: the repeat goes on
	default:
		a.Step, a.NextAt = 0, now.Add(max(s.Spec.Policy.RetryEvery.Of(look(now, s).plan.Lifetime)/4, time.Second))
	}
	a.Failed = append(slices.Clone(t.Failed), "nobody was reached")
}

// Edited lands the update of sent messages.
func (s *State) Edited(id string) { s.Land(FlyEdit, id) }

// Observed lands a look at the world and draws what follows: a first version,
// one that was replaced by hand, a proof that came late.
func (s *State) Observed(now time.Time, seen []cert.Observation) {
	s.Land(FlyLook, "")
	s.sight(now, seen)
}

func (s *State) sight(now time.Time, seen []cert.Observation) {
	s.Sight.At, s.Sight.Observations = now, seen
	if len(seen) > 0 && !slices.ContainsFunc(seen, func(o cert.Observation) bool { return !o.Seen() }) {
		s.Sight.SeenAt = now
	}
	for _, o := range seen {
		if o.Target != "" && o.Seen() {
			s.installed(Installed{Target: o.Target, Fingerprint: o.Version.Fingerprint, At: now})
		}
	}
	if v, ok := s.shown(); ok && v.Fingerprint != s.Live.Fingerprint && s.adoptable(now, v) {
		s.adopt(now, v)
	}
	if look(now, s).serves() {
		s.Renewal.Unproven = ""
	}
}

// shown is the version on which all places agree. Where only watched, places
// that do not answer have no say, and of several versions the one that ends
// first counts unless Live is still among them.
func (s *State) shown() (cert.Version, bool) {
	var seen []cert.Version
	for _, o := range s.places() {
		if o.Seen() {
			seen = append(seen, o.Version)
		} else if s.Spec.Managed {
			return cert.Version{}, false
		}
	}
	if len(seen) == 0 {
		return cert.Version{}, false
	}
	first := slices.MinFunc(seen, func(a, b cert.Version) int { return a.NotAfter.Compare(b.NotAfter) })
	for _, v := range seen {
		if v.Fingerprint != first.Fingerprint {
			same := slices.ContainsFunc(seen, func(v cert.Version) bool { return v.Fingerprint == s.Live.Fingerprint })
			return first, !s.Spec.Managed && !same
		}
	}
	return first, true
}

func (s *State) adoptable(now time.Time, v cert.Version) bool {
	covers := len(cert.Covers(v.Names, s.Spec.Names)) == 0
	switch {
	case s.Live.Fingerprint == "":
		return covers || !s.Spec.Managed
	case !covers || !v.ValidAt(now):
		return false
	case !s.Spec.Managed || v.Fingerprint == s.Renewal.Candidate.Fingerprint:
		return true
	}
	return s.Held == nil && !s.flying(FlyRenewal, "") && v.NotAfter.After(s.Live.NotAfter)
}

// adopt makes a version the live one and begins a new replacement.
func (s *State) adopt(now time.Time, v cert.Version) {
	if s.Live.Fingerprint != "" {
		s.Previous = s.Live
	}
	s.Live, s.LiveAt, s.Window = v, now, nil
	s.Renewal = Renewal{Renewed: s.Renewal.Renewed}
}

func (s *State) installed(i Installed) {
	if p := s.Place(i.Target); p != nil {
		if i.Behind != "" && p.Behind != "" {
			i.Since = p.Since
		}
		if i.Behind == "" && p.Behind != "" && i.Fingerprint != s.Live.Fingerprint {
			return // it answers again, and still has an older version
		}
		*p = i
		return
	}
	s.Installed = append(s.Installed, i)
}

// Ended lands a run and draws what follows from its outcome.
func (s *State) Ended(now time.Time, r Run, o Outcome) {
	s.Land(FlyRenewal, "")
	pace := max(s.Spec.Policy.RetryEvery.Of(look(now, s).plan.Lifetime), time.Second)
	if o.Kind.Success() && o.Version.Fingerprint != "" {
		if o.Version.Fingerprint != s.Live.Fingerprint {
			s.adopt(now, o.Version)
			if r.Purpose == ForRenewal {
				s.Renewal.Renewed = now
			}
		} else {
			s.Renewal.Unproven = ""
		}
	}
	for _, i := range o.Installed {
		i.At = now
		if i.Behind != "" {
			i.Since, i.RetryAt = now, now.Add(pace)
		}
		s.installed(i)
	}
	if len(o.Observations) > 0 {
		s.sight(now, o.Observations)
	} else {
		s.Sight.At = time.Time{} // the world is asked before anything is said about it
	}
	if o.Kind.Success() {
		return
	}
	s.failed(now, r, o, pace)
}

func (s *State) failed(now time.Time, r Run, o Outcome, pace time.Duration) {
	switch {
	case o.Kind == CAUnavailable:
		if s.Renewal.DownSince.IsZero() {
			s.Renewal.DownSince = now
		}
	case o.Kind != Unknown:
		s.Renewal.DownSince = time.Time{}
	}
	if o.Version.Fingerprint != "" && r.Purpose == ForRenewal {
		s.Renewal.Candidate = o.Version
	}
	if o.Kind == Unproven {
		s.Renewal.Unproven = o.Cause
	}
	if r.Purpose == ForRollBack && o.Kind != Unproven {
		s.Renewal.Unproven = "rolling back failed: " + o.Cause
	}
	if r.Purpose == ForDeploy {
		for i, p := range s.Installed {
			if p.Behind != "" && slices.Contains(r.Targets, p.Target) && !p.RetryAt.After(now) {
				s.Installed[i].Behind, s.Installed[i].RetryAt = o.Cause, now.Add(pace)
			}
		}
		return
	}
	s.Renewal.Attempts = append(s.Renewal.Attempts, Attempt{now, o.Kind, o.Cause, o.Kind.Counts() && r.Purpose == ForRenewal})
	for len(s.Renewal.Attempts) > keepAttempts {
		i := max(0, slices.IndexFunc(s.Renewal.Attempts, func(a Attempt) bool { return !a.Counts }))
		s.Renewal.Attempts = slices.Delete(s.Renewal.Attempts, i, i+1)
	}
	s.Renewal.RetryAt = latest(now.Add(pace), o.RetryAt)
	if o.Kind.Counts() {
		s.Renewal.RetryAt = latest(s.Renewal.RetryAt, s.retryByBudget(now))
	}
	s.refresh(o.Cause)
}

// retryByBudget is the instant of the next attempt as the budget spreads them.
func (s *State) retryByBudget(now time.Time) time.Time {
	n := s.counted()
	if n == 0 || n >= s.Spec.Policy.MaxAttempts {
		return time.Time{}
	}
	i := slices.IndexFunc(s.Renewal.Attempts, func(a Attempt) bool { return a.Counts })
	times := RetryTimes(s.Renewal.Attempts[i].At, look(now, s).plan, s.Live.NotAfter, s.Spec.Policy.MaxAttempts)
	return times[n]
}

// refresh puts the new cause into the alerts that tell it; sent messages are edited.
func (s *State) refresh(cause string) {
	for i := range s.Alerts {
		a := &s.Alerts[i]
		told := a.Reason == alert.RenewalFailing || a.Reason == alert.AttemptsSpent || a.Reason == alert.CAUnavailable
		if a.Open() && told && !strings.EqualFold(a.Cause, cause) {
			a.Cause = cause
			if len(a.Receipts) > 0 && a.Edit == "" {
				a.Edit = alert.Changed
			}
		}
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Recover lands whatever a run inherited as under way: nobody will report it,
// so it counts as failed-unknown and the world is asked first.
func (s *State) Recover(now time.Time) {
	for _, f := range slices.Clone(s.Flights) {
		switch f.Kind {
		case FlyTell:
			s.Told(now, Told{Alert: f.ID, Failed: []string{"the result was lost"}})
		case FlyRenewal:
			s.Ended(now, Run{Purpose: Purpose(f.ID), Targets: s.Spec.Targets}, Outcome{Kind: Unknown, Cause: "the result was lost"})
		default:
			s.Land(f.Kind, f.ID)
		}
	}
}

// RollBackHelps reports whether putting back what a target had before would
// leave it better off: there was a certificate, and it is neither expired nor
// revoked. Otherwise a valid new pair is left where it is.
func RollBackHelps(now time.Time, before cert.Version, revoked bool) (bool, string) {
	switch {
	case before.Fingerprint == "":
		return false, "there was no certificate before"
	case revoked:
		return false, "the previous certificate " + before.Fingerprint.Short() + " is revoked"
	case !now.Before(before.NotAfter):
		return false, "the previous certificate " + before.Fingerprint.Short() + " expired at " + before.NotAfter.UTC().Format(time.RFC3339)
	}
	return true, ""
}
