package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/people"
)

// SurveyID is the ID of the schedule of a source, and begins those of its runs.
func SurveyID(source string) string { return "survey/" + source }

// SurveyInput names the source. Run and Begun are of the first of the runs that
// continue each other.
type SurveyInput struct {
	Source string    `json:"source"`
	Run    string    `json:"run,omitempty"`
	Begun  time.Time `json:"begun,omitzero"`
}

// SurveyOutput sums a run of a source up.
type SurveyOutput struct {
	Standing estate.Standing `json:"standing"`
	Told     int             `json:"told"`   // enrolled certificates that were told of a change
	Strays   int             `json:"strays"` // certificates nobody enrolled, of which people were told
}

// mostWait is how long a run waits at a time for a source that asks to be left alone.
const mostWait = time.Hour

// SurveyWorkflow goes through one source of the inventory, as its schedule has it
// or somebody asks for: page by page, then once over what changed.
func (w *Workflows) SurveyWorkflow(ctx workflow.Context, in SurveyInput) (SurveyOutput, error) {
	if in.Run == "" {
		in.Run, in.Begun = workflow.GetInfo(ctx).FirstRunID, workflow.Now(ctx).UTC()
	}
	ask := activities.SurveyInput{Source: in.Source, Run: in.Run, Begun: in.Begun}
	for done := false; !done; {
		var at activities.Surveyed
		err := workflow.ExecuteActivity(surveying(ctx, "look around in "+in.Source), hands.LookAtSource, ask).Get(ctx, &at)
		if err == nil {
			done = at.Done
			workflow.SetCurrentDetails(ctx, surveyDetails(in.Source, at))
		} else if done, err = broke(ctx, &ask, err); err != nil {
			return SurveyOutput{}, err
		}
		if !done && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return SurveyOutput{}, workflow.NewContinueAsNewError(ctx, w.SurveyWorkflow, in)
		}
	}
	return closeSurvey(ctx, ask)
}

// broke takes in that a stretch failed, and tells whether that ends the run. An
// error says that there is nothing to keep.
func broke(ctx workflow.Context, ask *activities.SurveyInput, err error) (done bool, _ error) {
	f, text := activities.FailureOf(err)
	left := f.RetryAt.Sub(workflow.Now(ctx))
	switch {
	case temporal.IsCanceledError(err), f.Kind == activities.Conflict: // another run has begun, and what is kept is its
		return true, err
	case f.Kind == activities.Unavailable && !f.RetryAt.IsZero() && left <= mostWait:
		timer := workflow.NewTimerWithOptions(ctx, max(left, time.Second), workflow.TimerOptions{Summary: brief(ask.Source + " asks to be left alone: " + text)})
		return false, timer.Get(ctx, nil)
	}
	ask.Broken = text
	return true, nil
}

// closeSurvey keeps what was seen, and tells whom it concerns.
func closeSurvey(ctx workflow.Context, ask activities.SurveyInput) (out SurveyOutput, err error) {
	if err := workflow.ExecuteActivity(batch(ctx, "keep what was seen in "+ask.Source), hands.EndSurvey, ask).Get(ctx, &out.Standing); err != nil {
		return out, err
	}
	workflow.SetCurrentDetails(ctx, standingDetails(out.Standing))
	ran := workflow.SignalExternalWorkflow(ctx, SourceID(ask.Source), "", SignalRan, out.Standing)
	if err := workflow.ExecuteActivity(batch(ctx, "tell certificates whose places changed"), hands.TellEnrolled, ask.Source).Get(ctx, &out.Told); err != nil {
		return out, err
	}
	if out.Strays, err = tellStrays(ctx, ask); err != nil {
		return out, err
	}
	_ = ran.Get(ctx, nil) // where nobody looks after the source, nobody needs to know
	return out, nil
}

// tellStrays tells the catch-all team of certificates that nobody enrolled, all in
// one message. Who is not reached is told by the next run.
func tellStrays(ctx workflow.Context, ask activities.SurveyInput) (int, error) {
	var found activities.Strays
	if err := workflow.ExecuteActivity(batch(ctx, "find certificates that nobody enrolled"), hands.NewStrays).Get(ctx, &found); err != nil || found.Count == 0 {
		return 0, err
	}
	n := strayNotice(workflow.Now(ctx), ask, found)
	q := activities.AddressInput{Question: people.Question{At: n.At}, About: alert.Traits{Severity: n.Severity}, Reach: n.Reach, Last: true}
	if got := announce(ctx, n, q, "the catch-all"); !alert.Reached(got) {
		return 0, nil
	}
	return found.Count, workflow.ExecuteActivity(batch(ctx, fmt.Sprintf("note that people were told of %d certificates", found.Count)), hands.MarkStrays, found.Keys).Get(ctx, nil)
}

func strayNotice(now time.Time, ask activities.SurveyInput, found activities.Strays) alert.Notice {
	n := alert.Notice{
		Key: "survey/" + ask.Run + "/" + string(alert.Unenrolled), AlertID: "survey/" + ask.Source + "/" + string(alert.Unenrolled), Phase: alert.Firing, Severity: alert.P3, Reason: alert.Unenrolled, Reach: alert.Quiet,
		Certificate: ask.Source, Subject: fmt.Sprint(found.Count), At: now.UTC(), Places: found.Shown, Next: alert.NextStep{Kind: "none"},
		Commands: []string{"neverlapse triage", "neverlapse triage adopt FINGERPRINT --watch --owner OWNER", "neverlapse triage ignore FINGERPRINT --reason '...' --until DATE"},
	}
	if more := found.Count - len(found.Shown); more > 0 {
		n.Places = append(n.Places, alert.Place{Where: fmt.Sprintf("and %d more", more), Err: "see: neverlapse triage"})
	}
	if found.Soon > 0 || found.Unwanted > 0 {
		n.Severity, n.Reach = alert.P2, alert.Direct
	}
	if n.Issued = found.Issued; n.Issued == found.Count { // where it is in use has to be said
		n.Commands[1] = "neverlapse triage adopt FINGERPRINT --watch --endpoint HOST:PORT --owner OWNER"
	}
	return n
}

func surveyDetails(source string, at activities.Surveyed) string {
	text := fmt.Sprintf("### Source %s\n\n%d pages, %d certificates seen, of %d places nothing is known", code(source), at.Pages, at.Seen, at.Troubled)
	if at.About != "" {
		text += "; at " + code(at.About)
	}
	return text
}

func standingDetails(s estate.Standing) string {
	r := s.Last
	text := fmt.Sprintf("### Source %s\n\n%d places with a certificate, %d of them cannot be read, of %d places nothing is known; %d new, %d changed, %d gone", code(s.Source), r.Seen, r.Unread, r.Troubled, r.New, r.Changed, r.Gone)
	if r.Err != "" {
		text += "\n\n**It ended early**: " + code(r.Err)
	}
	for _, f := range r.Failed {
		text += "\n- nothing is known of " + code(f.Places) + ": " + code(f.Why)
	}
	return text
}
