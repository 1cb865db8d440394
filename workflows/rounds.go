package workflows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// RoundsID is the ID of the schedule of the rounds, and begins those of its runs.
const RoundsID = "watchman/rounds"

// RoundsOutput is what a round found, and what the next one has to know of it.
type RoundsOutput struct {
	activities.Round
	Alerts []Event `json:"alerts,omitempty"` // open ones; the subject is the episode
	Told   int     `json:"told"`             // makes each notice's key
}

// Unguarded is a certificate that is enrolled and that nobody guards.
type Unguarded = activities.Unguarded

// Missing is a certificate whose live version the store lacks.
type Missing = activities.Missing

// The most that a notice about certificates which nobody guards lists, and to
// how many owners it goes beside the catch-all.
const (
	unguardedShown  = 20
	unguardedOwners = 10
	// unguardedNear makes it a page: so little is left of one of them.
	unguardedNear = 7 * 24 * time.Hour
	// mostMended is for how many a notice says each command.
	mostMended = 3
)

// rounds is one round.
type rounds struct {
	RoundsOutput
	teller
	closed map[string][]Unguarded // of episodes that are over: who they were about
}

// RoundsWorkflow compares what the store knows as enrolled with what is guarded,
// as its schedule has it, and tells people of what nobody guards: once, and again
// daily, until it is guarded or retired. It restores nothing: whoever ended a
// workflow may have had a reason, and one that failed might fail again. Live
// versions that the store lacks are told as well.
func (w *Workflows) RoundsWorkflow(ctx workflow.Context) (RoundsOutput, error) {
	r := &rounds{closed: map[string][]Unguarded{}}
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &r.RoundsOutput); err != nil {
			return RoundsOutput{}, err
		}
	}
	r.teller = teller{alerts: &r.Alerts, told: &r.Told, changed: func() {}, notice: r.about, readers: r.owners}
	var found activities.Round
	if err := workflow.ExecuteActivity(batch(ctx, "compare what is enrolled with what is guarded"), hands.Reconcile).Get(ctx, &found); err != nil {
		return RoundsOutput{}, err
	}
	r.judge(found, workflow.Now(ctx).UTC())
	r.judgeStore(ctx)
	workflow.SetCurrentDetails(ctx, r.details())
	err := r.tellNow(ctx)
	return r.RoundsOutput, err
}

// judge opens an episode of those that were guarded before, and closes those of
// which nothing is left.
func (r *rounds) judge(found activities.Round, now time.Time) {
	episode := now.Format(time.RFC3339Nano)
	before := r.Unguarded
	r.Round = found
	news := false
	for i := range r.Unguarded {
		u := &r.Unguarded[i]
		if j := slices.IndexFunc(before, func(b Unguarded) bool { return b.Name == u.Name }); j >= 0 {
			u.Episode = before[j].Episode
		} else {
			u.Episode, news = episode, true
		}
	}
	for _, e := range r.Alerts {
		if e.Reason != alert.Unguarded || len(r.of(e.Subject)) > 0 {
			continue
		}
		for _, b := range before {
			if b.Episode == e.Subject {
				r.closed[e.Subject] = append(r.closed[e.Subject], b)
			}
		}
		r.settleAbout(alert.Unguarded, e.Subject, "a round at "+clock(found.At)+" found all of them guarded or retired")
	}
	if news {
		r.raise(Event{Reason: alert.Unguarded, Subject: episode, Severity: alert.P2, Since: now}, now)
	}
}

// judgeStore opens an event when the store lacks live versions, and closes it once
// it has all of them. Who has to mend it reads in the catch-all alone: owners lose
// nothing that they could bring back.
func (r *rounds) judgeStore(ctx workflow.Context) {
	open := slices.ContainsFunc(r.Alerts, func(e Event) bool { return e.Reason == alert.StoreBehind })
	if len(r.Missing) == 0 && !open || !patched(ctx, tellsStoreBehind) {
		return
	}
	if len(r.Missing) == 0 {
		r.settle(alert.StoreBehind, "a round at "+clock(r.At)+" found every live version in the store")
		return
	}
	var names []string
	for _, m := range r.Missing {
		names = append(names, m.Name)
	}
	now := workflow.Now(ctx).UTC()
	subject := now.Format(time.RFC3339Nano)
	for _, e := range r.Alerts {
		if e.Reason == alert.StoreBehind && e.Evidence == "" {
			subject = e.Subject
		}
	}
	r.raise(Event{Reason: alert.StoreBehind, Subject: subject, Severity: alert.P2, Since: now, Cause: inShort(names, r.MissingMore)}, now)
}

// of lists whom an episode is about, the most urgent first.
func (r *rounds) of(episode string) []Unguarded {
	var out []Unguarded
	for _, u := range r.Unguarded {
		if u.Episode == episode {
			out = append(out, u)
		}
	}
	if out == nil {
		out = slices.Clone(r.closed[episode])
	}
	slices.SortFunc(out, byEnd)
	return out
}

// byEnd orders by when they end; those of which that is not known come last.
func byEnd(a, b Unguarded) int {
	if a.NotAfter.IsZero() != b.NotAfter.IsZero() {
		return -a.NotAfter.Compare(b.NotAfter)
	}
	return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Name, b.Name))
}

