package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// mostNamed is how many certificates a finding names.
const mostNamed = 5

// fleet looks at what Temporal does for us: schedules, certificates, sources.
func (x *examiner) fleet() (out []doctor.Check) {
	if x.store != nil {
		for _, s := range x.config().Sources {
			out = append(out, doctor.One(doctor.Sources, s.Name, func(ctx context.Context) doctor.Finding { return x.source(ctx, s.Name, s.Interval()) }))
		}
	}
	if x.client == nil {
		return out
	}
	return append(out,
		doctor.Check{Codes: []doctor.Code{doctor.Schedules}, Run: x.schedules},
		doctor.Check{Codes: []doctor.Code{doctor.Entities}, Run: x.entities},
		doctor.One(doctor.Overdue, "", x.overdue),
		doctor.Check{Codes: []doctor.Code{doctor.InTrouble}, Run: x.trouble},
	)
}

func (x *examiner) source(ctx context.Context, name string, every time.Duration) doctor.Finding {
	st, err := x.store.SourceStanding(ctx, name)
	run := "neverlapse sources run " + name + " --wait"
	switch now := time.Now(); {
	case err != nil:
		return unread(err)
	case st.Last.ID == "":
		return doctor.Doubtful(run, "it was never gone through")
	case st.Completed.IsZero():
		return doctor.Doubtful(run, "no run of it was complete yet; the last one, at %s, was not complete: %s", st.Last.Ended.UTC().Format(time.RFC3339), failed(st.Last))
	case now.Sub(st.Completed) > 2*every:
		return doctor.Bad(run, "no run was complete for two intervals (of %s); the last one ended at %s: %s", lifecycle.FormatDuration(every), st.Last.Ended.UTC().Format(time.RFC3339), failed(st.Last))
	case !st.Last.Complete:
		return doctor.Doubtful(run, "the last run, at %s, was not complete: %s", st.Last.Ended.UTC().Format(time.RFC3339), failed(st.Last))
	}
	return doctor.Good("gone through at %s: %d places, %d certificates, %d places of which nothing is known", st.Completed.UTC().Format(time.RFC3339), st.Places, st.Certs, st.Last.Troubled)
}

// failed says in short why a run was not complete.
func failed(r estate.Run) string {
	var why []string
	if r.Err != "" {
		why = append(why, r.Err)
	}
	for _, f := range r.Failed {
		why = append(why, f.Places+": "+f.Why)
	}
	return strings.Join(why[:min(len(why), mostNamed)], "; ")
}

// schedules looks at every Schedule that this worker planned, and at those of ours
// that are there.
func (x *examiner) schedules(ctx context.Context) []doctor.Finding {
	var ids []string
	if x.app != nil {
		ids = x.app.planned.all()
	}
	schedules := x.client.ScheduleClient()
	all, err := schedules.List(ctx, client.ScheduleListOptions{})
	for err == nil && all.HasNext() {
		var s *client.ScheduleListEntry
		if s, err = all.Next(); err == nil && ours(s.ID) && !slices.Contains(ids, s.ID) {
			ids = append(ids, s.ID)
		}
	}
	if err != nil {
		return []doctor.Finding{doctor.Bad("see for yourself: "+temporalCommand(x.config(), "schedule list"), "they cannot be listed: %s", inOneLine(err))}
	}
	slices.Sort(ids)
	out := make([]doctor.Finding, len(ids))
	var abreast sync.WaitGroup
	for i, id := range ids {
		abreast.Go(func() {
			out[i] = x.scheduled(ctx, schedules, id)
			out[i].About = id
		})
	}
	abreast.Wait()
	if len(out) == 0 {
		out = append(out, doctor.Good("none is needed: no CA, source or digest is configured"))
	}
	return out
}

func ours(id string) bool {
	return slices.ContainsFunc([]string{workflows.InventoryID(""), workflows.SurveyID(""), workflows.DigestID(""), workflows.RoundsID, workflows.CanaryID}, func(p string) bool { return strings.HasPrefix(id, p) })
}

