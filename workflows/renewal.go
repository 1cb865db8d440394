package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// RenewalInput is one attempt to replace a version, or to deploy a stated one.
type RenewalInput struct {
	Name      string           `json:"name"`
	Names     []string         `json:"names"`
	CA        string           `json:"ca,omitempty"`
	CAs       []string         `json:"cas,omitempty"`    // that may issue it, where CA is one of several
	Leaves    string           `json:"leaves,omitempty"` // the CA whose account need not wake it any more
	KeyType   cert.KeyType     `json:"keyType,omitempty"`
	ReuseKey  bool             `json:"reuseKey,omitempty"`
	Profile   string           `json:"profile,omitempty"`
	Challenge string           `json:"challenge,omitempty"`
	DNS       string           `json:"dns,omitempty"`
	Endpoints []cert.Endpoint  `json:"endpoints,omitempty"`
	Purpose   string           `json:"purpose"`
	Replaces  cert.Fingerprint `json:"replaces,omitempty"`
	Version   cert.Fingerprint `json:"version,omitempty"`
	Targets   []string         `json:"targets,omitempty"`
	Discard   bool             `json:"discard,omitempty"`
	Attempt   int              `json:"attempt"`
	// Supplied versions are brought by people; none is ordered.
	Supplied bool `json:"supplied,omitempty"`
	// AcceptIrreversible: what a target has need not come back where it cannot.
	AcceptIrreversible bool `json:"acceptIrreversible,omitempty"`
	// CSR is the request for a key that stays on its host.
	CSR *cert.CSR `json:"csr,omitempty"`
	// Revoked versions are not put back, whatever had them.
	Revoked  []cert.Fingerprint `json:"revoked,omitempty"`
	Proof    time.Duration      `json:"proof"`
	Timeout  time.Duration      `json:"timeout"` // of issuing; what is obtained is rolled out to the end
	SafeBy   time.Time          `json:"safeBy,omitzero"`
	InWindow bool               `json:"inWindow,omitempty"` // the CA's renewal window has begun
	Canary   bool               `json:"canary,omitempty"`   // the CA's account waits to hear whether the CA answers
	// Batches is the plan of the rollout; without one all targets go at once and
	// none fails for another. MayFail is how many may fail before all is undone.
	Batches []lifecycle.Batch `json:"batches,omitempty"`
	MayFail int               `json:"mayFail,omitempty"`
	ByHand  string            `json:"byHand,omitempty"` // who asked; empty if the rules did
	// Part tells that only some targets get the version, and another one stays live.
	Part bool `json:"part,omitempty"`
	// Hold ends the run when a version is issued: it may not be deployed yet. Only is
	// the version that may; where it is another one, the run ends there too.
	Hold bool             `json:"hold,omitempty"`
	Only cert.Fingerprint `json:"only,omitempty"`
	// InTask has our own store asked within workflow tasks; attempts begun by
	// older releases do without.
	InTask bool `json:"inTask,omitempty"`
}

func (in RenewalInput) workflowID() string {
	switch {
	case in.Purpose != string(lifecycle.ForRenewal):
		return "deployment/" + in.Name + "/" + in.Version.Short()
	case in.Replaces == "":
		return "renewal/" + in.Name + "/first"
	}
	return "renewal/" + in.Name + "/" + in.Replaces.Short()
}

// onHosts is what may come on top in a batch where targets live on hosts:
// preparing twice, and five tasks that nobody takes for a while.
const onHosts = deploymentLimit + 5*longestWait

// bound is longer than everything an attempt may take together: it ends only
// what hangs, for half a roll-out is worse than a late one.
func (in RenewalInput) bound() time.Duration {
	issuing := max(in.Timeout, leastLeft) + 3*leastLeft
	batch := 3*deploymentLimit + 2*verificationLimit(in.Proof) + onHosts
	total := issuing + batch + 2*quickLimit + time.Minute
	for _, b := range in.Batches {
		total += batch + verificationLimit(in.Proof) + b.Bake
	}
	if len(in.Batches) > 0 {
		total += lifecycle.MaxStandIns * (2*deploymentLimit + onHosts + in.Batches[0].Bake)
	}
	return total
}

// RenewalOutput is how the attempt ended; an attempt never fails.
type RenewalOutput struct {
	Kind         string             `json:"kind"`
	Cause        string             `json:"cause,omitempty"`
	RetryAt      time.Time          `json:"retryAt,omitzero"`
	Watched      bool               `json:"watched,omitempty"` // the CA's account was told
	CA           string             `json:"ca,omitempty"`      // that it is about, if not the one that was asked
	Elsewhere    bool               `json:"elsewhere,omitempty"`
	Version      cert.Version       `json:"version,omitzero"`
	Targets      []TargetResult     `json:"targets,omitempty"`
	Observations []cert.Observation `json:"observations,omitempty"`
	At           time.Time          `json:"at"`
	Rollout      *lifecycle.Rollout `json:"rollout,omitempty"`
}

