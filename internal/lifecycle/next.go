package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// view is one look of the brain at a state.
type view struct {
	now  time.Time
	s    *State
	plan Plan
}

func look(now time.Time, s *State) *view {
	v := &view{now: now, s: s, plan: Plan{Lifetime: usualLifetime}}
	if v.known() {
		v.plan = s.Plan()
	}
	return v
}

// The rules, in order; the first that has something to do wins.
var rules = []func(*view) *Decision{
	(*view).finish,        // a human retired it
	(*view).firstLook,     // nothing is decided about a world that was never seen
	(*view).lookAsked,     // a human wants to know now
	(*view).closeAlerts,   // evidence closes, before anybody is told old news
	(*view).rollBackAsked, // a human's word comes before the calendar's
	(*view).approvalDue,   // people are asked before anything begins
	(*view).deployAsked,
	(*view).revokeDue,
	(*view).renewAsked,
	(*view).renewalDue,
	(*view).behindDue,
	(*view).reportDue, // what an import sums up is not told one by one
	(*view).tellDue,
	(*view).editDue,
	(*view).lookDue,
}

// Next decides. It is pure, and asks for one step at a time: apply it and ask
// again until it says wait.
func Next(now time.Time, s State) Decision {
	v := look(now, &s)
	d := v.decide()
	d.Next = v.nextEvent()
	d.Attributes = v.attributes(d.Next.At)
	return d
}

func (v *view) decide() Decision {
	for _, rule := range rules {
		if d := rule(v); d != nil {
			return *d
		}
	}
	first := v.upcoming()[0]
	return Decision{Step: Step{Kind: StepWait}, Reason: first.Reason, Due: first.At}
}

func (v *view) known() bool   { return v.s.Live.Fingerprint != "" }
func (v *view) running() bool { return v.s.flying(FlyRenewal, "") }
func (v *view) looking() bool { return v.s.flying(FlyLook, "") }
func (v *view) paused() bool  { return v.s.Paused != nil && v.now.Before(v.s.Paused.Until) }
func (v *view) held() bool    { return v.s.Held != nil && v.now.Before(v.plan.LastSafe) }
func (v *view) of(s Span) time.Duration {
	return max(s.Of(v.plan.Lifetime), time.Second)
}

// counted is how many attempts the budget was charged for this replacement.
func (s *State) counted() int {
	n := 0
	for _, a := range s.Renewal.Attempts {
		if a.Counts {
			n++
		}
	}
	return n
}

func (s *State) spent() bool { return s.counted() >= s.Spec.MaxAttempts() }

// finish ends the entity once its alerts are closed, the messages say so, and
// nothing is under way.
func (v *view) finish() *Decision {
	if v.s.Retire == nil {
		return nil
	}
	for _, rule := range []func(*view) *Decision{(*view).closeAlerts, (*view).editDue} {
		if d := rule(v); d != nil {
			return d
		}
	}
	if len(v.s.Flights) > 0 {
		return &Decision{Step: Step{Kind: StepWait}, Reason: RetireWaits, Due: v.now.Add(v.of(v.s.Spec.Policy.ObserveEvery))}
	}
	return &Decision{Step: Step{Kind: StepFinish}, Reason: RetireAsked}
}

func (v *view) lookFor(r Reason) *Decision {
	if v.looking() {
		return nil
	}
	return &Decision{Step: Step{Kind: StepLook}, Reason: r}
}

func (v *view) firstLook() *Decision {
	if !v.s.Sight.At.IsZero() {
		return nil
	}
	if v.looking() {
		return &Decision{Step: Step{Kind: StepWait}, Reason: UntilLook, Due: v.now.Add(v.of(v.s.Spec.Policy.ObserveEvery))}
	}
	return v.lookFor(FirstLook)
}

func (v *view) lookAsked() *Decision {
	if v.s.Look == nil {
		return nil
	}
	return v.lookFor(LookAsked)
}