func (x *examiner) scheduled(ctx context.Context, all client.ScheduleClient, id string) doctor.Finding {
	d, err := all.GetHandle(ctx, id).Describe(ctx)
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return doctor.Bad("systemctl restart neverlapse-worker makes it anew", "there is no such Schedule")
	case err != nil:
		return doctor.Bad("see for yourself: "+temporalCommand(x.config(), "schedule describe")+" --schedule-id "+id, "%s", inOneLine(err))
	case d.Schedule.State != nil && d.Schedule.State.Paused:
		why := ""
		if d.Schedule.State.Note != "" {
			why = ": " + d.Schedule.State.Note
		}
		return doctor.Bad(temporalCommand(x.config(), "schedule toggle")+" --schedule-id "+id+` --unpause --reason "found by doctor"`, "it is paused%s", why)
	case len(d.Info.NextActionTimes) == 0:
		return doctor.Doubtful("systemctl restart neverlapse-worker makes it anew", "no run of it is planned")
	}
	next := "next " + d.Info.NextActionTimes[0].UTC().Format(time.RFC3339)
	recent := slices.Clone(d.Info.RecentActions)
	slices.Reverse(recent)
	failed, why, last := 0, "", "it has not run yet"
	for i, r := range recent {
		if r.StartWorkflowResult == nil {
			continue
		}
		how := x.ended(ctx, r.StartWorkflowResult.WorkflowID, r.StartWorkflowResult.FirstExecutionRunID)
		if i == 0 {
			last = fmt.Sprintf("last run %s, %s", r.ActualTime.UTC().Format(time.RFC3339), how)
		}
		if how != "failed" && how != "timed out" && how != "terminated" {
			break
		}
		failed, why = failed+1, r.StartWorkflowResult.WorkflowID
	}
	show := temporalCommand(x.config(), "workflow show") + " --workflow-id " + why
	switch {
	case failed > 2:
		return doctor.Bad("see why: "+show, "its last %d runs failed; %s", failed, next)
	case failed > 0:
		return doctor.Doubtful("see why: "+show, "%s; %s", last, next)
	}
	return doctor.Good("%s; %s", last, next)
}

// ended says in words how the run of a workflow is or ended.
func (x *examiner) ended(ctx context.Context, id, run string) string {
	d, err := x.client.DescribeWorkflowExecution(ctx, id, run)
	if err != nil {
		return "gone by now"
	}
	switch d.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return "running"
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return "failed"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "timed out"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return "terminated"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "cancelled"
	}
	return "done"
}

// certificates gives names that a query finds, so many at most, and how many there are.
func (x *examiner) certificates(ctx context.Context, query string, most int32) (names []string, n int64, err error) {
	namespace := x.config().Temporal.Namespace
	counted, err := x.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query})
	if err != nil || counted.GetCount() == 0 {
		return nil, 0, err
	}
	r, err := x.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, Query: query, PageSize: most})
	for _, w := range r.GetExecutions() {
		names = append(names, strings.TrimPrefix(w.GetExecution().GetWorkflowId(), workflows.WorkflowID("")))
	}
	return names, counted.GetCount(), err
}

func unlisted(err error) doctor.Finding {
	return doctor.Bad("neverlapse doctor --only temporal", "certificates cannot be listed: %s", inOneLine(err))
}

