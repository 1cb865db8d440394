package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Ended lands a run and draws what follows from its outcome.
func (s *State) Ended(now time.Time, r Run, o Outcome) {
	s.Land(FlyRenewal, "")
	o.Cause = clip(o.Cause)
	if o.Kind == Issued {
		s.issued(o.Version)
		return
	}
	if o.Kind.Success() && o.Version.Fingerprint == "" && r.Purpose != ForDeploy {
		o.Kind, o.Cause = Unknown, "the run ended well without naming a version"
	}
	if o.Rollout != nil {
		s.Rollout = o.Rollout
		s.Rollout.Purpose, s.Rollout.ByHand, s.Rollout.Outcome, s.Rollout.Cause = r.Purpose, r.ByHand, o.Kind, o.Cause
	}
	pace := look(now, s).of(s.Spec.Policy.RetryEvery)
	ends := s.Live.NotAfter // what a target has that is not reached
	if o.Kind.Success() {
		s.succeeded(now, r, o.Version)
	}
	for _, i := range o.Installed {
		if r.Part && i.Behind != "" { // it does not lag behind what is live
			continue
		}
		i.At, i.Behind = now, clip(i.Behind)
		if i.Behind != "" {
			i.Since, i.Ends = now, ends
		}
		s.installed(i)
	}
	s.postpone(now, r.Targets, pace)
	s.witness(now, o)
	if !o.Kind.Success() {
		s.failed(now, r, o, pace)
	}
	s.refresh(look(now, s))
}

// issued notes a version that may not be deployed yet; the CA answered for it.
func (s *State) issued(v cert.Version) {
	s.Renewal.Candidate, s.Renewal.Awaits = v, nil
	s.Renewal.DownSince, s.Renewal.RetryAt = time.Time{}, time.Time{}
	if s.Renew == nil {
		s.Renew = s.Renewal.Asked
	}
	s.Renewal.Asked = nil
}

// maxText bounds a text from outside that the state keeps, in bytes.
const maxText = 2000

// clip keeps both ends of a long text: the beginning says where, the end why.
func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText/2], "") + " … " + strings.ToValidUTF8(text[len(text)-maxText/2:], "")
}

func (s *State) succeeded(now time.Time, r Run, v cert.Version) {
	if r.Part {
		return // what is live stays what counts
	}
	switch {
	case v.Fingerprint != "" && v.Fingerprint != s.Live.Fingerprint:
		s.adopt(now, v)
	case len(without(s.Spec.Targets, r.Targets)) == 0:
		s.Renewal.Unproven = ""
	}
	if r.Purpose == ForRenewal {
		s.Renewal.Renewed = now
	}
}

// postpone paces the targets that are behind: hourly at first, daily after days.
func (s *State) postpone(now time.Time, tried []string, pace time.Duration) {
	daily := look(now, s).of(s.Spec.Policy.ObserveEvery)
	for i, p := range s.Installed {
		if p.Behind != "" && (slices.Contains(tried, p.Target) || p.RetryAt.IsZero()) {
			s.Installed[i].RetryAt = now.Add(growing(now.Sub(p.Since), pace, daily))
		}
	}
}

// witness takes in what the run saw. If it did not see everything, the world is
// asked before anything is said about it.
func (s *State) witness(now time.Time, o Outcome) {
	s.Sight.At = time.Time{}
	if len(o.Observations) == 0 {
		return
	}
	s.merge(o.Observations)
	if s.complete(o.Observations) {
		s.Sight.At = now
		if !o.ObservedAt.IsZero() && o.ObservedAt.Before(now) {
			s.Sight.At = o.ObservedAt
		}
	}
	s.draw(now)
}