// TargetResult is what became of one target.
type TargetResult struct {
	Target      string           `json:"target"`
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"` // what it has now, as far as proven
	Behind      string           `json:"behind,omitempty"`      // why it could not be reached
	Host        string           `json:"host,omitempty"`        // where it lives; empty: at the certificate's worker
}

// renewal is one attempt.
type renewal struct {
	in      RenewalInput
	began   time.Time
	version cert.Version
	places  []*place
	seen    []cert.Observation // the latest of every place
	batch   int                // under way, from 1
	rest    []lifecycle.Batch  // planned after it
	record  *lifecycle.Rollout // nil before the rollout begins
}

// leastLeft is what an issuing step has even where the attempt's time is over.
const leastLeft = 10 * time.Second

func (r *renewal) left(ctx workflow.Context) time.Duration {
	return max(r.in.Timeout-workflow.Now(ctx).Sub(r.began), leastLeft)
}

// RenewalWorkflow is one attempt: candidate, order, authorize, finalize, roll
// out, prove; and roll back what could not be proven. It returns an outcome,
// never an error; what follows from it is the certificate's to decide.
func (w *Workflows) RenewalWorkflow(ctx workflow.Context, in RenewalInput) (RenewalOutput, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // half a roll-out is worse than a late one
	r := &renewal{in: in, began: workflow.Now(ctx)}
	if err := workflow.SetQueryHandler(ctx, QueryRollout, func() (lifecycle.Rollout, error) { return r.standing(), nil }); err != nil {
		return RenewalOutput{}, err
	}
	r.tell(ctx, "looking for a version to deploy")
	if out := r.obtain(ctx); out != nil {
		return *out, nil
	}
	if in.Hold || in.Only != "" && in.Only != r.version.Fingerprint {
		return RenewalOutput{Kind: string(lifecycle.Issued), Version: r.version, At: workflow.Now(ctx)}, nil
	}
	return r.outcome(ctx, r.rollOut(ctx)), nil
}

// obtain finds a version to deploy: a stated one, a candidate of an earlier
// attempt, or a new one.
func (r *renewal) obtain(ctx workflow.Context) *RenewalOutput {
	if r.in.Purpose != string(lifecycle.ForRenewal) {
		return r.stored(ctx)
	}
	in := activities.IssueInput{
		Name: r.in.Name, Replaces: r.in.Replaces, Names: r.in.Names, CA: r.in.CA, KeyType: r.in.KeyType,
		ReuseKey: r.in.ReuseKey, Profile: r.in.Profile, CAs: r.in.CAs, Discard: r.in.Discard, Supplied: r.in.Supplied, Challenge: r.in.Challenge, DNS: r.in.DNS,
		CSR: r.in.CSR,
	}
	r.leave(ctx, in)
	var found activities.Found
	err := r.store(ctx, "candidate: is a version issued already?", hands.Candidate, in, &found)
	if r.version = found.Version; err != nil || r.version.Fingerprint != "" {
		return r.failed(ctx, err)
	}
	if r.in.Supplied {
		return &RenewalOutput{Kind: string(lifecycle.ConfigurationRefused), At: workflow.Now(ctx), Cause: "nothing that was supplied can be deployed; bring it again: neverlapse supply " + r.in.Name}
	}
	if found.Unsettled != "" {
		if out := r.settle(ctx, in, found.Unsettled); out != nil || r.version.Fingerprint != "" {
			return out
		}
	}
	if out := r.lease(ctx, in, found.Terms); out != nil {
		return out
	}
	err = r.issue(ctx, in)
	out := r.failed(ctx, err)
	r.report(ctx, in, found.Terms, err, out)
	return out
}

func (r *renewal) store(ctx workflow.Context, summary string, activity, in, out any) error {
	return own(ctx, r.in.InTask, summary, activity, in, out)
}

// issue goes through the steps of one order.
func (r *renewal) issue(ctx workflow.Context, in activities.IssueInput) error {
	r.tell(ctx, "ordering from "+code(r.in.CA))
	if err := workflow.ExecuteActivity(issuance(ctx, "order: "+strings.Join(r.in.Names, ", "), min(r.left(ctx), orderLimit)), hands.Order, in).Get(ctx, &in.OrderURL); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(issuance(ctx, "authorize: answer the challenges", r.left(ctx)), hands.Authorize, in).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteActivity(issuance(ctx, "finalize: obtain and store the certificate", r.left(ctx)), hands.Finalize, in).Get(ctx, &r.version)
}

// stored finds the stated version in the store.
func (r *renewal) stored(ctx workflow.Context) *RenewalOutput {
	var all []cert.Version
	if err := r.store(ctx, "find version "+r.in.Version.Short(), hands.Stored, r.in.Name, &all); err != nil {
		return r.failed(ctx, err)
	}
	i := slices.IndexFunc(all, func(v cert.Version) bool { return v.Fingerprint == r.in.Version })
	if i < 0 {
		return &RenewalOutput{Kind: string(lifecycle.ConfigurationRefused), At: workflow.Now(ctx),
			Cause: fmt.Sprintf("the store has no version %s of %s: it was not issued here", r.in.Version.Short(), r.in.Name)}
	}
	r.version = all[i]
	return nil
}
