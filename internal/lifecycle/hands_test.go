package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// say prints one line of the timeline.
func (w *world) say(what, format string, args ...any) {
	if w.mute {
		return
	}
	left := "         "
	if v := w.s.Live; v.Fingerprint != "" {
		left = fmt.Sprintf("%4dd left", cert.DaysLeft(w.now, v.NotAfter))
	}
	line := fmt.Sprintf("%s %s  %-6s %s", w.clock(w.now), left, what, fmt.Sprintf(format, args...))
	for n := 1; n <= w.made; n++ { // call versions by their number
		line = strings.ReplaceAll(line, versionNo(n, w.now, 0).Fingerprint.Short(), fmt.Sprintf("v%d", n))
	}
	w.lines = append(w.lines, line)
}

// clock counts days from the first issuance.
func (w *world) clock(t time.Time) string {
	since := t.Sub(w.issued)
	return fmt.Sprintf("day %-3d %s", since/day, t.UTC().Format("15:04:05"))
}

func (w *world) tell(d Decision) {
	a, step := *d.Step.Alert, d.Step
	var roles []string
	filled := false
	for _, r := range step.Roles {
		roles = append(roles, string(r))
		filled = filled || !slices.Contains(w.vacant, r)
	}
	w.say("tell", "%s %s to %s (%s): %s", a.Severity, a.Reason, strings.Join(roles, "+"), step.Reach, d.Reason)
	t := Told{Alert: a.ID, Nobody: !filled && !step.Last}
	if !t.Nobody {
		t.Receipts, t.Failed = w.deliver(step, a, filled)
	}
	w.told = append(w.told, noticed{a.Reason, step.Reach})
	w.later(tellTakes, func() {
		switch {
		case t.Nobody:
			w.say("", "nobody fills the role")
		case len(t.Receipts) == 0:
			w.say("", "nobody was reached: %s", strings.Join(t.Failed, "; "))
		case !filled:
			w.say("", "nobody fills the role: the catch-all was told")
		}
		w.s.Told(w.now, t)
	})
}

// deliver sends by as many kinds of channel as the reach asks for.
func (w *world) deliver(step Step, a Alert, filled bool) (receipts []alert.Receipt, failed []string) {
	kinds := []string{"slack", "email"}
	want := map[alert.Reach]int{alert.Quiet: 1, alert.Direct: 1, alert.Wide: 2, alert.PageAll: 2}[step.Reach]
	if slices.Contains(a.Used, "slack") {
		slices.Reverse(kinds)
	}
	roles := step.Roles
	if !filled {
		roles = []people.Role{"catch-all"}
	}
	for _, r := range roles {
		if slices.Contains(w.vacant, r) {
			continue
		}
		sent := 0
		for _, k := range kinds {
			if t := w.suffers("channels", k); t != nil {
				failed = append(failed, k+" to "+string(r)+" failed")
			} else if sent < want {
				receipts = append(receipts, alert.Receipt{Channel: k, Kind: k, To: string(r), Address: string(r), ID: fmt.Sprint(a.Told), At: w.now})
				sent++
			}
		}
	}
	return receipts, failed
}

// run is one attempt.
// report plays the import that enrolled the certificate.
func (w *world) report(d Decision) {
	what := "nothing stands"
	if t := d.Step.Standing; t != nil {
		what = fmt.Sprintf("%s stands and is told at once", t.Severity)
		if t.Held {
			what = fmt.Sprintf("%s stands and waits for the summary", t.Severity)
		}
	}
	w.say("report", "%s", what)
	w.later(tellTakes, func() {
		if w.unheard {
			w.say("", "no import takes the report")
		}
		w.s.Reported(w.now, !w.unheard)
	})
	if w.summary == 0 {
		return
	}
	w.at(w.now.Add(w.summary), func() {
		for _, a := range w.s.Summarized(w.now, w.s.Import.ID, []string{"slack"}) {
			w.say("summed", "the summary told %s %s", a.Severity, a.Reason)
		}
	})
}

