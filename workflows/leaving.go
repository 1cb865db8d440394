package workflows

import (
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

const (
	handoverSettle = 20 * time.Second // somebody who comes back at once was removed by mistake
	handoverPause  = 30 * time.Second // the index lags
	handoverSlow   = 10 * time.Minute // what cannot be given is tried again
	handoverQuick  = 10               // passes at the quicker pace
)

// HandoverID is the ID of the handover of what somebody leaves behind.
func HandoverID(person string) string { return "handover/" + person }

// QueryHandover asks a handover how it stands.
const QueryHandover = "handover"

// HandoverAnswer is the update by which somebody accepts or declines.
const HandoverAnswer = "answer"

// HandoverInput is whose certificates are handed over.
type HandoverInput struct {
	Person string        `json:"person"`
	Name   string        `json:"name,omitempty"`
	Cause  string        `json:"cause"`
	To     string        `json:"to,omitempty"`    // whom somebody named
	Teams  []string      `json:"teams,omitempty"` // that the person was in
	Within time.Duration `json:"within"`          // for an answer, at most
	By     string        `json:"by"`
	Via    string        `json:"via"`
	Note   string        `json:"note,omitempty"`
}

// HandoverAnswerRequest accepts, or declines.
type HandoverAnswerRequest struct {
	Request
	Accept bool   `json:"accept"`
	Seen   string `json:"seen,omitempty"` // Standing of the handover that the person was asked about
}

// HandoverStatus is how a handover stands.
type HandoverStatus struct {
	HandoverInput
	Standing     string    `json:"standing,omitempty"` // tells it from an earlier one of the same person
	Asked        string    `json:"asked,omitempty"`    // who is asked now
	Until        time.Time `json:"until,omitzero"`     // when Falls gets them
	Falls        string    `json:"falls,omitempty"`    // who gets them without an answer; a person, or a team
	Certificates int       `json:"certificates"`
	Given        int       `json:"given"`
	To           string    `json:"givenTo,omitempty"` // who gets them
	Why          string    `json:"why,omitempty"`     // what decided it
	May          []string  `json:"may,omitempty"`     // who may answer
	Missed       []string  `json:"missed,omitempty"`
}

// handover is one run of it.
type handover struct {
	lifecycle.Handover
	in       HandoverInput
	left     activities.Leaving
	began    time.Time
	told     int
	receipts []alert.Receipt
	answer   Request // of who accepted
	given    int
	missed   []string
	why      string // what decided it
}

// HandoverWorkflow finds a new owner for what somebody leaves behind. The brain
// says who is asked, in which order and for how long; until somebody gets them
// the alerts of each certificate go on to its team, manager and the catch-all by
// themselves. It gives how it ended.
func (w *Workflows) HandoverWorkflow(ctx workflow.Context, in HandoverInput) (HandoverStatus, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // cancelling it would leave certificates without an owner
	h := &handover{in: in, began: workflow.Now(ctx).UTC()}
	h.Handover = lifecycle.Handover{Person: in.Person, Cause: in.Cause, Named: in.To, Teams: in.Teams, Within: in.Within, Standing: strconv.FormatInt(h.began.UnixNano(), 10)}
	if err := h.setup(ctx); err != nil {
		return h.status(), err
	}
	if in.Cause != lifecycle.SomebodySays {
		h.sleep(ctx, handoverSettle, "somebody who comes back at once was removed by mistake")
	}
	if h.look(ctx); h.over() {
		return h.status(), nil
	}
	h.keepChain(ctx)
	h.ask(ctx)
	if !h.over() {
		h.give(ctx)
	}
	h.showOver(ctx)
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return h.status(), nil
}

func (h *handover) setup(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, QueryHandover, func() (HandoverStatus, error) { return h.status(), nil }); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, HandoverAnswer,
		func(ctx workflow.Context, in HandoverAnswerRequest) (Taken, error) { return h.take(in), nil },
		workflow.UpdateHandlerOptions{Description: "Accept or decline what somebody leaves behind", Validator: func(_ workflow.Context, in HandoverAnswerRequest) error {
			if err := h.CheckAnswer(in.answered(), h.why); err != nil {
				return temporal.NewNonRetryableApplicationError(err.Error(), refused, nil)
			}
			return nil
		}})
}

