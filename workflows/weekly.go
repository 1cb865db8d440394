package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// DigestID is the ID of the schedule of a team's weekly digest, and begins those of its runs.
func DigestID(team string) string { return "digest/" + team }

// WeeklyInput says whose week is told. Empty: also when there is nothing to tell.
type WeeklyInput struct {
	Team  string `json:"team"`
	Empty bool   `json:"empty,omitempty"`
}

// WeeklyOutput says who was told; nobody, where Text says why.
type WeeklyOutput struct {
	To   []string `json:"to,omitempty"` // "web by mail"
	Text string   `json:"text"`
}

// DigestWorkflow tells a team how its certificates did and what comes, as its
// schedule has it or somebody asks for.
func (w *Workflows) DigestWorkflow(ctx workflow.Context, in WeeklyInput) (WeeklyOutput, error) {
	now := workflow.Now(ctx).UTC()
	var week alert.Weekly
	if err := workflow.ExecuteActivity(batch(ctx, "read the week of "+in.Team), hands.Weekly, activities.WeeklyInput{Team: in.Team, To: now}).Get(ctx, &week); err != nil {
		return WeeklyOutput{}, err
	}
	if week.Quiet() && !in.Empty {
		return WeeklyOutput{Text: "there was nothing to tell"}, nil
	}
	n := WeeklyNotice(week, in.Team, workflow.GetInfo(ctx).WorkflowExecution.ID)
	q := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.TeamAll}, Team: in.Team, At: now}, Reach: n.Reach, Last: true}
	var all []activities.Delivery
	if err := workflow.ExecuteActivity(quick(ctx, "who is the team "+in.Team), hands.Address, q).Get(ctx, &all); err != nil {
		return WeeklyOutput{}, err
	}
	var out WeeklyOutput
	var refused []string
	for _, d := range all {
		lost := letters{notice: n}
		for _, way := range append([]activities.Way{d.Way}, d.Others...) {
			var r alert.Receipt
			m := message(n, d.To, way, nil)
			err := workflow.ExecuteActivity(notification(ctx, fmt.Sprintf("the week of %s to %s by %s", in.Team, d.To.Name, way.Channel)), hands.Deliver, m).Get(ctx, &r)
			if err == nil {
				out.To = append(out.To, d.To.ID+" by "+way.Channel)
				break
			}
			refused = append(refused, fmt.Sprintf("%s to %s: %s", way.Channel, d.To.ID, lost.add(ctx, m, err)))
		}
		lost.keep(ctx, nil)
	}
	if len(out.To) == 0 {
		return out, temporal.NewNonRetryableApplicationError(cut("the digest reached nobody: "+strings.Join(refused, "; "), keepCause), "Undelivered", nil)
	}
	out.Text = "told " + strings.Join(out.To, ", ")
	return out, nil
}

// WeeklyNotice makes the notice of a week; id tells it from every other.
func WeeklyNotice(w alert.Weekly, team, id string) alert.Notice {
	return alert.Notice{
		Key: id, AlertID: id, Phase: alert.Firing, Reason: alert.WeeklyDigest, Reach: alert.Quiet, Team: team, At: w.To, Weekly: &w,
		Commands: []string{"neverlapse list --team " + team, "neverlapse digest --team " + team},
	}
}
