package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Why a handover begins.
const (
	LeftDirectory = "removed from the directory"
	OutOfReach    = "no address of theirs works any more"
	SomebodySays  = "somebody says so"
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
	Accept bool `json:"accept"`
}

// HandoverStatus is how a handover stands.
type HandoverStatus struct {
	HandoverInput
	Asked        string    `json:"asked,omitempty"` // who is asked now
	Until        time.Time `json:"until,omitzero"`  // when Falls gets them
	Falls        string    `json:"falls,omitempty"` // who gets them without an answer; a person, or a team
	Certificates int       `json:"certificates"`
	Given        int       `json:"given"`
	To           string    `json:"givenTo,omitempty"` // who gets them
	Why          string    `json:"why,omitempty"`     // what decided it
	May          []string  `json:"may,omitempty"`     // who may answer
	Missed       []string  `json:"missed,omitempty"`
}

// handover is one run of it.
type handover struct {
	HandoverStatus
	left     activities.Leaving
	line     []string // who is asked, in order
	began    time.Time
	told     int
	receipts []alert.Receipt
	answered []string // IDs of requests
	answer   *Request // who accepted
	changes  int
}

// HandoverWorkflow finds a new owner for what somebody leaves behind: a receiver
// is asked, and without an answer in time the first in line gets it. Until then
// the alerts of each certificate go on to its team, manager and the catch-all by
// themselves. It gives how it ended.
func (w *Workflows) HandoverWorkflow(ctx workflow.Context, in HandoverInput) (HandoverStatus, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // cancelling it would leave certificates without an owner
	h := &handover{HandoverStatus: HandoverStatus{HandoverInput: in}, began: workflow.Now(ctx).UTC()}
	if err := h.setup(ctx); err != nil {
		return h.HandoverStatus, err
	}
	if in.Cause != SomebodySays {
		h.sleep(ctx, handoverSettle, "somebody who comes back at once was removed by mistake")
	}
	if h.look(ctx); h.over() {
		return h.HandoverStatus, nil
	}
	h.keepChain(ctx)
	h.ask(ctx)
	if !h.over() {
		h.give(ctx)
	}
	h.showOver(ctx)
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return h.HandoverStatus, nil
}

func (h *handover) setup(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, QueryHandover, func() (HandoverStatus, error) { return h.HandoverStatus, nil }); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, HandoverAnswer,
		func(ctx workflow.Context, in HandoverAnswerRequest) (Taken, error) { return h.take(in), nil },
		workflow.UpdateHandlerOptions{Description: "Accept or decline what somebody leaves behind", Validator: func(_ workflow.Context, in HandoverAnswerRequest) error {
			if err := h.check(in); err != nil {
				return temporal.NewNonRetryableApplicationError(err.Error(), refused, nil)
			}
			return nil
		}})
}

// check tells why an answer cannot be taken.
func (h *handover) check(in HandoverAnswerRequest) error {
	switch {
	case slices.Contains(h.answered, in.ID) && in.ID != "":
		return nil
	case h.HandoverStatus.To != "":
		return fmt.Errorf("%s gets what %s leaves behind already: %s", h.HandoverStatus.To, h.Person, h.Why)
	case h.Asked == "":
		return fmt.Errorf("nobody is asked yet; the handover of %s has just begun", h.Person)
	case in.Accept && !slices.Contains(h.May, in.By):
		return fmt.Errorf("%s may not accept what %s leaves behind; %s may", in.By, h.Person, orNobody(strings.Join(h.May, ", ")))
	case !in.Accept && in.By != h.Asked:
		return fmt.Errorf("%s is asked, not %s", h.Asked, in.By)
	}
	return nil
}