func (w *world) run(d Decision) {
	r := *d.Step.Run
	what := string(r.Purpose)
	if r.Purpose == ForRenewal {
		what += fmt.Sprintf(", attempt %d", r.Attempt)
	}
	if r.ByHand != "" {
		what += ", asked by " + r.ByHand
	}
	w.say("run", "%s: %s", what, d.Reason)
	w.later(runTakes, func() {
		o := w.outcome(r)
		text := string(o.Kind)
		if o.Cause != "" {
			text += ": " + o.Cause
		}
		w.s.Ended(w.now, r, o)
		if o.Kind.Success() && r.Purpose != ForDeploy {
			text += fmt.Sprintf("; %s until %s", o.Version.Fingerprint.Short(), w.clock(o.Version.NotAfter))
		}
		w.say("ended", "%s: %s", r.Purpose, text)
	})
}

func (w *world) outcome(r Run) Outcome {
	o := Outcome{ObservedAt: w.now}
	if t := w.suffers("unknown", ""); t != nil {
		return Outcome{Kind: Unknown, Cause: t.text}
	}
	if r.Purpose == ForRenewal {
		if t := w.suffers("ca", ""); t != nil {
			return Outcome{Kind: CAUnavailable, Cause: t.text, RetryAt: t.retryAt}
		}
		if r.Hold {
			if t := w.suffers("refused", ""); t != nil {
				return Outcome{Kind: ValidationFailed, Cause: t.text}
			}
			return Outcome{Kind: Issued, Version: w.obtain(r)}
		}
		if t := w.suffers("refused", ""); t != nil {
			return Outcome{Kind: ValidationFailed, Cause: t.text}
		}
		if o.Version = w.obtain(r); r.Only != "" && r.Only != o.Version.Fingerprint {
			return Outcome{Kind: Issued, Version: o.Version}
		}
	} else {
		o.Version = w.find(r.Version)
	}
	for _, f := range []struct {
		kind string
		as   OutcomeKind
	}{{"deploy", DeployFailed}, {"proof", ProofFailed}, {"doubt", Unproven}} {
		if t := w.suffers(f.kind, ""); t != nil {
			o.Kind, o.Cause, o.Observations = f.as, t.text, w.observe()
			return o
		}
	}
	return w.rollOut(r, o)
}

func (w *world) rollOut(r Run, o Outcome) Outcome {
	reached := 0
	for _, t := range r.Targets {
		if away := w.suffers("away", t); away != nil {
			o.Installed = append(o.Installed, Installed{Target: t, Behind: away.text})
			o.Cause = t + ": " + away.text
			continue
		}
		w.served[t] = o.Version
		o.Installed = append(o.Installed, Installed{Target: t, Fingerprint: o.Version.Fingerprint})
		reached++
	}
	o.Kind = Proven
	switch {
	case reached == 0:
		o.Kind = Unreached
	case reached < len(r.Targets):
		o.Kind = Behind
	}
	for _, seen := range w.observe() {
		target := seen.Target
		if target == "" {
			target = seen.Endpoint.Target
		}
		if slices.Contains(r.Targets, target) && w.suffers("away", target) == nil {
			o.Observations = append(o.Observations, seen)
		}
	}
	return o
}

// obtain gives the candidate of an earlier attempt, or a new version.
func (w *world) obtain(r Run) cert.Version {
	if v, ok := w.candidate[r.Replaces]; ok && !r.Discard {
		return v
	}
	v := w.make(w.now)
	w.candidate[r.Replaces] = v
	return v
}

func (w *world) find(f cert.Fingerprint) cert.Version {
	for _, v := range []cert.Version{w.s.Live, w.s.Previous, w.s.Renewal.Candidate} {
		if v.Fingerprint == f {
			return v
		}
	}
	return cert.Version{}
}

// replace is somebody installing a new certificate by hand.
func (w *world) replace(lifetime time.Duration, holders ...string) {
	w.made++
	v := versionNo(w.made, w.now, lifetime)
	w.say("world", "%s installed by hand on %s, until %s", v.Fingerprint.Short(), strings.Join(holders, ", "), w.clock(v.NotAfter))
	for _, h := range holders {
		w.served[h] = v
	}
}
