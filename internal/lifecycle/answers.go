package lifecycle

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// Refusal is why a human's word cannot be taken: what is so, and what to do instead.
type Refusal struct{ Text string }

func (r Refusal) Error() string { return r.Text }

func refuse(format string, args ...any) error { return Refusal{fmt.Sprintf(format, args...)} }

// Answered is a human's word about alerts.
type Answered struct {
	Alert string // ID; empty means every firing alert of the certificate
	By    string
	Via   string
	Note  string
	Seen  string        // Standing of the alert when the person saw it, or the Round in which it fires; empty: whatever it is
	For   time.Duration // acknowledge: zero means as long as the policy allows
	Until time.Time     // snooze
}

func (s *State) meant(id string) []int {
	var out []int
	for i, a := range s.Alerts {
		if a.Open() && (id == "" || a.ID == id) {
			out = append(out, i)
		}
	}
	return out
}

func (s *State) noneFiring(id string) error {
	if a := s.Alert(id); a != nil {
		return refuse("alert %s was resolved at %s: %s", id, a.ResolvedAt.UTC().Format(time.RFC3339), a.Evidence)
	}
	if id != "" {
		return refuse("%s has no alert %s; see its alerts by: neverlapse status %s", s.Spec.Name, id, s.Spec.Name)
	}
	return refuse("no alert is firing for %s; nothing to answer", s.Spec.Name)
}

// Standing changes when the alert fires again, grows more urgent or is answered:
// whoever saw another one answers something else than what is.
func (a Alert) Standing() string {
	at := int64(0)
	if a.Answer != nil {
		at = a.Answer.At.UnixNano()
	}
	return fmt.Sprintf("%d/%s/%s/%d", a.Round, a.Severity, a.Status, at)
}

// overtaken refuses a word about an alert that is not any more as the person saw it.
func (s *State) overtaken(in Answered) error {
	a := s.Alert(in.Alert)
	switch {
	case in.Seen == "" || a == nil || a.Standing() == in.Seen || a.Status == Firing && in.Seen == strconv.Itoa(a.Round):
		return nil
	case a.Answer == nil:
		return refuse("alert %s has changed since you saw it: it is %s %s; look again", a.ID, a.Severity, a.Status)
	}
	return refuse("%s was first: answered alert %s by %s at %s; look again", a.Answer.By, a.ID, a.Answer.Via, a.Answer.At.UTC().Format(time.RFC3339))
}

// CheckAcknowledge tells why an acknowledgement cannot be taken; nil if it can.
func (s *State) CheckAcknowledge(in Answered) error {
	if len(s.meant(in.Alert)) == 0 {
		return s.noneFiring(in.Alert)
	}
	if in.By == "" {
		return refuse("an acknowledgement needs a name: who has it?")
	}
	return s.overtaken(in)
}

// Acknowledge quiets people until the acknowledgement lapses: after For, at
// most AckFor, and at the latest at the next threshold. It never closes. It
// gives the alerts that it quieted.
func (s *State) Acknowledge(now time.Time, in Answered) []Alert {
	until := s.QuietAtMost(now)
	if end := now.Add(in.For); in.For > 0 && end.Before(until) {
		until = end
	}
	var done []Alert
	for _, i := range s.meant(in.Alert) {
		a := &s.Alerts[i]
		if a.Held != "" { // the summary counts as the first step
			a.Held, a.Step = "", min(1, len(s.Spec.Policy.ladder(a.Plan).Steps)-1)
		} else if a.SnoozedUntil.IsZero() && (a.NextAt.IsZero() || a.Step == 0) { // everybody was told: re-enter at the top
			a.Step = len(s.Spec.Policy.ladder(a.Plan).Steps) - 1
		}
		a.Status, a.SnoozedUntil, a.NextAt, a.Rouse, a.Handed = Acknowledged, time.Time{}, until, nil, false
		if a.Plan == EscalateInform {
			a.NextAt = time.Time{}
		}
		a.Answer = &alert.Answer{By: in.By, Via: in.Via, At: now, Until: until, Note: in.Note}
		a.Edit = a.phase()
		done = append(done, *a)
	}
	return done
}

