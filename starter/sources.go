package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/workflows"
)

// surveyPatience is how long sources run --wait waits unless --timeout says otherwise.
const surveyPatience = 30 * time.Minute

// sourceView is the JSON of one source; its names are a contract with scripts.
type sourceView struct {
	estate.Standing
	Running bool      `json:"running"`
	NextAt  time.Time `json:"nextAt,omitzero"`
	Overdue time.Time `json:"overdueSince,omitzero"` // no complete run for two intervals; people were told
	Paused  bool      `json:"paused,omitempty"`
}

func (c *cli) sources() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sources", Short: "List the sources of the inventory: when each was gone through, what was seen, what is next", Args: cobra.NoArgs,
		Long: `List the sources of the worker's configuration: when each was gone through last, how
many certificates were seen, how many of these cannot be read, of how many places
nothing is known, which parts failed, and when the next run is. docs/inventory.md
explains them. It exits with 1 if a source has not completed a run for too long.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := c.sourceViews(cmd.Context())
			if err != nil {
				return err
			}
			if !c.text() {
				err = results(c, all)
			} else {
				err = c.printSources(all)
			}
			if bad := overdue(all); err == nil && len(bad) > 0 {
				return problem{exitFailed, "not gone through for two intervals: " + strings.Join(bad, ", ")}
			}
			return err
		},
	}
	c.add(cmd, "", c.sourcesRun())
	return cmd
}

func overdue(all []sourceView) (out []string) {
	for _, v := range all {
		if !v.Overdue.IsZero() {
			out = append(out, v.Source)
		}
	}
	return out
}

func (c *cli) sourceViews(ctx context.Context) ([]sourceView, error) {
	all, err := work[[]estate.Standing](ctx, c, "ListSources", "sources", c.timeout.value, struct{}{})
	if err != nil {
		return nil, err
	}
	out := make([]sourceView, 0, len(all))
	for _, s := range all {
		v := sourceView{Standing: s}
		waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
		plan, err := c.conn.ScheduleClient().GetHandle(waiting, workflows.SurveyID(s.Source)).Describe(waiting)
		if err == nil {
			v.Running = len(plan.Info.RunningWorkflows) > 0
			v.Paused = plan.Schedule.State != nil && plan.Schedule.State.Paused
			if len(plan.Info.NextActionTimes) > 0 {
				v.NextAt = plan.Info.NextActionTimes[0]
			}
			v.Overdue, err = c.overdueSince(waiting, s.Source)
		}
		cancel()
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Source, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func (c *cli) overdueSince(ctx context.Context, name string) (time.Time, error) {
	answer, err := c.conn.QueryWorkflow(ctx, workflows.SourceID(name), "", workflows.QuerySource)
	var s workflows.Source
	if err == nil {
		err = answer.Get(&s)
	}
	for _, e := range s.Alerts {
		if e.Reason == alert.SourceIncomplete && e.Evidence == "" {
			return e.Since, err
		}
	}
	return time.Time{}, err
}

func (c *cli) printSources(all []sourceView) error {
	if len(all) == 0 {
		c.remark("no source is configured; docs/inventory.md shows how to add one")
		return nil
	}
	t := table{head: []string{"NAME", "KIND", "LAST RUN", "COMPLETE", "PLACES", "CERTS", "UNREADABLE", "UNKNOWN", "NEXT", "TROUBLE"}}
	for _, v := range all {
		next := c.when(v.NextAt)
		if v.Running {
			next = "running"
		} else if v.Paused {
			next = "paused"
		}
		text, hue := c.sourceTrouble(v)
		t.add(v.Source, v.Kind, c.when(v.Last.Ended), c.when(v.Completed), fmt.Sprint(v.Places), fmt.Sprint(v.Certs), fmt.Sprint(v.Last.Unread), fmt.Sprint(v.Last.Troubled), next, text)
		t.color(9, hue)
	}
	return t.write(c.out, "", c.paint)
}

// sourceTrouble says what is wrong with a source; "-" if nothing is.
func (c *cli) sourceTrouble(v sourceView) (text, hue string) {
	var parts []string
	if !v.Overdue.IsZero() {
		parts, hue = append(parts, "no complete run for two intervals"), red
	}
	if v.Last.Err != "" {
		parts = append(parts, "the last run ended early: "+clean(v.Last.Err, 160))
	}
	for i, f := range v.Last.Failed {
		if i == 2 {
			parts = append(parts, fmt.Sprintf("%d more parts failed", len(v.Last.Failed)-i))
			break
		}
		parts = append(parts, clean(f.Places, 60)+": "+clean(f.Why, 120))
	}
	if n := len(v.Stuck) + v.StuckMore; n > 0 {
		parts = append(parts, plural(n, "renewal")+" stuck or late")
	}
	if len(parts) == 0 {
		return "-", ""
	}
	if hue == "" {
		hue = yellow
	}
	return strings.Join(parts, "; "), hue
}

func (c *cli) sourcesRun() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "run NAME [--wait]", Short: "Go through a source now", Args: cobra.ExactArgs(1),
		Long: `Go through a source of the inventory now, as its schedule would have it. Where a run
