package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// upcoming lists what will be due, soonest first; never empty, never in the past.
func (v *view) upcoming() []Event {
	s, p := v.s, v.s.Spec.Policy
	out := v.notices()
	add := func(at time.Time, r Reason) {
		if at.After(v.now) {
			out = append(out, Event{At: at, Reason: r})
		}
	}
	add(v.upcomingRenewal())
	if v.known() {
		add(v.plan.next(v.now), UntilThreshold)
	}
	if s.Paused != nil {
		add(s.Paused.Until, UntilPauseEnds)
	}
	if s.Renew != nil {
		add(v.renewableAt(), UntilRetry)
		stops, _ := v.steps()
		add(v.untilThawed(stops...))
	}
	if s.Deploy != nil {
		add(v.untilThawed(DoDeploy))
	}
	switch a := s.Approval; {
	case a == nil:
		add(v.askAt(), UntilAsked)
	case !a.granted() && a.Denied == nil && (a.For == ForDeploy || p.Approval.unanswered() != UnansweredPage):
		add(v.decideBy(), UntilPolicyDecides)
	}
	if targets, at := v.behindAt(); len(targets) > 0 {
		add(at, UntilBehindRetry)
		if s.Held != nil {
			add(v.plan.LastSafe, UntilLastSafeMoment)
		}
	}
	add(v.revokeAt(), UntilRevoke)
	add(v.lookAhead(), UntilLook)
	add(s.Sight.At.Add(v.of(p.ObserveEvery)), UntilLook)
	add(v.now.Add(v.of(p.ObserveEvery)), UntilBackstop)
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
	return out
}

func (v *view) upcomingRenewal() (time.Time, Reason) {
	s := v.s
	at, why := v.renewAt()
	switch {
	case why == UntilFreezeEnds:
		return at, why
	case why == FreezeYields:
		return at, UntilFreezeYields
	case why == WaitOver && s.Renewal.Awaits.Outage:
		return at, UntilCABack
	case why == WaitOver:
		return at, UntilCARoom
	case why == NextCAAfterFailures, why == NextCAToBeSafe:
		return at, UntilNextCA
	case why == RetryDue && at.Equal(latest(s.Renewal.RetryAt, s.gate(s.ca()))):
		return at, UntilRetry
	case s.Paused != nil && at.Equal(s.Paused.Until):
		return at, UntilPauseEnds
	case s.Held != nil && at.Equal(v.plan.LastSafe):
		return at, UntilLastSafeMoment
	}
	return at, v.untilRenewal(at)
}

// untilThawed is when what somebody asked for may begin, if a freeze stops it now.
func (v *view) untilThawed(stops ...Deed) (time.Time, Reason) {
	at, f := v.thaw(v.now, v.safe(), stops...)
	if f != nil && at.Before(f.Until) {
		return at, UntilFreezeYields
	}
	return at, UntilFreezeEnds
}

// notices lists when somebody may have to be told: the escalations of open
// alerts, and the instants at which a condition begins or grows worse.
func (v *view) notices() []Event {
	var out []Event
	add := func(at time.Time, r Reason, id string) {
		if at.After(v.now) {
			out = append(out, Event{at, r, id})
		}
	}
	for _, a := range v.s.Alerts {
		if a.Open() && a.Gathering != nil && !a.quieted() {
			add(a.Gathering.Until, UntilInbox, a.ID)
		}
		if !a.Open() || v.silenced(a) {
			continue
		}
		if a.Rouse != nil && !a.quieted() {
			add(a.Rouse.At, UntilQuietHoursEnd, a.ID)
		}
		if a.NextAt.IsZero() {
			continue
		}
		reason := UntilEscalation
		switch {
		case a.Status == Acknowledged:
			reason = UntilAckLapses
		case !a.SnoozedUntil.IsZero():
			reason = UntilSnoozeEnds
		case a.Held != "":
			reason = UntilSummary
		}
		add(a.NextAt, reason, a.ID)
	}
	if v.s.awaitsSupply() && v.known() {
		add(v.plan.RenewAt, UntilSupply, "")
	}
	if v.known() && (!v.s.Spec.Managed || v.blocked() || v.s.awaitsSupply()) {
		add(v.plan.next(v.now), UntilThreshold, "")
	}
	for _, r := range []alert.Reason{alert.TargetBehind, alert.Drifted} {
		if at, level := v.placesPlan(r); level {
			add(at.next(v.now), UntilThreshold, "")
		}
	}
	add(v.graceUntil(), UntilThreshold, "")
	add(v.overdueAt(), UntilThreshold, "")
	add(v.astrayAt(), UntilEscalation, "")
	add(v.unseenAt(), UntilUnseenTooLong, "")
	add(v.ownWordAt(), UntilThreshold, "")
	add(v.frozenOutAt(), UntilEscalation, "")
	for _, at := range v.approvalTimes() {
		add(at, UntilEscalation, "")
	}
	return out
}

// lookAhead is when to look for the soonest notice; zero if there is none, or
// if the world was looked at for it.
func (v *view) lookAhead() time.Time {
	var soonest time.Time
	for _, e := range v.notices() {
		if soonest.IsZero() || e.At.Before(soonest) {
			soonest = e.At
		}
	}
	if soonest.IsZero() || v.fresh(soonest) {
		return time.Time{}
	}
	return soonest.Add(-v.lead())
}

// fresh reports whether the world was looked at for what is due at an instant.
func (v *view) fresh(due time.Time) bool { return !v.s.Sight.At.Before(due.Add(-v.lead())) }

// lead is how long before a notice the world is looked at.
func (v *view) lead() time.Duration {
	return min(30*time.Second, v.of(v.s.Spec.Policy.RetryEvery)/120)
}

// Upcoming lists what will happen to a certificate if nobody does anything,
// soonest first, without routine looks.
func Upcoming(now time.Time, s State) []Event {
	return look(now, &s).notable()
}

func (v *view) notable() []Event {
	var out []Event
	for _, e := range v.upcoming() {
		routine := e.Reason == UntilBackstop || e.Reason == UntilLook || e.Reason == UntilUnseenTooLong || e.Reason == UntilInbox
		if !routine && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

func (v *view) nextEvent() Event {
	if all := v.notable(); len(all) > 0 {
		return all[0]
	}
	return v.upcoming()[0]
}
