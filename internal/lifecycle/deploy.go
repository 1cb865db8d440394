package lifecycle

import (
	"slices"
	"strings"
	"time"
)

// CheckDeploy tells why a deployment cannot be asked for; nil if it can. No
// fingerprint means the live version, no targets all of them.
func (s *State) CheckDeploy(now time.Time, o Order) error {
	name, live, override := s.Spec.Name, s.Live.Fingerprint, o
	switch {
	case !s.Spec.Managed:
		return refuse("%s is only watched; there is nothing to deploy to", name)
	case s.flying(FlyRenewal, "") || s.RollBack != nil || s.Deploy != nil:
		return refuse("a renewal or deployment of %s is under way; try again when it has ended", name)
	case s.Spec.Policy.Approval.Before == DoDeploy && s.Approval != nil && s.Approval.Denied == nil:
		return refuse("version %s of %s waits for approval or is about to be deployed; decide on it first: neverlapse approve %s, or deny", s.Approval.Version.Short(), name, name)
	case live == "":
		return refuse("%s has never been issued; there is nothing to deploy", name)
	}
	for _, t := range o.Targets {
		if !slices.Contains(s.Spec.Targets, t) {
			return refuse("%s has no target %q; it has %s", name, t, strings.Join(s.Spec.Targets, ", "))
		}
	}
	o = s.completed(o)
	switch {
	case s.Revoked(o.Fingerprint) != nil:
		return refuse("version %s of %s was revoked: deploying it would not help", o.Fingerprint.Short(), name)
	case o.Fingerprint == live && !s.Live.ValidAt(now):
		return refuse("version %s of %s expired at %s: deploying it would not help", live.Short(), name, s.Live.NotAfter.UTC().Format(time.RFC3339))
	case o.Fingerprint == s.Renewal.Candidate.Fingerprint && !s.part(o):
		return refuse("version %s of %s is issued and not yet proven; what deploys and proves it everywhere is: neverlapse renew %s", o.Fingerprint.Short(), name, name)
	}
	return s.refuseFrozen(now, "deploy", override, DoDeploy)
}

// AskDeploy notes the order; the loop acts.
func (s *State) AskDeploy(o Order) {
	o = s.completed(o)
	s.Deploy = &o
}

// PlanDeploy gives the order with what was left out, the batches that it would
// take, and how many targets may fail.
func (s *State) PlanDeploy(o Order) (Order, []Batch, int) {
	o = s.completed(o)
	p := s.Spec.Policy.Rollout
	return o, RolloutPlan(o.Targets, p, s.Plan().Lifetime), p.MayFail.atMost(len(o.Targets))
}

// completed names what was left out.
func (s *State) completed(o Order) Order {
	if o.Fingerprint == "" {
		o.Fingerprint = s.Live.Fingerprint
	}
	if len(o.Targets) == 0 {
		o.Targets = s.Spec.Targets
	}
	return o
}

// part reports whether some targets get another version than the live one,
// which then stays what counts.
func (s *State) part(o Order) bool {
	return o.Fingerprint != s.Live.Fingerprint && len(without(s.Spec.Targets, o.Targets)) > 0
}

// deployAsked: what a human wants to be where.
func (v *view) deployAsked() *Decision {
	o := v.s.Deploy
	if o == nil || v.running() || !v.mayDeployAsked(*o) {
		return nil
	}
	return v.run(DeployAsked, Run{Purpose: ForDeploy, Version: o.Fingerprint, Targets: slices.Clone(o.Targets), ByHand: o.By, Part: v.s.part(*o)})
}

// mayDeployAsked reports whether a deployment that a human asked for may begin.
func (v *view) mayDeployAsked(o Order) bool {
	at, _ := v.thaw(v.now, v.safe(), DoDeploy)
	a := v.s.Approval
	approved := v.s.Spec.Policy.Approval.Before != DoDeploy || a.granted() && a.covers(&Approval{For: ForDeploy, Version: o.Fingerprint})
	return approved && !at.After(v.now)
}

// chosen reports whether a human chose the version against the calendar; then
// automation keeps its hands off.
func (r Run) chosen() bool {
	return r.Purpose == ForRollBack || r.Purpose == ForDeploy && r.ByHand != "" && !r.Part && r.Version != r.Replaces
}