func (s *State) failed(now time.Time, r Run, o Outcome, pace time.Duration) {
	ca := cmp.Or(o.CA, r.CA, s.ca())
	if o.Kind != Waiting { // that is a forecast of ours
		s.hear(ca, o.RetryAt)
	}
	switch {
	case r.chosen() && o.Kind.Counts() && o.Kind != Unproven:
		s.Held = nil // every target has what it had: nothing is in doubt, and nothing to hold
	case o.Kind == Unproven || r.chosen():
		s.Renewal.Unproven, s.Renewal.UnprovenAt = o.Cause, now
		if o.Kind != Unproven {
			s.Renewal.Unproven = "deploying " + r.Version.Short() + " failed: " + o.Cause
			if r.Purpose == ForRollBack {
				s.Renewal.Unproven = "rolling back failed: " + o.Cause
			}
		}
		if r.chosen() && look(now, s).serves() && s.Held != nil && s.Held.Fingerprint == s.Live.Fingerprint {
			s.Renewal.Unproven = "" // the world shows that it is back
		}
	}
	if r.Purpose != ForRenewal {
		if r.Purpose == ForDeploy {
			s.behindBecause(r.Targets, o)
		}
		return
	}
	if o.Kind == Waiting {
		s.wait(now, Awaits{CA: ca, Until: o.RetryAt, Why: o.Cause})
		s.Renewal.RetryAt = latest(now.Add(min(pace, patience)), o.RetryAt.Add(patience))
		return
	}
	stranded := o.Kind == CAUnavailable && o.Watched && o.RetryAt.IsZero()
	if stranded {
		s.wait(now, Awaits{CA: ca, Outage: true, Why: o.Cause})
	} else {
		s.Renewal.Awaits = nil
	}
	switch {
	case o.Kind == CAUnavailable, o.Kind == Unsettled:
		if s.Renewal.DownSince.IsZero() {
			s.Renewal.DownSince = now
		}
	case !o.Kind.mute():
		s.Renewal.DownSince = time.Time{}
	}
	if v := o.Version; v.Fingerprint != "" {
		if v.Fingerprint == s.Live.Fingerprint {
			return // the world shows it all the same
		}
		s.Renewal.Candidate = v
	}
	s.attempted(now, Attempt{At: now, Outcome: o.Kind, Cause: o.Cause, Counts: o.Kind.Counts(), CA: ca, Elsewhere: o.Elsewhere}, latest(now.Add(pace), o.RetryAt))
	if stranded {
		s.Renewal.RetryAt = s.withoutWord(now, pace)
		s.Renewal.Awaits.Until = s.Renewal.RetryAt
	}
}

// behindBecause gives the cause of the whole run to the targets that have none of their own.
func (s *State) behindBecause(targets []string, o Outcome) {
	for i, p := range s.Installed {
		own := slices.ContainsFunc(o.Installed, func(n Installed) bool { return n.Target == p.Target && n.Behind != "" })
		if p.Behind != "" && o.Cause != "" && !own && slices.Contains(targets, p.Target) {
			s.Installed[i].Behind = o.Cause
		}
	}
}

// attempted notes a failed attempt and when the next may begin.
func (s *State) attempted(now time.Time, a Attempt, retryAt time.Time) {
	if s.Renewal.FailingSince.IsZero() {
		s.Renewal.FailingSince = now
	}
	s.Renewal.Attempts = append(s.Renewal.Attempts, a)
	for len(s.Renewal.Attempts) > max(keepAttempts, s.Spec.MaxAttempts()) {
		i := max(0, slices.IndexFunc(s.Renewal.Attempts, func(a Attempt) bool { return !a.Counts }))
		s.Renewal.Attempts = slices.Delete(s.Renewal.Attempts, i, i+1)
	}
	if a.Counts {
		retryAt = latest(retryAt, s.retryByBudget(now))
	}
	s.Renewal.RetryAt = retryAt
}

// retryByBudget is the instant of the next attempt as the budget spreads them.
func (s *State) retryByBudget(now time.Time) time.Time {
	n := s.counted()
	if n == 0 || n >= s.Spec.MaxAttempts() {
		return time.Time{}
	}
	i := slices.IndexFunc(s.Renewal.Attempts, func(a Attempt) bool { return a.Counts })
	first, plan, end := s.Renewal.Attempts[i].At, look(now, s).plan, s.Live.NotAfter
	if s.Live.Fingerprint == "" {
		end = first.Add(firstAttempts)
		plan = Plan{Lifetime: 10 * firstAttempts, LastSafe: end}
	}
	times := RetryTimes(first, plan, end, s.Spec.MaxAttempts())
	return times[n]
}

// refresh puts new causes into the alerts that tell them; sent messages are edited.
func (s *State) refresh(v *view) {
	for _, c := range v.conditions() {
		a := s.about(c)
		if a == nil || c.cause == "" || a.Cause == c.cause {
			continue
		}
		a.Cause = c.cause
		if a.Edit == "" {
			a.Edit = a.phase()
		}
	}
}

// RollBackHelps reports whether putting back what a target had before would
// leave it better off: there was a certificate, and it is neither expired nor
// revoked. Otherwise a valid new pair is left where it is, and so it is where
// lost tells why what was there cannot come back.
func RollBackHelps(now time.Time, before cert.Version, revoked bool, lost string) (bool, string) {
	switch {
	case before.Fingerprint == "":
		return false, "there was no certificate before"
	case lost != "":
		return false, lost
	case revoked:
		return false, "the previous certificate " + before.Fingerprint.Short() + " is revoked"
	case !now.Before(before.NotAfter):
		return false, "the previous certificate " + before.Fingerprint.Short() + " expired at " + before.NotAfter.UTC().Format(time.RFC3339)
	}
	return true, ""
}