// lookDue looks now and then, and shortly before somebody may have to be told,
// so that the notice leaves in time and is no old news.
func (v *view) lookDue() *Decision {
	if !v.now.Before(v.s.Sight.At.Add(v.of(v.s.Spec.Policy.ObserveEvery))) {
		return v.lookFor(LookRoutine)
	}
	if at := v.lookAhead(); !at.IsZero() && !v.now.Before(at) {
		return v.lookFor(LookBeforeTelling)
	}
	return nil
}

func (v *view) run(r Reason, run Run) *Decision {
	run.Replaces = v.s.Live.Fingerprint
	run.Attempt = v.s.counted() + 1
	run.Discard = run.Discard || v.s.Renewal.Discard && run.Purpose == ForRenewal
	run.NewKey = v.s.Renewal.NewKey && run.Purpose == ForRenewal
	run.SafeBy = v.safeBy()
	if run.Purpose == ForRenewal && !run.Hold && v.s.Spec.Policy.Approval.Before == DoDeploy {
		run.Only = v.candidate()
	}
	if f, ok := v.frozenAt(v.now, DoIssue, DoDeploy); ok && !run.Hold && run.Purpose != ForRollBack {
		run.Yields = &f
	}
	run.InWindow = v.s.windowed(v.plan) && !v.now.Before(v.s.Window.Start)
	if run.Purpose == ForRenewal {
		run.CA, run.Moved, _ = v.turn()
	}
	if w := v.s.Renewal.Awaits; w != nil && run.Moved != nil {
		run.Leaves = w.CA
	} else {
		run.Canary = w != nil && w.Outage
	}
	run.Timeout = max(v.of(v.s.Spec.Policy.AttemptTimeout), 5*time.Minute)
	run.Proof = max(v.of(v.s.Spec.Policy.ProofTimeout), 10*time.Second)
	if run.Targets == nil {
		run.Targets = v.s.Spec.Targets
	}
	v.stage(&run)
	return &Decision{Step: Step{Kind: StepRun, Run: &run}, Reason: r}
}

// stage plans the batches. A human who rolls back wants it everywhere at once,
// and what is retried where it was behind is proven elsewhere.
func (v *view) stage(run *Run) {
	p := v.s.Spec.Policy.Rollout
	if p.IsZero() || len(run.Targets) < 2 || run.Purpose == ForRollBack || run.Purpose == ForDeploy && run.ByHand == "" {
		return
	}
	run.Batches = RolloutPlan(run.Targets, p, v.plan.Lifetime)
	run.MayFail = p.MayFail.atMost(len(run.Targets))
}

func (v *view) rollBackAsked() *Decision {
	if v.s.RollBack == nil || v.running() {
		return nil
	}
	return v.run(RollBackAsked, Run{Purpose: ForRollBack, Version: v.s.RollBack.Fingerprint, ByHand: v.s.RollBack.By})
}

// renewAsked: nobody goes before the time that the CA named, whoever asks.
func (v *view) renewAsked() *Decision {
	if v.s.Renew == nil || v.running() || !v.s.Spec.Managed || v.now.Before(v.renewableAt()) {
		return nil
	}
	stops, hold := v.steps()
	if at, _ := v.thaw(v.now, v.safe(), stops...); at.After(v.now) || !v.mayRenew() {
		return nil
	}
	return v.run(RenewAsked, Run{Purpose: ForRenewal, ByHand: v.s.Renew.By, Discard: v.s.Renew.New, Hold: hold})
}

// renewableAt is before when nothing is asked of the CA whose turn it is, whoever asks.
func (v *view) renewableAt() time.Time {
	ca, _, _ := v.turn()
	return v.s.gate(ca)
}