func (h *handover) take(in HandoverAnswerRequest) Taken {
	if slices.Contains(h.answered, in.ID) && in.ID != "" {
		return Taken{"this answer was counted before"}
	}
	h.answered = append(h.answered, in.ID)
	h.changes++
	if in.Accept {
		r := in.Request
		h.answer = &r
		h.HandoverStatus.To, h.Why = in.By, in.By+" accepted by "+in.Via
		return Taken{fmt.Sprintf("you are the owner of what %s leaves behind (certificates: %d)", h.Person, h.Certificates)}
	}
	h.line = slices.DeleteFunc(h.line, func(id string) bool { return id == in.By })
	h.Asked = ""
	return Taken{"declined; the next in line is asked"}
}

// look finds what there is, and who could look after it.
func (h *handover) look(ctx workflow.Context) {
	var l activities.Leaving
	in := activities.LeavingInput{Person: h.Person, To: h.HandoverInput.To, Teams: h.Teams}
	for workflow.ExecuteActivity(batch(ctx, "what does "+h.Person+" leave behind"), hands.WhatIsLeft, in).Get(ctx, &l) != nil {
		h.sleep(ctx, eventRetry, "look again what "+h.Person+" leaves behind")
	}
	h.left, h.Certificates = l, l.Certificates
}

// over reports whether there is nothing to hand over, and why.
func (h *handover) over() bool {
	switch {
	case h.Cause == LeftDirectory && h.left.Here:
		h.Why = h.Person + " is in the directory again"
	case h.Cause == OutOfReach && h.left.Reach:
		h.Why = h.Person + " can be told again"
	case h.Certificates == 0 && h.HandoverStatus.To == "":
		h.Why = h.Person + " owns no certificate"
	default:
		return false
	}
	return true
}

// keepChain gives what names no team that of its owner: with the owner gone
// nothing else would lead there.
func (h *handover) keepChain(ctx workflow.Context) {
	if !h.left.NoTeam || len(h.Teams) == 0 || h.left.Here {
		return
	}
	in := activities.HandInput{Run: h.run(ctx) + "/team", NoTeam: true, Handing: activities.Handing{Person: h.Person, Team: h.Teams[0], By: h.By, Via: "handover", Note: h.why()}}
	var out activities.Handed
	_ = workflow.ExecuteActivity(batch(ctx, "alerts of "+h.Person+" go on to team "+h.Teams[0]), hands.HandOver, in).Get(ctx, &out)
}

func (h *handover) why() string {
	out := h.Person + ": " + h.Cause
	if h.Note != "" {
		out += "; " + h.Note
	}
	return out
}

func (h *handover) run(ctx workflow.Context) string {
	return HandoverID(h.Person) + "/" + workflow.GetInfo(ctx).WorkflowExecution.RunID
}

// ask asks one after the other until somebody accepts or the time is over.
func (h *handover) ask(ctx workflow.Context) {
	h.line, h.May = slices.Clone(h.left.Successors), slices.Clone(h.left.Successors)
	falls := ""
	if len(h.line) > 0 {
		falls = h.line[0]
	}
	if to := h.HandoverInput.To; to != "" && h.left.To {
		h.line = append([]string{to}, slices.DeleteFunc(h.line, func(id string) bool { return id == to })...)
		if !slices.Contains(h.May, to) {
			h.May = append(h.May, to)
		}
		if falls == "" {
			falls = to
		}
	}
	h.Falls = falls
	if falls == "" {
		h.Falls = "team " + h.left.CatchAll
	}
	h.Until = lifecycle.HandoverBy(workflow.Now(ctx), h.Within, h.left.Ends, h.left.Paging).UTC()
	half := workflow.Now(ctx).Add(h.Until.Sub(workflow.Now(ctx)) / 2)
	again := false
	for len(h.line) > 0 && h.answer == nil && workflow.Now(ctx).Before(h.Until) && !h.over() {
		if h.Asked == "" {
			h.Asked = h.line[0]
			h.tell(ctx, h.Asked, nil)
		}
		next := h.Until
		if !again && workflow.Now(ctx).Before(half) {
			next = half
		} else if !again {
			again = true
			h.tell(ctx, h.Asked, nil)
			if falls != "" && falls != h.Asked {
				h.tell(ctx, falls, nil)
			}
		}
		h.wait(ctx, next)
		if h.answer == nil && h.Cause != SomebodySays {
			h.look(ctx)
		}
	}
	if h.answer != nil || h.over() {
		return
	}
	h.HandoverStatus.To, h.Why = h.Falls, "nobody answered by "+clock(h.Until)
	if len(h.line) == 0 {
		h.Why = "nobody of the line accepted"
	}
	if falls != "" {
		h.tell(ctx, falls, &h.Why)
	}
}

