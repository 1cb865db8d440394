package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/people"
)

// The messages of a source: signals that plan it (SourcePlan) and that tell how a
// run went (estate.Standing), and a query for its Source.
const (
	SignalRan   = "ran"
	QuerySource = "source"
)

// SourcePlan is what is configured about a source.
type SourcePlan struct {
	Kind  string        `json:"kind"`
	Every time.Duration `json:"every"` // from one run to the next
	Team  string        `json:"team,omitempty"`
	Gone  bool          `json:"gone,omitempty"` // it is configured no more: that ends its workflow
}

// Source is all that one run of a source's workflow hands to the next.
type Source struct {
	Name      string          `json:"name"`
	Plan      SourcePlan      `json:"plan"`
	Since     time.Time       `json:"since,omitzero"` // when it was first planned
	Standing  estate.Standing `json:"standing,omitzero"`
	Completed time.Time       `json:"completed,omitzero"`
	Alerts    []Event         `json:"alerts,omitempty"` // open ones
	Told      int             `json:"told"`             // makes each notice's key
}

// sourcePatience is how many intervals a source may go without a complete run.
const sourcePatience = 2

// SourceID is the ID of the workflow that looks after a source.
func SourceID(name string) string { return "source/" + name }

// sourceKeeper is one run of it.
type sourceKeeper struct {
	Source
	teller
	changes    int
	plans, ran workflow.ReceiveChannel
}

// SourceWorkflow looks after one source of the inventory: when it has not completed
// a run for two intervals, people are told, so that what is unchanged and what
// nobody looked at are not the same. The next complete run takes that back.
func (w *Workflows) SourceWorkflow(ctx workflow.Context, in Source) error {
	s := &sourceKeeper{Source: in}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if s.Since.IsZero() {
		s.Since = workflow.Now(ctx).UTC()
	}
	s.teller = teller{alerts: &s.Alerts, told: &s.Told, changed: func() { s.changes++ }, notice: s.about, readers: s.readers}
	s.plans = workflow.GetSignalChannelWithOptions(ctx, SignalPlan, workflow.SignalChannelOptions{Description: "what is configured"})
	s.ran = workflow.GetSignalChannelWithOptions(ctx, SignalRan, workflow.SignalChannelOptions{Description: "a run has ended"})
	err := workflow.SetQueryHandler(ctx, QuerySource, func() (Source, error) {
		out := s.Source
		out.Alerts = slices.Clone(out.Alerts)
		return out, nil
	})
	if err != nil {
		return err
	}
	for {
		s.drain(ctx)
		s.judge(workflow.Now(ctx))
		s.judgeRenewals(workflow.Now(ctx))
		s.tellAll(ctx)
		workflow.SetCurrentDetails(ctx, standingDetails(s.Standing))
		switch {
		case s.Plan.Gone && len(s.Alerts) == 0:
			return nil
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested() && s.telling == 0:
			s.drain(ctx)
			return workflow.NewContinueAsNewError(ctx, w.SourceWorkflow, s.Source)
		}
		s.wait(ctx)
	}
}

// drain reads what has arrived; what is not read before the run ends is lost.
func (s *sourceKeeper) drain(ctx workflow.Context) {
	receive(s.plans, func(p SourcePlan) {
		if s.Plan.Gone && !p.Gone { // it is configured anew
			s.Since = workflow.Now(ctx).UTC()
		}
		s.Plan = p
	})
	receive(s.ran, func(st estate.Standing) {
		s.Standing = st
		if st.Completed.After(s.Completed) {
			s.Completed = st.Completed
		}
	})
}

// due is when the source has gone without a complete run for too long.
func (s *sourceKeeper) due() time.Time {
	from := s.Since
	if s.Completed.After(from) {
		from = s.Completed
	}
	return from.Add(sourcePatience * s.Plan.Every)
}

// judge opens the alert of the source, or closes it.
func (s *sourceKeeper) judge(now time.Time) {
	switch {
	case s.Plan.Gone:
		s.settle(alert.SourceIncomplete, "the source is configured no more")
	case now.Before(s.due()):
		s.settle(alert.SourceIncomplete, "it completed a run at "+clock(s.Completed))
	default:
		s.raise(Event{Reason: alert.SourceIncomplete, Severity: alert.P3, Owner: s.Plan.Team, Since: now, Cause: s.cause()}, now)
	}
}