// retryAt is when a renewal that failed or waits goes on, and why.
func (v *view) retryAt() (time.Time, Reason) {
	ca, moved, at := v.turn()
	switch {
	case moved != nil:
		return at, moved.Why
	case v.s.Renewal.Awaits != nil:
		return latest(v.s.Renewal.RetryAt, v.s.gate(ca)), WaitOver
	}
	return latest(v.s.Renewal.RetryAt, v.s.gate(ca)), RetryDue
}

// renewAt is when a renewal by rule begins, and why; zero if none is planned.
func (v *view) renewAt() (time.Time, Reason) { return v.unfrozen(v.allowed(v.wantedAt())) }

// wantedAt is when a renewal by rule is due, whatever keeps it from beginning.
func (v *view) wantedAt() (time.Time, Reason) {
	s := v.s
	if !s.Spec.Managed || s.spent() || s.awaitsSupply() {
		return time.Time{}, ""
	}
	at, why := v.plan.RenewAt, RenewalDue
	if s.windowed(v.plan) {
		why = WindowReached
	}
	switch {
	case !v.known():
		at, why = s.Sight.At, FirstIssuance
	case len(cert.Covers(s.Live.Names, s.Spec.Names)) > 0:
		at, why = s.Sight.At, NamesNotCovered
	case s.Renewal.Reissue, s.Spec.Supplied:
		at, why = s.Sight.At, RenewAsked
	}
	// A CA that hands out what is due at once must not be asked in a circle.
	if apart := s.Renewal.Renewed.Add(v.plan.Lifetime / 10); !s.Renewal.Renewed.IsZero() && at.Before(apart) && !s.Renewal.Reissue && !s.Spec.Supplied {
		at = apart
	}
	retry, reason := v.retryAt()
	if retry.After(at) {
		at, why = retry, reason
	}
	if s.Paused != nil && at.Before(s.Paused.Until) {
		at = s.Paused.Until
	}
	if s.Held != nil && at.Before(v.plan.LastSafe) {
		at = v.plan.LastSafe
	}
	return at, why
}

func (v *view) renewalDue() *Decision {
	at, why := v.renewAt()
	if at.IsZero() || v.now.Before(at) || v.running() {
		return nil
	}
	_, hold := v.steps()
	return v.run(why, Run{Purpose: ForRenewal, Hold: hold})
}

func (v *view) behind() (targets []string, retryAt time.Time) {
	for _, p := range v.s.Installed {
		if p.Behind == "" || !slices.Contains(v.s.Spec.Targets, p.Target) {
			continue
		}
		targets = append(targets, p.Target)
		if retryAt.IsZero() || p.RetryAt.Before(retryAt) {
			retryAt = p.RetryAt
		}
	}
	return targets, retryAt
}

// behindAt is when the targets that are behind are tried again: after a freeze, at
// the latest at the last safe moment of what they have.
func (v *view) behindAt() (targets []string, at time.Time) {
	targets, at = v.behind()
	if len(targets) == 0 || len(v.s.Spec.Policy.Freezes) == 0 {
		return targets, at
	}
	safe := v.safe()
	if plan, ok := v.placesPlan(alert.TargetBehind); ok {
		safe = plan.LastSafe
	}
	at, _ = v.thaw(at, safe, DoDeploy)
	return targets, at
}

// mayDeploy: a pause, a hold and a spent budget stop deploying too, and so does
// a renewal that is about to replace the version.
func (v *view) mayDeploy() bool {
	s := v.s
	return s.Spec.Managed && v.known() && s.Renewal.Candidate.Fingerprint == "" && !s.spent() && !v.paused() && !v.held() && s.Live.ValidAt(v.now) && s.Revoked(s.Live.Fingerprint) == nil
}

func (v *view) behindDue() *Decision {
	targets, at := v.behindAt()
	if len(targets) == 0 || v.now.Before(at) || v.running() || !v.mayDeploy() {
		return nil
	}
	return v.run(BehindRetryDue, Run{Purpose: ForDeploy, Version: v.s.Live.Fingerprint, Targets: targets})
}