func (in HandoverAnswerRequest) answered() lifecycle.HandoverAnswered {
	return lifecycle.HandoverAnswered{ID: in.ID, By: in.By, Accept: in.Accept, Seen: in.Seen}
}

func (h *handover) status() HandoverStatus {
	return HandoverStatus{
		HandoverInput: h.in, Standing: h.Standing, Asked: h.Asked, Until: h.Until, Falls: h.falls(), Certificates: h.left.Certificates,
		Given: h.given, To: h.To, Why: h.why, May: h.May, Missed: h.missed,
	}
}

// falls is who gets everything without an answer, once somebody is asked.
func (h *handover) falls() string {
	person, team := h.Falls()
	switch {
	case h.Until.IsZero():
		return ""
	case person == "":
		return "team " + team
	}
	return person
}

func (h *handover) take(in HandoverAnswerRequest) Taken {
	switch {
	case !h.Answer(in.answered()):
		return Taken{"this answer was counted before"}
	case in.Accept:
		h.answer, h.why = in.Request, in.By+" accepted by "+in.Via
		return Taken{fmt.Sprintf("you are the owner of what %s leaves behind (certificates: %d)", h.Person, h.left.Certificates)}
	}
	return Taken{"declined; the next in line is asked"}
}

// look finds what there is, and who could look after it.
func (h *handover) look(ctx workflow.Context) {
	var l activities.Leaving
	in := activities.LeavingInput{Person: h.Person, To: h.Named, Teams: h.Teams}
	for workflow.ExecuteActivity(batch(ctx, "what does "+in.Person+" leave behind"), hands.WhatIsLeft, in).Get(ctx, &l) != nil {
		h.sleep(ctx, eventRetry, "look again what "+in.Person+" leaves behind")
	}
	h.left = l
	h.Left = lifecycle.Leavings{
		Here: l.Here, Reached: l.Reach, Successors: l.Successors, Named: l.To, CatchAll: l.CatchAll,
		Certificates: l.Certificates, Ends: l.Ends, Paging: l.Paging, NoTeam: l.NoTeam,
	}
}

// over reports whether there is nothing to hand over, and notes why.
func (h *handover) over() bool {
	ground := h.Over()
	if ground != "" {
		h.why = h.words(ground)
	}
	return ground != ""
}

// words says why it ended.
func (h *handover) words(ground lifecycle.HandoverGround) string {
	who := h.Person
	return map[lifecycle.HandoverGround]string{
		lifecycle.HandoverBack:       who + " is in the directory again",
		lifecycle.HandoverReached:    who + " can be told again",
		lifecycle.HandoverNothing:    who + " owns no certificate",
		lifecycle.HandoverAccepted:   h.why,
		lifecycle.HandoverDeclined:   "nobody of the line accepted",
		lifecycle.HandoverUnanswered: "nobody answered by " + clock(h.Until),
	}[ground]
}

// keepChain has the alerts of what names no team go on to that of its owner.
func (h *handover) keepChain(ctx workflow.Context) {
	team, who := h.Chain(), h.Person
	if team == "" {
		return
	}
	in := activities.HandInput{Run: h.run(ctx) + "/team", NoTeam: true, Handing: activities.Handing{Person: who, Team: team, By: h.in.By, Via: "handover", Note: h.cause()}}
	var out activities.Handed
	_ = workflow.ExecuteActivity(batch(ctx, "alerts of "+who+" go on to team "+team), hands.HandOver, in).Get(ctx, &out)
}

func (h *handover) cause() string {
	out := h.Person + ": " + h.Cause
	if h.in.Note != "" {
		out += "; " + h.in.Note
	}
	return out
}

func (h *handover) run(ctx workflow.Context) string {
	return HandoverID(h.Person) + "/" + workflow.GetInfo(ctx).WorkflowExecution.RunID
}

