package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/workflows"
)

// ownersAgain is between two looks at who owns what.
const ownersAgain = 5 * time.Minute

// handOver begins a handover for every owner who is not in the directory any
// more, or whom nothing reaches any more. One that is under way goes on.
func (a *App) handOver(ctx context.Context) (time.Duration, error) {
	owners, err := a.owners(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, owner := range owners {
		p, here := a.inForce.directory().Person(owner)
		in := workflows.HandoverInput{Person: owner, Name: p.Name, Cause: lifecycle.LeftDirectory, Teams: a.teamsOf(owner), Within: a.inForce.config().Handover.AnswerWithin, By: itself, Via: "directory"}
		if here {
			reach, err := a.acts.Reach(ctx, owner)
			if err != nil {
				errs = append(errs, fmt.Errorf("addresses of %s: %w", owner, err))
				continue
			}
			if reach || p.Away || !a.everReached(p) {
				continue
			}
			in.Cause, in.Via = lifecycle.OutOfReach, "delivery"
		}
		errs = append(errs, StartHandover(ctx, a.client, a.config.Temporal.TaskQueue, in))
	}
	return ownersAgain, errors.Join(errs...)
}

// everReached reports whether somebody has a way that could be broken at all: who
// has none in the directory is told through the team, as the directory means it.
func (a *App) everReached(p people.Person) bool {
	for _, c := range a.inForce.directory().Resolve(people.Question{Roles: []people.Role{people.Owner}, Owner: p.ID}) {
		for _, ch := range a.acts.Channels() {
			if ch.AddressFor(c) != "" && !ch.LastResort {
				return true
			}
		}
	}
	return false
}

// owners lists who owns certificates, as the index has it.
func (a *App) owners(ctx context.Context) ([]string, error) {
	seen := map[string]bool{"": true}
	var out []string
	for token, more := []byte(nil), true; more; {
		page, next, err := a.acts.Wards.Page(ctx, "", token)
		if err != nil {
			return nil, err
		}
		for _, w := range page {
			if !seen[w.Owner] {
				seen[w.Owner] = true
				out = append(out, w.Owner)
			}
		}
		token, more = next, len(next) > 0
	}
	return out, nil
}

// teamsOf gives the teams of somebody: as the directory has it, or had it before
// they were removed.
func (a *App) teamsOf(person string) []string {
	if now := a.inForce.directory().TeamsOf(person); len(now) > 0 {
		return now
	}
	return a.were[person]
}

// remember keeps the teams of everybody, for when they are removed.
func (a *App) remember(d people.Directory) {
	for _, p := range d.People {
		if t := d.TeamsOf(p.ID); len(t) > 0 {
			a.were[p.ID] = t
		}
	}
}

// StartHandover begins the handover of what somebody leaves behind, unless it is
// under way.
func StartHandover(ctx context.Context, c client.Client, queue string, in workflows.HandoverInput) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.HandoverID(in.Person), TaskQueue: queue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, StaticSummary: "a new owner for what " + in.Person + " leaves behind",
	}, "HandoverWorkflow", in)
	if err != nil {
		return fmt.Errorf("handover of %s: %w", in.Person, err)
	}
	return nil
}

// handover takes an answer to the handover of whoever it names.
func (s answers) handover(ctx context.Context, a web.Answer) error {
	in := workflows.HandoverAnswerRequest{Request: request(a), Accept: a.Action == alert.ActAccept, Seen: a.Standing}
	_, err := workflows.AnswerHandover(ctx, s.gate.Client, a.Certificate, in)
	var refusal lifecycle.Refusal
	if errors.As(err, &refusal) || errors.Is(err, workflows.ErrNotEnrolled) {
		return fault.New(fault.Invalid, "%w", err)
	}
	return err
}