// QuietAtMost is when an acknowledgement of now lapses at the latest.
func (s *State) QuietAtMost(now time.Time) time.Time {
	v := look(now, s)
	until := now.Add(v.of(s.Spec.Policy.AckFor))
	if next := v.plan.next(now); v.known() && !next.IsZero() && next.Before(until) {
		until = next
	}
	return until
}

// CheckSnooze tells why a snooze cannot be taken; nil if it can.
func (s *State) CheckSnooze(now time.Time, in Answered) error {
	if len(s.meant(in.Alert)) == 0 {
		return s.noneFiring(in.Alert)
	}
	v := look(now, s)
	switch {
	case in.By == "":
		return refuse("a snooze needs a name: who asks?")
	case !in.Until.After(now):
		return refuse("a snooze must end in the future; %s is past", in.Until.UTC().Format(time.RFC3339))
	case v.known() && !now.Before(v.plan.LastSafe):
		return refuse("the last safe moment %s of %s has passed: acknowledge instead of snoozing", v.plan.LastSafe.UTC().Format(time.RFC3339), s.Spec.Name)
	}
	return s.overtaken(in)
}

// Snooze quiets people until an instant, at the latest the last safe moment;
// about a place whose old certificate is near its end, as long as an
// acknowledgement would.
func (s *State) Snooze(now time.Time, in Answered) []Alert {
	var done []Alert
	for _, i := range s.meant(in.Alert) {
		a, until := &s.Alerts[i], in.Until
		if latest := s.SnoozeAtMost(now, *a); !latest.IsZero() && latest.Before(until) {
			until = latest
		}
		a.Status, a.SnoozedUntil, a.Step, a.NextAt, a.Held, a.Rouse, a.Handed = Firing, until, 0, until, "", nil, false
		a.Answer = &alert.Answer{By: in.By, Via: in.Via, At: now, Until: until, Note: in.Note}
		a.Edit = a.phase()
		done = append(done, *a)
	}
	return done
}

// SnoozeAtMost is when a snooze of an alert ends at the latest; zero: whenever
// somebody says.
func (s *State) SnoozeAtMost(now time.Time, a Alert) (latest time.Time) {
	v := look(now, s)
	if v.known() {
		latest = v.plan.LastSafe
	}
	if soon := now.Add(v.of(s.Spec.Policy.AckFor)); (a.Reason == alert.TargetBehind || a.Reason == alert.Drifted) && a.Level >= 0 && (latest.IsZero() || soon.Before(latest)) {
		latest = soon
	}
	return latest
}

// CheckRenew tells why a renewal cannot be asked for; nil if it can.
func (s *State) CheckRenew(now time.Time) error { return s.CheckRenewal(now, Order{}) }

// CheckRenewal is CheckRenew for an order that may override a freeze.
func (s *State) CheckRenewal(now time.Time, o Order) error { return s.checkRenewal(now, "renew", o) }

func (s *State) checkRenewal(now time.Time, verb string, o Order) error {
	switch {
	case !s.Spec.Managed:
		return refuse("%s is only watched; enroll it with --manage, a CA and a target to renew it here", s.Spec.Name)
	case s.Approval.Asks(now):
		return refuse("%s waits for approval since %s; who may decides by: neverlapse approve %s (or deny)", s.Spec.Name, s.Approval.AskedAt.UTC().Format(time.RFC3339), s.Spec.Name)
	case s.flying(FlyRenewal, "") || s.Renew != nil:
		return refuse("a renewal of %s is already under way", s.Spec.Name)
	case s.awaitsSupply():
		return refuse("%s is ordered by hand from %s: print the request by neverlapse csr %s, order it, then type: neverlapse supply %s --chain FILE", s.Spec.Name, s.Spec.CA, s.Spec.Name, s.Spec.Name)
	case s.Paused != nil && now.Before(s.Paused.Until):
		return refuse("%s is paused until %s by %s (%s); resume it first: neverlapse resume %s", s.Spec.Name, s.Paused.Until.UTC().Format(time.RFC3339), s.Paused.By, s.Paused.Note, s.Spec.Name)
	}
	stops, _ := look(now, s).steps()
	return s.refuseFrozen(now, verb, o, stops...)
}