func (r *rounds) about(now time.Time, e Event) alert.Notice {
	if e.Reason == alert.StoreBehind {
		return r.aboutStore(now, e)
	}
	all := r.of(e.Subject)
	n := alert.Notice{
		Key: fmt.Sprintf("%s/%s/%s/%d", RoundsID, e.Subject, e.Reason, r.Told), AlertID: RoundsID + "/" + e.Subject + "/" + string(e.Reason), Phase: alert.Firing,
		Severity: e.Severity, Reason: e.Reason, Reach: alert.Direct, Certificate: inShort(namesOf(all), 0), At: now.UTC(),
		Next: alert.NextStep{Kind: "none"}, Evidence: e.Evidence, Commands: []string{"neverlapse watchman"},
	}
	if len(all) == 1 {
		n.Owner, n.Team = all[0].Owner, all[0].Team
	}
	if e.Evidence != "" {
		n.Phase = alert.Resolved
		return n
	}
	for i, u := range all {
		if !u.NotAfter.IsZero() && u.NotAfter.Sub(now) < unguardedNear {
			n.Severity, n.Reach = alert.P1, alert.PageAll
		}
		if i == unguardedShown {
			n.Places = append(n.Places, alert.Place{Where: fmt.Sprintf("and %d more", len(all)+r.More-i), Err: "see: neverlapse watchman"})
		}
		if i < unguardedShown {
			n.Places = append(n.Places, alert.Place{Where: u.Name, NotAfter: u.NotAfter, Err: u.InWords()})
		}
		if verb := u.Mend(); len(all) <= mostMended && verb != "" {
			n.Commands = append(n.Commands, verb)
		}
	}
	if len(all) > mostMended && slices.ContainsFunc(all, Unguarded.Restorable) {
		n.Commands = append(n.Commands, "neverlapse restore --all")
	}
	return n
}

// aboutStore is what the catch-all is told of live versions that the store lacks.
func (r *rounds) aboutStore(now time.Time, e Event) alert.Notice {
	id := RoundsID + "/" + e.Subject + "/" + string(e.Reason)
	n := alert.Notice{
		Key: fmt.Sprintf("%s/%d", id, r.Told), AlertID: id, Phase: alert.Firing,
		Severity: e.Severity, Reason: e.Reason, Reach: alert.Direct, Certificate: e.Cause, At: now.UTC(),
		Next: alert.NextStep{Kind: "none"}, Evidence: e.Evidence, Commands: []string{"neverlapse store check"},
	}
	if e.Evidence != "" {
		n.Phase = alert.Resolved
		return n
	}
	for i, m := range r.Missing {
		if i == unguardedShown {
			n.Places = append(n.Places, alert.Place{Where: fmt.Sprintf("and %d more", len(r.Missing)+r.MissingMore-i), Err: "see: neverlapse store check"})
			break
		}
		n.Places = append(n.Places, alert.Place{Where: m.Name, Fingerprint: m.Fingerprint, NotAfter: m.NotAfter, Err: "its live version is not in the store"})
		if len(r.Missing) <= mostMended {
			n.Commands = append(n.Commands, "neverlapse renew "+m.Name)
		}
	}
	return n
}

func namesOf(all []Unguarded) (out []string) {
	for _, u := range all {
		out = append(out, u.Name)
	}
	return out
}

// inShort names the first of them; more are not listed at all.
func inShort(names []string, more int) string {
	shown := names[:min(len(names), 3)]
	text := strings.Join(shown, ", ")
	if more += len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" (+%d)", more)
	}
	return text
}

// owners are told beside the catch-all, as far as it is known whose they were.
func (r *rounds) owners(e Event) []people.Question {
	var out []people.Question
	if e.Reason == alert.StoreBehind {
		return nil
	}
	for _, u := range r.of(e.Subject) {
		q := people.Question{Roles: []people.Role{people.Owner, people.TeamAll}, Owner: u.Owner, Team: u.Team}
		same := func(o people.Question) bool { return o.Owner == q.Owner && o.Team == q.Team }
		if (u.Owner != "" || u.Team != "") && len(out) < unguardedOwners && !slices.ContainsFunc(out, same) {
			out = append(out, q)
		}
	}
	return out
}

func (r *rounds) details() string {
	text := fmt.Sprintf("%d certificates are guarded, %d are enrolled and are not\n", r.Guarded, len(r.Unguarded)+r.More)
	for _, u := range r.Unguarded[:min(len(r.Unguarded), unguardedShown)] {
		text += "\n- " + code(u.Name) + ": " + code(u.InWords())
	}
	if n := len(r.Missing) + r.MissingMore; n > 0 {
		text += fmt.Sprintf("\n\nthe store lacks the live version of %d\n", n)
	}
	return text
}

// LastRounds is what the latest round found, the zero value if none has ended.
// The interval is that of the schedule.
func LastRounds(ctx context.Context, c client.Client) (out RoundsOutput, every time.Duration, err error) {
	every, err = lastOf(ctx, c, RoundsID, &out)
	return out, every, err
}

// lastOf reads the result of the latest run of a schedule that has ended well,
// if there is one among those that the schedule remembers; there need be no schedule.
func lastOf(ctx context.Context, c client.Client, schedule string, into any) (every time.Duration, err error) {
	d, err := c.ScheduleClient().GetHandle(ctx, schedule).Describe(ctx)
	if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("schedule %s: %w", schedule, err)
	}
	if s := d.Schedule.Spec; s != nil && len(s.Intervals) > 0 {
		every = s.Intervals[0].Every
	}
	for _, a := range slices.Backward(d.Info.RecentActions) {
		run := a.StartWorkflowResult
		if run == nil || slices.ContainsFunc(d.Info.RunningWorkflows, func(w client.ScheduleWorkflowExecution) bool { return w.WorkflowID == run.WorkflowID }) {
			continue
		}
		if err = c.GetWorkflow(ctx, run.WorkflowID, run.FirstExecutionRunID).Get(ctx, into); err == nil || ctx.Err() != nil {
			return every, err
		}
	}
	return every, err
}
