package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// keepCause bounds the cause of an outcome: it becomes state of the certificate.
const keepCause = 4000

// outcome is what the certificate makes of it.
func (o RenewalOutput) outcome() lifecycle.Outcome {
	out := lifecycle.Outcome{Kind: lifecycle.OutcomeKind(o.Kind), Cause: cut(o.Cause, keepCause), RetryAt: o.RetryAt, Watched: o.Watched, CA: o.CA, Elsewhere: o.Elsewhere, Version: o.Version, Observations: o.Observations, ObservedAt: o.At, Rollout: o.Rollout}
	if !slices.Contains(lifecycle.Outcomes, out.Kind) { // the child runs on a newer worker
		out.Kind, out.Cause = lifecycle.Unknown, cut(fmt.Sprintf("the run ended as %q, which this worker does not know: %s", o.Kind, o.Cause), keepCause)
	}
	for _, t := range o.Targets {
		if t.Fingerprint != "" || t.Behind != "" {
			out.Installed = append(out.Installed, lifecycle.Installed{Target: t.Target, Fingerprint: t.Fingerprint, Behind: cut(t.Behind, keepText), Host: t.Host})
		}
	}
	return out
}

// storeIsAway begins the cause of an outcome that is no fault of the CA.
const storeIsAway = "our store, or the service that holds its key, is away, and the CA is not to blame (see: neverlapse doctor --only store): "

// failed turns the error of an issuing step into the outcome; nil if there is none.
func (r *renewal) failed(ctx workflow.Context, err error) *RenewalOutput {
	if err == nil {
		return nil
	}
	f, text := activities.FailureOf(err)
	out := &RenewalOutput{Cause: text, RetryAt: f.RetryAt, Elsewhere: f.Elsewhere, At: workflow.Now(ctx)}
	switch {
	case f.Store && (f.Kind == activities.Unavailable || f.Kind == activities.Transient):
		out.Kind, out.Cause = string(lifecycle.StoreUnavailable), storeIsAway+text
	case f.Own || f.Silent: // nothing is known of the CA by it
		out.Kind = string(lifecycle.Unknown)
	case f.Kind == activities.Validation, f.Kind == activities.NotFound:
		out.Kind = string(lifecycle.ValidationFailed)
	case f.Kind == activities.Configuration, f.Kind == activities.Invalid:
		out.Kind = string(lifecycle.ConfigurationRefused)
	default:
		out.Kind = string(lifecycle.CAUnavailable)
	}
	return out
}

// outcome sums the places up; the worst decides.
func (r *renewal) outcome(ctx workflow.Context, seen []cert.Observation) RenewalOutput {
	out := RenewalOutput{Version: r.version, Observations: seen, At: workflow.Now(ctx), Kind: string(lifecycle.Proven), Rollout: r.ended(ctx)}
	var causes []string
	for _, p := range r.places {
		t := TargetResult{Target: p.target, Host: p.host.name}
		switch p.at {
		case lifecycle.StageProven:
			t.Fingerprint = r.version.Fingerprint
		case lifecycle.StageBehind:
			t.Behind = p.cause
		case lifecycle.StageRestored:
			t.Fingerprint = p.before.Fingerprint
		}
		out.Targets = append(out.Targets, t)
		if p.cause != "" && (p.failed || p.at != lifecycle.StageRestored) { // what was undone for others has no cause of its own
			causes = append(causes, p.target+": "+p.cause)
		}
	}
	if r.record.Why != "" {
		causes = append([]string{r.verdictInWords()}, causes...)
	}
	out.Cause = strings.Join(causes, "\n")
	switch {
	case len(r.places) == 0:
		out.Kind, out.Cause = string(lifecycle.ConfigurationRefused), "there is no target to roll out to"
	case len(r.at(lifecycle.StageDoubtful)) > 0:
		out.Kind = string(lifecycle.Unproven)
	case len(r.failures()) > 0:
		out.Kind = string(failure(r.failures()))
	case len(r.at(lifecycle.StageUnseen, lifecycle.StageUntouched)) > 0:
		out.Kind = string(lifecycle.Unknown)
	case len(r.at(lifecycle.StageBehind)) > 0 && len(r.at(lifecycle.StageProven)) > 0:
		out.Kind = string(lifecycle.Behind)
	case len(r.at(lifecycle.StageBehind)) > 0:
		out.Kind = string(lifecycle.Unreached)
	}
	if !r.in.Part && (out.Kind == string(lifecycle.Proven) || out.Kind == string(lifecycle.Behind)) {
		in := activities.PromoteInput{Name: r.in.Name, Fingerprint: r.version.Fingerprint}
		if err := r.store(ctx, "make "+r.version.Fingerprint.Short()+" live in the store", hands.Promote, in, nil); err != nil {
			_, text := activities.FailureOf(err)
			out.Kind, out.Cause = string(lifecycle.Unknown), "the version is proven, but the store does not say so: "+text
		}
	}
	return out
}

// failures are the places that failed and do not have the version.
func (r *renewal) failures() []*place {
	return slices.DeleteFunc(r.at(lifecycle.StageWaiting, lifecycle.StageRestored), func(p *place) bool { return !p.failed })
}

// verdictInWords says how far the rollout went and why no further.
func (r *renewal) verdictInWords() string {
	what := "stopped"
	if r.record.Undone {
		what = "undone"
	}
	return fmt.Sprintf("the rollout was %s after batch %d of %d: %s", what, r.record.Failed, r.batch+len(r.rest), r.record.Why)
}

// failure is the kind of the worst: what a human must mend comes first, and what
// failed only by our store costs no attempt.
func failure(places []*place) lifecycle.OutcomeKind {
	worst := lifecycle.Unknown
	for _, p := range places {
		switch {
		case p.fault.Own:
		case p.fault.Kind == activities.Configuration, p.fault.Kind == activities.Invalid, p.fault.Kind == activities.NotFound:
			return lifecycle.ConfigurationRefused
		case p.fault.Kind == activities.Proof:
			worst = lifecycle.ProofFailed
		case worst == lifecycle.Unknown:
			worst = lifecycle.DeployFailed
		}
	}
	return worst
}