// ask asks one after the other until the brain says that it is decided.
func (h *handover) ask(ctx workflow.Context) {
	// Before, an answer that came while somebody was being told waited for the next look.
	heeds := patched(ctx, heedsAnswersWhileTelling)
	h.Begin(workflow.Now(ctx))
	for {
		step, seen := h.Next(workflow.Now(ctx)), h.Changes
		if step.Decided {
			break
		}
		if step.Ask != "" {
			h.tell(ctx, step.Ask, "")
			if heeds {
				continue
			}
			step = h.Rest(workflow.Now(ctx))
		}
		for _, who := range step.Tell {
			h.tell(ctx, who, "")
		}
		if !heeds {
			seen = h.Changes
		}
		h.wait(ctx, step.Due, seen)
		if h.Accepted == "" && h.Cause != lifecycle.SomebodySays {
			h.look(ctx)
		}
	}
	ground := h.Settle()
	h.why = h.words(ground)
	if person, _ := h.Falls(); person != "" && (ground == lifecycle.HandoverDeclined || ground == lifecycle.HandoverUnanswered) {
		h.tell(ctx, person, h.why+"; they are yours now")
	}
}

// tell tells one person: asks, or says what is theirs now.
func (h *handover) tell(ctx workflow.Context, person, decided string) {
	h.told++
	q := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.Owner}, Owner: person, At: workflow.Now(ctx)}, Reach: alert.Wide, Last: true}
	n := h.notice(ctx, alert.Firing)
	if decided != "" {
		n.Actions, n.Next, n.Cause = nil, alert.NextStep{Kind: "none"}, decided
	}
	h.receipts = append(h.receipts, announce(ctx, n, q, person)...)
}

func (h *handover) notice(ctx workflow.Context, phase alert.Phase) alert.Notice {
	who := h.Person
	return alert.Notice{
		Key: fmt.Sprintf("%s/%d/%d/%s", HandoverID(who), h.began.Unix(), h.told, phase), AlertID: who + "/handover", Standing: h.Standing, Round: 1, Phase: phase,
		Severity: alert.P2, Reason: alert.Handover, Reach: alert.Wide, Certificate: who, Names: h.left.First, At: workflow.Now(ctx).UTC(),
		Cause: h.cause(), Next: alert.NextStep{Kind: "handover", At: h.Until, Who: h.falls()}, Actions: []alert.Action{alert.ActAccept, alert.ActDecline},
		Commands: []string{"neverlapse handover accept " + who, "neverlapse handover decline " + who, "neverlapse list --owner " + who}, Evidence: h.why,
	}
}

// give gives everything, until the index shows nothing any more.
func (h *handover) give(ctx workflow.Context) {
	to := activities.Handing{Person: h.Person, Owner: h.To, By: h.in.By, Via: "handover", Note: h.cause() + "; " + h.why}
	if h.Accepted != "" {
		to.By, to.Via = h.answer.By, h.answer.Via
	} else if person, team := h.Falls(); person == "" {
		to.Owner, to.Team, to.TeamAlone = "", team, true
	}
	for pass := 1; ; pass++ {
		var out activities.Handed
		in := activities.HandInput{Run: h.run(ctx), Handing: to}
		err := workflow.ExecuteActivity(batch(ctx, fmt.Sprintf("give what %s leaves behind to %s, pass %d", to.Person, h.To, pass)), hands.HandOver, in).Get(ctx, &out)
		h.given += out.Given
		h.missed = out.Missed
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d of %d given to %s\n", h.given, h.left.Certificates, h.To))
		switch {
		case err == nil && out.Left == 0:
			return
		case pass < handoverQuick:
			h.sleep(ctx, handoverPause, "look whether all are given")
		case pass < handoverQuick*handoverQuick:
			h.sleep(ctx, handoverSlow, "try again what could not be given")
		default: // the next worker that starts begins anew with what is left
			return
		}
	}
}

func (h *handover) showOver(ctx workflow.Context) {
	h.told++
	showOver(ctx, h.notice(ctx, alert.Resolved), h.receipts)
}

func (h *handover) sleep(ctx workflow.Context, d time.Duration, why string) {
	_ = workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: brief("wait: " + why)}).Get(ctx, nil)
}

// wait sleeps until an instant, or until somebody answers whose answer was not seen.
func (h *handover) wait(ctx workflow.Context, until time.Time, seen int) {
	if h.Changes != seen {
		return
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	summary := fmt.Sprintf("%s is asked; sleep until %s", h.Asked, clock(until))
	timer := workflow.NewTimerWithOptions(ctx, max(until.Sub(workflow.Now(ctx)), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)})
	_ = workflow.Await(ctx, func() bool { return timer.IsReady() || h.Changes != seen })
}
