package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
)

// PoliciesID is the ID of what spreads changed policies; the newest replaces one
// that is under way.
const PoliciesID = "policies"

// MemoPolicies is where the run keeps the digest of the policies that it spreads.
const MemoPolicies = "policies"

// The passes over the fleet: what was enrolled meanwhile, or could not be
// reached, is found by the next.
const (
	spreadPasses = 3
	spreadPause  = time.Minute
)

// PoliciesInput is what to spread, and what was done.
type PoliciesInput struct {
	Policies []activities.ChangedPolicy `json:"policies"`
	Page     []byte                     `json:"page,omitempty"`
	Pass     int                        `json:"pass,omitempty"` // from 0
	Sum      PoliciesOutput             `json:"sum,omitzero"`
}

// PoliciesOutput sums it up; Missed is of the last pass.
type PoliciesOutput struct {
	Changed int      `json:"changed"`
	Missed  []string `json:"missed,omitempty"`
}

// keepMissed bounds how many troubles are kept.
const keepMissed = 50

// PoliciesWorkflow has every certificate carry the policy of its name as the
// configuration has it now. Those that carry it already are not touched.
func (w *Workflows) PoliciesWorkflow(ctx workflow.Context, in PoliciesInput) (PoliciesOutput, error) {
	run := PoliciesID + "/" + workflow.GetInfo(ctx).FirstRunID
	for {
		var p activities.Spread
		summary := fmt.Sprintf("have certificates carry changed policies, pass %d", in.Pass+1)
		ask := activities.SpreadInput{Run: fmt.Sprintf("%s/%d", run, in.Pass), Policies: in.Policies, Page: in.Page}
		if err := workflow.ExecuteActivity(batch(ctx, summary), hands.SpreadPolicies, ask).Get(ctx, &p); err != nil {
			return in.Sum, err
		}
		in.Page = p.Next
		in.Sum.Changed += p.Changed
		in.Sum.Missed = append(in.Sum.Missed, p.Missed...)
		in.Sum.Missed = in.Sum.Missed[:min(len(in.Sum.Missed), keepMissed)]
		workflow.SetCurrentDetails(ctx, in.details())
		switch {
		case len(in.Page) > 0 && workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return in.Sum, workflow.NewContinueAsNewError(ctx, w.PoliciesWorkflow, in)
		case len(in.Page) > 0:
		case in.Pass+1 >= spreadPasses:
			return in.Sum, nil
		default:
			in.Pass++
			pause := workflow.TimerOptions{Summary: brief("wait, then look for what was enrolled meanwhile")}
			if err := workflow.NewTimerWithOptions(ctx, spreadPause, pause).Get(ctx, nil); err != nil {
				return in.Sum, err
			}
			in.Sum.Missed = nil
		}
	}
}

func (in PoliciesInput) details() string {
	text := fmt.Sprintf("pass %d: %d certificates changed, %d could not be\n", in.Pass+1, in.Sum.Changed, len(in.Sum.Missed))
	for _, m := range in.Sum.Missed {
		text += "\n- " + code(m)
	}
	return strings.TrimSuffix(text, "\n") + "\n"
}