// tell tells one person: asks, or says that it is theirs now.
func (h *handover) tell(ctx workflow.Context, person string, decided *string) {
	h.told++
	q := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.Owner}, Owner: person, At: workflow.Now(ctx)}, Reach: alert.Wide, Last: true}
	n := h.notice(ctx, alert.Firing)
	if decided != nil {
		n.Actions, n.Next, n.Cause = nil, alert.NextStep{Kind: "none"}, *decided+"; they are yours now"
	}
	h.receipts = append(h.receipts, announce(ctx, n, q, person)...)
}

func (h *handover) notice(ctx workflow.Context, phase alert.Phase) alert.Notice {
	return alert.Notice{
		Key: fmt.Sprintf("%s/%d/%d/%s", HandoverID(h.Person), h.began.Unix(), h.told, phase), AlertID: h.Person + "/handover", Round: 1, Phase: phase,
		Severity: alert.P2, Reason: alert.Handover, Reach: alert.Wide, Certificate: h.Person, Names: h.left.First, At: workflow.Now(ctx).UTC(),
		Cause: h.why(), Next: alert.NextStep{Kind: "handover", At: h.Until, Who: h.Falls}, Actions: []alert.Action{alert.ActAccept, alert.ActDecline},
		Commands: []string{"neverlapse handover accept " + h.Person, "neverlapse handover decline " + h.Person, "neverlapse list --owner " + h.Person}, Evidence: h.Why,
	}
}

// give gives everything, until the index shows nothing any more.
func (h *handover) give(ctx workflow.Context) {
	to := activities.Handing{Person: h.Person, Owner: h.HandoverStatus.To, By: h.By, Via: "handover", Note: h.why() + "; " + h.Why}
	if h.answer != nil {
		to.By, to.Via = h.answer.By, h.answer.Via
	} else if to.Owner == "team "+h.left.CatchAll {
		to.Owner, to.Team, to.TeamAlone = "", h.left.CatchAll, true
	}
	for pass := 1; ; pass++ {
		var out activities.Handed
		in := activities.HandInput{Run: h.run(ctx), Handing: to}
		err := workflow.ExecuteActivity(batch(ctx, fmt.Sprintf("give what %s leaves behind to %s, pass %d", h.Person, h.HandoverStatus.To, pass)), hands.HandOver, in).Get(ctx, &out)
		h.Given += out.Given
		h.Missed = out.Missed
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d of %d given to %s\n", h.Given, h.Certificates, h.HandoverStatus.To))
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

// wait sleeps until an instant, or until somebody answers.
func (h *handover) wait(ctx workflow.Context, until time.Time) {
	seen := h.changes
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	summary := fmt.Sprintf("%s is asked; sleep until %s", h.Asked, clock(until))
	timer := workflow.NewTimerWithOptions(ctx, max(until.Sub(workflow.Now(ctx)), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)})
	_ = workflow.Await(ctx, func() bool { return timer.IsReady() || h.changes != seen })
}

// AnswerHandover accepts or declines what a person leaves behind. A refusal is a
// lifecycle.Refusal.
func AnswerHandover(ctx context.Context, c client.Client, person string, in HandoverAnswerRequest) (Taken, error) {
	var out Taken
	h, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID: in.ID, WorkflowID: HandoverID(person), UpdateName: HandoverAnswer, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(ctx, &out)
	}
	if err = refusal(HandoverID(person), err); errors.Is(err, ErrNotEnrolled) {
		err = lifecycle.Refusal{Text: "no handover of " + person + " is under way"}
	}
	return out, err
}