// judgeRenewals opens the alert of renewals that something else does and does not
// get on with, or closes it. A run of which a part failed shows them as they were.
func (s *sourceKeeper) judgeRenewals(now time.Time) {
	if s.Plan.Gone || len(s.Standing.Stuck) == 0 {
		s.settle(alert.RenewalStuck, "no renewal that was seen there is stuck or late")
		return
	}
	s.raise(Event{Reason: alert.RenewalStuck, Severity: alert.P2, Owner: s.Plan.Team, Since: now, Cause: s.stuck()}, now)
}

// stuck quotes what renews them.
func (s *sourceKeeper) stuck() string {
	var lines []string
	for _, x := range s.Standing.Stuck {
		lines = append(lines, x.Place+": "+x.What)
	}
	if n := s.Standing.StuckMore; n > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", n))
	}
	return cut(strings.Join(lines, "\n"), keepText)
}

// cause says what is known of why no run was complete.
func (s *sourceKeeper) cause() string {
	text := "no run was ever complete, since " + clock(s.Since)
	if !s.Completed.IsZero() {
		text = "the last complete run ended at " + clock(s.Completed)
	}
	last := s.Standing.Last
	switch {
	case last.ID == "":
		return text + "; no run has ended at all: does a worker run, and is the schedule paused?"
	case last.Err != "":
		text += "\nthe latest run ended early: " + last.Err
	}
	for _, f := range last.Failed[:min(len(last.Failed), 5)] {
		text += "\n" + f.Places + ": " + f.Why
	}
	return cut(text, keepText)
}

// readers are told beside the catch-all.
func (s *sourceKeeper) readers(e Event) []people.Question {
	if e.Owner == "" {
		return nil
	}
	return []people.Question{{Roles: []people.Role{people.TeamAll}, Team: e.Owner}}
}

func (s *sourceKeeper) about(now time.Time, e Event) alert.Notice {
	n := alert.Notice{
		Key: fmt.Sprintf("source/%s/%d", s.Name, s.Told), AlertID: "source/" + s.Name + "/" + string(e.Reason), Phase: alert.Firing, Severity: e.Severity, Reason: e.Reason,
		Reach: alert.Direct, Certificate: s.Name, Team: e.Owner, At: now.UTC(), Cause: e.Cause, Next: alert.NextStep{Kind: "none"}, Evidence: e.Evidence,
		Commands: []string{"neverlapse sources", "neverlapse sources run " + s.Name + " --wait"},
	}
	if e.Reason == alert.RenewalStuck && len(s.Standing.Stuck) > 0 {
		n.Commands = []string{"neverlapse where " + s.Standing.Stuck[0].Place, "neverlapse renew --at " + s.Standing.Stuck[0].Place}
	}
	if e.Evidence != "" {
		n.Phase = alert.Resolved
	}
	return n
}

// wait sleeps until something happens or is due.
func (s *sourceKeeper) wait(ctx workflow.Context) {
	seen, now := s.changes, workflow.Now(ctx)
	due, repeat := s.due(), s.repeatAt()
	if !now.Before(due) {
		due = time.Time{}
	}
	if s.telling > 0 {
		repeat = time.Time{}
	}
	next := earliest(due, repeat)
	timerCtx, cancel := workflow.WithCancel(ctx)
	var timer workflow.Future
	if !next.IsZero() {
		summary := fmt.Sprintf("sleep until %s: by then a run has to be complete, or people are told", clock(next))
		timer = workflow.NewTimerWithOptions(timerCtx, max(next.Sub(now), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)})
	}
	_ = workflow.Await(ctx, func() bool {
		full := workflow.GetInfo(ctx).GetContinueAsNewSuggested() && s.telling == 0
		return s.changes != seen || s.plans.Len() > 0 || s.ran.Len() > 0 || full || timer != nil && timer.IsReady()
	})
	cancel()
}
