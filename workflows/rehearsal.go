package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// RehearsalInput asks what deploying a version would do.
type RehearsalInput struct {
	Name    string           `json:"name"`
	Names   []string         `json:"names"`
	Version cert.Fingerprint `json:"version"`
	Targets []string         `json:"targets"`
	By      string           `json:"by"`
	Via     string           `json:"via,omitempty"`
	Note    string           `json:"note,omitempty"`
	// AcceptIrreversible: what a target has need not come back where it cannot.
	AcceptIrreversible bool `json:"acceptIrreversible,omitempty"`
}

// RehearsalLimit is how long a rehearsal may take.
const RehearsalLimit = 5 * time.Minute

// RehearsalID is that of one rehearsal; id tells it from others of the name.
func RehearsalID(name, id string) string { return "rehearsal/" + name + "/" + id }

// RehearsalWorkflow asks every target what a deployment would do there, the way
// a deployment would ask it, and changes nothing. It is beside the certificate,
// which goes on meanwhile; what cannot be asked is in the answer of its target.
func (w *Workflows) RehearsalWorkflow(ctx workflow.Context, in RehearsalInput) ([]cert.Rehearsal, error) {
	r := &renewal{in: RenewalInput{Name: in.Name, Names: in.Names, Purpose: string(lifecycle.ForDeploy), AcceptIrreversible: in.AcceptIrreversible}, version: cert.Version{Fingerprint: in.Version}}
	for _, t := range in.Targets {
		r.places = append(r.places, &place{target: t})
	}
	out := make([]cert.Rehearsal, len(r.places))
	together(ctx, "target", r.places, func(ctx workflow.Context, i int, p *place) {
		out[i] = r.rehearse(ctx, p)
	})
	return out, nil
}

// rehearse asks here first, and then the host if the target lives on one.
func (r *renewal) rehearse(ctx workflow.Context, p *place) cert.Rehearsal {
	summary := "rehearse deploying " + r.version.Fingerprint.Short() + " to " + p.target + ": nothing is changed"
	var said activities.Rehearsed
	err := r.onTarget(ctx, p, summary, hands.Rehearse, &said)
	if err == nil && said.Host != "" {
		p.host = host{said.Host, said.Wait}
		var there activities.Rehearsed
		err = r.onTarget(ctx, p, summary, hands.Rehearse, &there)
		said.Has, said.Trouble, said.Steps = there.Has, there.Trouble, there.Steps
	}
	if said.Target = p.target; err != nil {
		_, said.Trouble = p.host.failure(err)
	}
	return said.Rehearsal
}