// CheckRollBack tells why rolling back cannot be asked for; nil if it can. An
// empty fingerprint means the previous version.
func (s *State) CheckRollBack(now time.Time, to cert.Fingerprint) error {
	switch {
	case !s.Spec.Managed:
		return refuse("%s is only watched; there is nothing to roll back here", s.Spec.Name)
	case s.flying(FlyRenewal, "") || s.RollBack != nil || s.Deploy != nil:
		return refuse("a renewal or deployment of %s is under way; try again when it has ended", s.Spec.Name)
	case s.Live.Fingerprint == "":
		return refuse("%s has never been issued; there is nothing to roll back", s.Spec.Name)
	case to == "" && s.Previous.Fingerprint == "":
		return refuse("%s has no previous version", s.Spec.Name)
	case to == s.Live.Fingerprint && to != "":
		return refuse("%s already is the live version of %s", to.Short(), s.Spec.Name)
	case s.Revoked(to) != nil, to == "" && s.Revoked(s.Previous.Fingerprint) != nil:
		return refuse("that version of %s was revoked: rolling back to it would not help", s.Spec.Name)
	case (to == "" || to == s.Previous.Fingerprint) && !s.Previous.ValidAt(now):
		return refuse("the previous version %s of %s expired at %s: rolling back would not help", s.Previous.Fingerprint.Short(), s.Spec.Name, s.Previous.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// AskRollBack notes the order; the loop acts.
func (s *State) AskRollBack(o Order) {
	if o.Fingerprint == "" {
		o.Fingerprint = s.Previous.Fingerprint
	}
	s.RollBack = &o
}

// CheckPause tells why a pause cannot be taken; nil if it can.
func (s *State) CheckPause(now time.Time, p Pause) error {
	switch {
	case !s.Spec.Managed:
		return refuse("%s is only watched: there is no renewal to pause, and alerts are never paused", s.Spec.Name)
	case p.Note == "":
		return refuse("a pause needs a reason")
	case !p.Until.After(now):
		return refuse("a pause must end in the future; %s is past", p.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Resume ends a pause and a hold, and gives a spent budget its attempts back.
func (s *State) Resume() {
	if s.Held != nil {
		s.Renewal.Renewed = time.Time{} // what was rolled back may be tried again at once
	}
	s.Paused, s.Held = nil, nil
	if s.spent() {
		s.afresh()
	}
}

// afresh forgets the failed attempts and begins at the first CA, but keeps what CAs said.
func (s *State) afresh() {
	s.Renewal.Attempts, s.Renewal.RetryAt, s.Renewal.FailingSince = nil, time.Time{}, time.Time{}
	s.Renewal.Moved, s.Renewal.Tried = nil, nil
}

// CheckResume tells why there is nothing to resume; nil if there is.
func (s *State) CheckResume() error {
	if s.Paused == nil && s.Held == nil && !s.spent() {
		return refuse("%s is neither paused nor held back, and its attempts are not spent", s.Spec.Name)
	}
	return nil
}

// CheckRetire tells why a certificate cannot be retired; nil if it can. One
// that is still served needs force.
func (s *State) CheckRetire(force bool) error {
	if s.Retire != nil {
		return refuse("%s is already being retired", s.Spec.Name)
	}
	i := slices.IndexFunc(s.Sight.Observations, func(o cert.Observation) bool {
		return o.Seen() && o.Target == "" && o.Version.Fingerprint == s.Live.Fingerprint
	})
	if i >= 0 && !force {
		return refuse("%s is still served by %s; use --force to retire it all the same, or check again after it was taken down: neverlapse check %s",
			s.Spec.Name, s.Sight.Observations[i].Where(), s.Spec.Name)
	}
	return nil
}