// entities looks for certificates whose workflow was ended otherwise than by
// retiring them, and for those whose tasks fail.
func (x *examiner) entities(ctx context.Context) []doctor.Finding {
	r, err := x.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: x.config().Temporal.Namespace, Query: endedFromOutside, PageSize: fleetPage})
	if err != nil {
		return []doctor.Finding{unlisted(err)}
	}
	var out []doctor.Finding
	seen := map[string]bool{}
	for _, w := range r.GetExecutions() {
		id := w.GetExecution().GetWorkflowId()
		if seen[id] {
			continue
		}
		seen[id] = true
		how := x.ended(ctx, id, "")
		if how == "running" || how == "done" {
			continue
		}
		name := strings.TrimPrefix(id, workflows.WorkflowID(""))
		f := doctor.Bad("neverlapse restore "+name+"; if it is not wanted any more, then neverlapse retire "+name,
			"its workflow is %s since %s: nobody watches or renews it", how, w.GetCloseTime().AsTime().UTC().Format(time.RFC3339))
		f.About = name
		out = append(out, f)
	}
	if lost := x.lost(ctx); len(lost) > 0 {
		out = append(out, doctor.Bad("neverlapse restore --all", "%d certificates are enrolled, and Temporal has lost their workflows: %s", len(lost), strings.Join(lost[:min(len(lost), mostNamed)], ", ")))
	}
	if names, n, err := x.certificates(ctx, everyCertificate+" AND TemporalReportedProblems IS NOT NULL", mostNamed); err == nil && n > 0 {
		out = append(out, doctor.Bad("see why: "+temporalCommand(x.config(), "workflow describe")+" --workflow-id "+workflows.WorkflowID(names[0])+"; journalctl -u neverlapse-worker -n 50",
			"the tasks of %d certificates fail again and again, so they do nothing: %s", n, strings.Join(names, ", ")))
	}
	if _, n, err := x.certificates(ctx, everyCertificate, mostNamed); err != nil {
		out = append(out, unlisted(err))
	} else if len(out) == 0 {
		out = append(out, doctor.Good("%d certificates are enrolled, and each has its workflow", n))
	}
	return out
}

// lost names what the latest round found gone, if the first of them still is.
func (x *examiner) lost(ctx context.Context) (names []string) {
	last, _, err := workflows.LastRounds(ctx, x.client)
	if err != nil {
		return nil // the check of the schedules says it
	}
	for _, u := range last.Unguarded {
		if u.Lost() && (len(names) >= mostNamed || x.ended(ctx, workflows.WorkflowID(u.Name), "") == "gone by now") {
			names = append(names, u.Name)
		}
	}
	return names
}

// overdueAfter is how late a step may be. A renewal that is under way has its own time.
const overdueAfter = 15 * time.Minute

func (x *examiner) overdue(ctx context.Context) doctor.Finding {
	by := time.Now().Add(-overdueAfter).UTC().Format(time.RFC3339)
	names, n, err := x.certificates(ctx, everyCertificate+" AND `state` != '"+lifecycle.StateRenewing+"' AND `nextStepAt` < '"+by+"'", mostNamed)
	switch {
	case err != nil:
		return unlisted(err)
	case n > 0:
		return doctor.Bad("see what it waits for: neverlapse explain "+names[0]+"; and whether a worker is stuck: neverlapse doctor --only workers", "%d certificates are late with their next step: %s", n, strings.Join(names, ", "))
	}
	return doctor.Good("no certificate is late with its next step")
}

func (x *examiner) trouble(ctx context.Context) []doctor.Finding {
	now := time.Now().UTC().Format(time.RFC3339)
	var out []doctor.Finding
	for _, t := range []struct{ query, what, remedy string }{
		{"`state` = '" + lifecycle.StateSpent + "'", "have spent their attempts, so that nothing more is tried", "neverlapse list --state spent; remove the cause that this names: neverlapse explain "},
		{"`notAfter` < '" + now + "'", "have expired", "neverlapse explain "},
	} {
		names, n, err := x.certificates(ctx, everyCertificate+" AND "+t.query, mostNamed)
		if err != nil {
			return []doctor.Finding{unlisted(err)}
		}
		if n > 0 {
			out = append(out, doctor.Doubtful(t.remedy+names[0], "%d certificates %s: %s", n, t.what, strings.Join(names, ", ")))
		}
	}
	if len(out) == 0 {
		out = append(out, doctor.Good("none has expired or has spent its attempts"))
	}
	return out
}
