package lifecycle

import (
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// inherit lets what is under way end as assumed.
func (f *forecast) inherit() {
	for _, fl := range slices.Clone(f.s.Flights) {
		switch fl.Kind {
		case FlyLook:
			f.later(lookTakes, func() { f.s.Observed(f.now, f.observe()) })
		case FlyTell:
			a := f.s.Alert(fl.ID)
			f.later(tellTakes, func() {
				t := Told{Alert: fl.ID}
				if a != nil {
					t.Receipts = f.receipts([]people.Role{people.Owner}, *a)
				}
				f.s.Told(f.now, t)
			})
		case FlyEdit:
			f.later(tellTakes, func() { f.s.Edited(fl.ID) })
		case FlyReport:
			f.later(tellTakes, func() { f.s.Reported(f.now, true) })
		case FlyRenewal:
			run := Run{Purpose: Purpose(fl.ID), Targets: f.s.Spec.Targets, Version: f.s.Live.Fingerprint}
			if f.s.Held != nil && run.Purpose == ForRollBack {
				run.Version = f.s.Held.Fingerprint
			}
			f.later(runTakes, func() { f.ended(run, -1) })
		case FlyRevoke:
			f.later(tellTakes, f.revoked)
		}
	}
}

func (f *forecast) act(d Decision) {
	step := d.Step
	switch step.Kind {
	case StepLook:
		f.later(lookTakes, func() { f.s.Observed(f.now, f.observe()) })
	case StepTell:
		f.tell(d)
	case StepEdit:
		f.later(tellTakes, func() { f.s.Edited(step.Alert.ID) })
	case StepReport:
		f.later(tellTakes, func() { f.s.Reported(f.now, true) })
	case StepClose:
		f.note(Foreseen{Kind: ForeseeClose, Why: d.Reason, Alert: step.Alert.ID, Reason: step.Alert.Reason, Evidence: step.Alert.Evidence})
	case StepRun:
		e := Foreseen{Kind: ForeseeRun, Why: d.Reason, Purpose: step.Run.Purpose, Attempt: step.Run.Attempt}
		if len(f.s.Spec.CAs()) > 1 {
			e.CA = step.Run.CA
		}
		f.note(e)
		at := len(f.events) - 1
		f.later(runTakes, func() { f.ended(*step.Run, at) })
	case StepApproval:
		f.note(Foreseen{Kind: ForeseeApproval, Why: d.Reason})
	case StepRevoke:
		f.note(Foreseen{Kind: ForeseeRevoke, Why: d.Reason})
		f.later(tellTakes, f.revoked)
	}
}

func (f *forecast) tell(d Decision) {
	a, step := *d.Step.Alert, d.Step
	f.note(Foreseen{
		Kind: ForeseeTell, Why: d.Reason, Alert: a.ID, Reason: a.Reason, Severity: a.Severity, Round: a.Round,
		Step: stepOf(a, f.s.Spec.Policy), Roles: step.Roles, Reach: step.Reach, MayWait: step.MayWait, Earlier: f.earlier(a, d.Reason),
	})
	filled := slices.ContainsFunc(step.Roles, func(r people.Role) bool { return !slices.Contains(f.Vacant, r) })
	t := Told{Alert: a.ID, Nobody: !filled && !step.Last}
	if !t.Nobody {
		t.Receipts = f.receipts(step.Roles, a)
	}
	f.later(tellTakes, func() { f.s.Told(f.now, t) })
}

// earlier says why an alert is told before its time; nil if it is not.
func (f *forecast) earlier(a Alert, why Reason) *Earlier {
	plan := f.s.Plan()
	if why != ThresholdCrossed || a.Reason != alert.Expiring || a.Version != f.s.Live.Fingerprint || a.Level >= len(plan.Thresholds) {
		return nil
	}
	return plan.Thresholds[a.Level].Earlier
}

// stepOf is the step that an alert was just told by, from 1.
func stepOf(a Alert, p Policy) int {
	if a.Step == 0 { // the last one, and the lap begins again
		return len(p.ladder(a.Plan).Steps)
	}
	return a.Step
}

// receipts are of a delivery that reached somebody.
func (f *forecast) receipts(roles []people.Role, a Alert) []alert.Receipt {
	out := []alert.Receipt{}
	for _, r := range roles {
		out = append(out, alert.Receipt{Channel: "assumed", Kind: "assumed", To: string(r), Address: string(r), ID: a.ID, At: f.now})
	}
	return out
}

// observe is what a look shows: what was there before, or what a run brought.
func (f *forecast) observe() []cert.Observation {
	out := slices.Clone(f.Seen)
	for i := range out {
		out[i].At = f.now
	}
	return out
}

// ended lands a run as assumed; at is where the forecast tells of it.
func (f *forecast) ended(r Run, at int) {
	o := f.failure(r)
	switch {
	case f.Fate == AllSucceed && r.Hold:
		o = Outcome{Kind: Issued, Version: f.version(r)}
	case f.Fate == AllSucceed:
		o = f.success(r)
	}
	f.s.Ended(f.now, r, o)
	if at >= 0 && o.Kind.Success() {
		f.events[at].NotAfter = f.s.Live.NotAfter
	}
}

func (f *forecast) success(r Run) Outcome {
	o := Outcome{Kind: Proven, ObservedAt: f.now, Version: f.version(r)}
	if o.Version.Fingerprint == "" {
		return Outcome{Kind: Unknown, Cause: "the version is not known"}
	}
	for _, t := range r.Targets {
		o.Installed = append(o.Installed, Installed{Target: t, Fingerprint: o.Version.Fingerprint})
	}
	for i, seen := range f.Seen {
		target := seen.Target
		if target == "" {
			target = seen.Endpoint.Target
		}
		if target == "" || slices.Contains(r.Targets, target) {
			f.Seen[i].Version, f.Seen[i].Err, f.Seen[i].Problems = o.Version, "", nil
		}
	}
	o.Observations = f.observe()
	return o
}

// revoked lands a revocation: one that failed before fails again where all does.
func (f *forecast) revoked() {
	cause := ""
	if r := f.s.Revoke; r != nil && f.Fate == AllFail {
		kept := *r
		f.s.Revoke, cause = &kept, r.Failed
	}
	f.s.RevokeEnded(f.now, cause, false, time.Time{})
}

// version is what a run brings to the targets.
func (f *forecast) version(r Run) cert.Version {
	known := []cert.Version{f.s.Live, f.s.Previous, f.s.Renewal.Candidate}
	if r.Purpose != ForRenewal {
		i := slices.IndexFunc(known, func(v cert.Version) bool { return v.Fingerprint == r.Version })
		return known[max(i, 0)]
	}
	if c := f.s.Renewal.Candidate; c.Fingerprint != "" && !r.Discard {
		return c
	}
	f.made++
	lifetime := f.s.Live.Lifetime()
	if f.s.Live.Fingerprint == "" || lifetime <= 0 {
		lifetime = usualLifetime
	}
	v := f.s.Live
	v.Fingerprint, v.Serial = cert.Fingerprint(fmt.Sprintf("%064x", f.made)), fmt.Sprint(f.made)
	v.NotBefore, v.NotAfter, v.Names, v.CA = f.now, f.now.Add(lifetime), f.s.Spec.Names, r.CA
	return v
}

// failure repeats how the latest attempt ended.
func (f *forecast) failure(r Run) Outcome {
	o := Outcome{Kind: ValidationFailed, Cause: "assumed to fail"}
	if n := len(f.s.Renewal.Attempts); n > 0 {
		if last := f.s.Renewal.Attempts[n-1]; last.Outcome != Unknown {
			o.Kind, o.Cause, o.Elsewhere = last.Outcome, last.Cause, last.Elsewhere
			if o.Kind == Unsettled {
				o.CA = last.CA
			}
		}
	}
	if r.Purpose == ForDeploy {
		o.Kind = Unreached
	}
	if o.Kind != Unreached {
		return o
	}
	o.Version = f.s.Renewal.Candidate
	for _, t := range r.Targets {
		why := o.Cause
		if p := f.s.Place(t); p != nil && p.Behind != "" {
			why = p.Behind
		}
		o.Installed = append(o.Installed, Installed{Target: t, Behind: why})
	}
	return o
}