goes on already, that is the one. With --wait the outcome is shown, and it exits
with 1 if the run was not complete; it waits 30m unless --timeout says otherwise.`,
		Example: "  neverlapse sources run web --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := certificateName(args[0]); err != nil {
				return usage("%q is not the name of a source; see: neverlapse sources", args[0])
			}
			limit := c.timeout.value
			if wait {
				limit = c.patience(surveyPatience)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			run, err := c.trigger(ctx, workflows.SurveyID(args[0]), fmt.Sprintf("no source is called %q; see: neverlapse sources", args[0]))
			if err != nil {
				return err
			}
			if !wait {
				return c.answer("source "+args[0]+" is gone through now; see: neverlapse sources", map[string]string{"source": args[0], "run": run})
			}
			return c.awaitSurvey(ctx, args[0], run)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the run to end")
	return cmd
}

// trigger has a schedule run, unless it does already, and gives the ID of the
// workflow that runs; missing says that there is no such schedule.
func (c *cli) trigger(ctx context.Context, schedule, missing string) (string, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return "", err
	}
	plan := conn.ScheduleClient().GetHandle(ctx, schedule)
	before, err := plan.Describe(ctx)
	if isA[*serviceerror.NotFound](err) {
		return "", problem{exitNotFound, missing}
	}
	if err != nil {
		return "", err
	}
	if going := before.Info.RunningWorkflows; len(going) > 0 {
		return going[0].WorkflowID, nil
	}
	if err := plan.Trigger(ctx, client.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP}); err != nil {
		return "", err
	}
	for {
		now, err := plan.Describe(ctx)
		if err != nil {
			return "", err
		}
		if now.Info.NumActions > before.Info.NumActions {
			if n := len(now.Info.RecentActions); n > 0 {
				return now.Info.RecentActions[n-1].StartWorkflowResult.WorkflowID, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("schedule %s has begun no run: %w", schedule, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (c *cli) awaitSurvey(ctx context.Context, source, run string) error {
	var out workflows.SurveyOutput
	err := c.conn.GetWorkflow(ctx, run, "").Get(ctx, &out)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("source %s: the run goes on: %w", source, errNoWorker)
	}
	if err != nil {
		return err
	}
	r := out.Standing.Last
	text := fmt.Sprintf("source %s: %d places with a certificate, %d new, %d changed, %d gone; %d certificates were told, %d that nobody enrolled are new in triage",
		source, r.Seen, r.New, r.Changed, r.Gone, out.Told, out.Strays)
	if err := c.answer(text, out); err != nil || r.Complete {
		return err
	}
	why, _ := c.sourceTrouble(sourceView{Standing: out.Standing})
	return problem{exitFailed, "the run was not complete: " + why}
}

// remarkSources says beside a list or a status how the sources of the inventory
// stand, as what they do not see is not known here either. Where no worker answers
// at once it says nothing.
func (c *cli) remarkSources(ctx context.Context) {
	all, err := work[[]estate.Standing](ctx, c, "ListSources", "sources", glance, struct{}{})
	if err != nil || len(all) == 0 {
		return
	}
	var done []estate.Standing
	places, unknown := 0, 0
	for _, s := range all {
		name, since := clean(s.Source, 0), c.overdueAtAGlance(ctx, s.Source)
		switch {
		case !since.IsZero():
			c.remark("source %s of the inventory has not completed a run for two intervals (told since %s); see: neverlapse sources", name, c.when(since))
		case s.Last.ID == "":
			c.remark("source %s of the inventory was never gone through; see: neverlapse sources", name)
		case !s.Last.Complete:
			c.remark("source %s of the inventory: its last run, %s, was not complete; see: neverlapse sources", name, c.when(s.Last.Ended))
		}
		if !s.Completed.IsZero() {
			done, places, unknown = append(done, s), places+s.Places, unknown+s.Last.Troubled
		}
	}
	if len(done) == 0 {
		return
	}
	first := slices.MinFunc(done, func(a, b estate.Standing) int { return a.Completed.Compare(b.Completed) })
	c.remark("inventory: %d of %d sources were gone through, each at %s or later: %d places, of %d nothing is known", len(done), len(all), c.when(first.Completed), places, unknown)
}

// overdueAtAGlance is since when people have been told that a source is not gone
// through; zero where nobody was, or nobody answers at once.
func (c *cli) overdueAtAGlance(ctx context.Context, source string) time.Time {
	waiting, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	since, err := c.overdueSince(waiting, source)
	if err != nil {
		return time.Time{}
	}
	return since
}

// remarkStrays says beside a list that there are certificates which nobody enrolled.
func (c *cli) remarkStrays(ctx context.Context) {
	strays, err := work[estate.TriageList](ctx, c, "ListTriage", "triage", glance, estate.TriageQuery{})
	if n := len(strays.Strays) + strays.More; err == nil && n > 0 {
		c.remark("%s out there that nobody enrolled; see: neverlapse triage", certificates(n))
	}
}
