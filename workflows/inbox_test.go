package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// townsman is a certificate of a town.
type townsman struct {
	name, owner string
	expires     time.Time
}

// town plays many certificates and the inboxes of their people.
type town struct {
	*story
	deaf  bool // nobody keeps inboxes
	asked []activities.Acknowledged
	lives map[string]time.Time
	edits []alert.Message
}

func settleTown(t *testing.T, kinds ...string) *town {
	w := &town{story: stage(t, kinds...), lives: map[string]time.Time{}}
	for i := range w.lines {
		c := &w.lines[i]
		c.Channel = mutable{c.Channel.(channel), w}
	}
	w.acts.Scanner, w.acts.Inboxes, w.acts.Acknowledger, w.acts.Gather = w, w, w, gather.Default
	w.env.SetTestTimeout(3 * time.Minute)
	w.env.RegisterWorkflow(w.story.story.CertificateWorkflow)
	w.env.RegisterWorkflow(w.story.story.InboxWorkflow)
	return w
}

// mutable is a channel whose messages can be changed.
type mutable struct {
	channel
	w *town
}

func (m mutable) Update(_ context.Context, _ alert.Receipt, msg alert.Message) error {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.w.edits = append(m.w.edits, msg)
	return nil
}

func (w *town) Observe(_ context.Context, e cert.Endpoint, _ []string) []cert.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := version(e.Host, w.lives[e.Host].AddDate(0, 0, -90), 90*24*time.Hour)
	return []cert.Observation{{Endpoint: e, Address: "192.0.2.1:443", At: w.env.Now(), Version: v}}
}

// Post is a signal with start: the town starts inboxes.
func (w *town) Post(_ context.Context, p activities.Parcel) error {
	if !w.deaf {
		w.env.SignalWorkflow("post", p)
	}
	return nil
}

// Acknowledge answers as each certificate would: to whom may, where nobody has.
func (w *town) Acknowledge(_ context.Context, in activities.AcknowledgeAllInput, which activities.Acknowledged) alert.Tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, which)
	switch which.Certificate {
	case "c004":
		return alert.Tally{Refused: 1, May: "watch"}
	case "c006":
		return alert.Tally{Failed: 1}
	}
	w.env.SignalWorkflow("answer", activities.AcknowledgeAllInput{ID: in.ID + which.Alert, By: in.By, Via: in.Via, Note: in.Note, Alerts: []activities.Acknowledged{which}})
	return alert.Tally{Taken: 1}
}

// play runs everybody until an instant, and counts the messages: "who by kind: how many".
func (w *town) play(until time.Duration, all ...townsman) []string {
	w.t.Helper()
	policy := lifecycle.Default() // only the thresholds that do more than inform
	policy.Thresholds, policy.Inform = policy.Thresholds[2:], 0
	for _, p := range all {
		w.lives[p.name] = p.expires
	}
	root := func(ctx workflow.Context) error {
		for _, p := range all {
			spec := lifecycle.Spec{Name: p.name, Names: []string{p.name}, Owner: p.owner, Team: "team", Policy: policy, Endpoints: []cert.Endpoint{{Host: p.name, Port: 443}}}
			w.child(ctx, workflows.WorkflowID(p.name), "CertificateWorkflow", workflows.Entity{Shown: &lifecycle.Attributes{}, State: lifecycle.State{Spec: spec, EnrolledAt: start, EnrolledBy: "test"}})
		}
		inboxes := map[string]workflow.ChildWorkflowFuture{}
		posts, answers := workflow.GetSignalChannel(ctx, "post"), workflow.GetSignalChannel(ctx, "answer")
		end := workflow.NewTimer(ctx, until)
		for !end.IsReady() {
			var p activities.Parcel
			s := workflow.NewSelector(ctx).AddFuture(end, func(workflow.Future) {})
			s.AddReceive(answers, func(c workflow.ReceiveChannel, _ bool) {
				var in activities.AcknowledgeAllInput
				c.Receive(ctx, &in)
				ack := workflows.AcknowledgeRequest{Request: workflows.Request{ID: in.ID, By: in.By, Via: in.Via, Note: in.Note}, Alert: in.Alerts[0].Alert}
				_ = workflow.SignalExternalWorkflow(ctx, workflows.WorkflowID(in.Alerts[0].Certificate), "", workflows.SignalAcknowledge, ack).Get(ctx, nil)
			})
			s.AddReceive(posts, func(c workflow.ReceiveChannel, _ bool) {
				c.Receive(ctx, &p)
				id := workflows.InboxID(p.To.ID)
				if f := inboxes[id]; f == nil || f.IsReady() {
					inboxes[id] = w.child(ctx, id, "InboxWorkflow", workflows.Inbox{To: p.To.ID, Gather: gather.State{Rules: p.Rules}, Waiting: []activities.Parcel{p}})
					return
				}
				_ = inboxes[id].SignalChildWorkflow(ctx, workflows.SignalPosted, p).Get(ctx, nil)
			})
			s.Select(ctx)
		}
		return nil
	}
	for i, p := range all { // else they go on for ever; one after the other, for the environment's queue is short
		w.at(start.Add(until+time.Duration(i)*time.Second), func() {
			_ = w.env.UpdateWorkflowByID(workflows.WorkflowID(p.name), workflows.Retire.Name, p.name, discard{}, workflows.RetireRequest{Request: workflows.Request{By: "test"}, Force: true})
		})
	}
	w.env.RegisterWorkflowWithOptions(root, workflow.RegisterOptions{Name: "town"})
	w.env.ExecuteWorkflow("town")
	if err := w.env.GetWorkflowError(); err != nil {
		w.t.Fatal(err)
	}
	return w.letters()
}

func (w *town) child(ctx workflow.Context, id, kind string, in any) workflow.ChildWorkflowFuture {
	f := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}), kind, in)
	_ = f.GetChildWorkflowExecution().Get(ctx, nil)
	return f
}

// letters lists what was sent, in order.
func (w *town) letters() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, n := range w.told {
		of := 1
		if s := n.what.Notice.Summary; s != nil {
			of = s.Whole
		}
		out = append(out, fmt.Sprintf("%s %s by %s: %s of %d", n.at.Sub(start), n.to, n.kind, n.what.Notice.Severity, of))
	}
	slices.Sort(out)
	return out
}

// crowd is many certificates of two owners that cross the seven days at once.
func crowd(n int, apart time.Duration) []townsman {
	var out []townsman
	for i := range n {
		out = append(out, townsman{fmt.Sprintf("c%03d", i), []string{"owner", "watch"}[i%2], days(7).Add(10*time.Minute + time.Duration(i)*apart)})
	}
	return out
}

func TestTwoHundredCertificatesThatCrossAThresholdAreOneMessageToEach(t *testing.T) {
	w := settleTown(t, "slack", "email")
	w.at(start.Add(time.Hour), func() {
		_ = w.env.SignalWorkflowByID(workflows.WorkflowID("c000"), workflows.SignalAcknowledge, workflows.AcknowledgeRequest{Request: workflows.Request{By: "owner"}})
	})
	got := w.play(7*time.Hour, append(crowd(200, 0), townsman{"urgent", "owner", days(3).Add(10 * time.Minute)})...)
	var plain []string
	for _, l := range got {
		if !strings.Contains(l, "P1") {
			plain = append(plain, l)
		}
	}
	want(t, plain,
		"11m0s owner by email: P2 of 100", "11m0s owner by slack: P2 of 100",
		"11m0s team by email: P2 of 200", "11m0s team by slack: P2 of 200",
		"11m0s watch by email: P2 of 100", "11m0s watch by slack: P2 of 100",
		"1m0s owner by email: P2 of 1", "1m0s owner by slack: P2 of 1", // what is urgent later
		"1m0s team by email: P2 of 1", "1m0s team by slack: P2 of 1",
		// c000 was acknowledged
		"6h11m0s boss by email: P2 of 199", "6h11m0s boss by slack: P2 of 199",
	)
	if first := slices.IndexFunc(got, func(l string) bool { return l == "10m0s owner by slack: P1 of 1" }); first < 0 {
		t.Errorf("the page did not go alone and at once: %v", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	edited := 0
	for _, m := range w.edits {
		if s := m.Notice.Summary; s != nil && s.Open == s.Whole && slices.ContainsFunc(s.Rows, func(r alert.Standing) bool { return r.Certificate == "c000" && r.By == "owner" }) {
			edited++
		}
	}
	if edited != 4 {
		t.Errorf("%d messages of 4 show that c000 was acknowledged: %d edits", edited, len(w.edits))
	}
}

func TestACrowdThatComesInTheCourseOfAnHourIsAFewMessages(t *testing.T) {
	w := settleTown(t, "slack")
	got := w.play(5*time.Hour, crowd(200, 18*time.Second)...)
	per := map[string]int{}
	for _, l := range got {
		per[strings.Fields(l)[1]]++
	}
	for who, n := range per {
		if n > 4 {
			t.Errorf("%s got %d messages: %v", who, n, got)
		}
	}
	if len(per) != 3 {
		t.Errorf("told: %v", got)
	}
}

func TestManyPagesOfOneCauseAreOnePageAndAList(t *testing.T) {
	w := settleTown(t, "slack")
	var all []townsman
	for i := range 100 {
		all = append(all, townsman{fmt.Sprintf("c%03d", i), "owner", days(3).Add(10 * time.Minute)})
	}
	got := w.play(25*time.Minute, all...)
	owner, others := 0, 0
	for _, l := range got {
		var n int
		if _, err := fmt.Sscanf(l[strings.LastIndex(l, " ")+1:], "%d", &n); err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(l, " owner by slack: P1"):
			owner += n
		case strings.Contains(l, ": P1"):
			others += n
		}
	}
	if len(got) > 8 || owner != 100 || others != 200 {
		t.Errorf("%d messages; the owner was paged about %d, manager and on-call about %d: %v", len(got), owner, others, got)
	}
}

func TestAnInboxThatSaysNothingIsNotWaitedFor(t *testing.T) {
	w := settleTown(t, "slack")
	w.deaf = true
	got := w.play(3*time.Hour, townsman{"a", "owner", days(7).Add(10 * time.Minute)})
	want(t, got, "1h14m0s owner by slack: P2 of 1", "1h14m0s team by slack: P2 of 1")
}

func TestAnInboxTriesAnotherWayForAll(t *testing.T) {
	w := settleTown(t, "slack", "email", "sms")
	w.refuses["slack"] = true
	d := directory()
	for i := range d.People {
		d.People[i].Phone = "+82100000000" + fmt.Sprint(i)
	}
	w.acts.Directory = func() people.Directory { return d }
	got := w.play(30*time.Minute, townsman{"a", "owner", days(7).Add(10 * time.Minute)}, townsman{"b", "owner", days(7).Add(10 * time.Minute)})
	want(t, got, "11m0s owner by email: P2 of 2", "11m0s owner by sms: P2 of 2", "11m0s team by email: P2 of 2")
}

func TestWhatSomebodyAnsweredInTimeIsNotSent(t *testing.T) {
	w := settleTown(t, "slack")
	w.at(start.Add(10*time.Minute+30*time.Second), func() {
		_ = w.env.SignalWorkflowByID(workflows.WorkflowID("a"), workflows.SignalAcknowledge, workflows.AcknowledgeRequest{Request: workflows.Request{By: "owner"}})
	})
	if got := w.play(2*time.Hour, townsman{"a", "owner", days(7).Add(10 * time.Minute)}); len(got) > 0 {
		t.Errorf("told %v", got)
	}
}

// outcome keeps what an update came to.
type outcome struct {
	tally   alert.Tally
	refused error
}

func (o *outcome) Accept()          {}
func (o *outcome) Reject(err error) { o.refused = err }
func (o *outcome) Complete(out any, err error) {
	if t, ok := out.(alert.Tally); ok {
		o.tally = t
	}
	if err != nil {
		o.refused = err
	}
}

func TestAllAlertsOfAMessageThatNobodyHasAreAnsweredAtOnce(t *testing.T) {
	w := settleTown(t, "slack")
	var all, again, forgotten outcome
	ask := func(o *outcome, id, digest string) {
		r := workflows.Request{ID: id, By: "owner", Via: "slack", Note: "the storm is mine"}
		_ = w.env.UpdateWorkflowByID(workflows.InboxID("owner"), workflows.UpdateAcknowledgeAll, id, o, workflows.AcknowledgeAllRequest{Request: r, Digest: digest})
	}
	digest := func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		i := slices.IndexFunc(w.told, func(l notice) bool { return l.to == "owner" && l.what.Notice.Summary != nil })
		return w.told[i].what.Notice.AlertID
	}
	w.at(start.Add(20*time.Minute), func() {
		_ = w.env.SignalWorkflowByID(workflows.WorkflowID("c002"), workflows.SignalAcknowledge, workflows.AcknowledgeRequest{Request: workflows.Request{By: "boss"}})
	})
	w.at(start.Add(30*time.Minute), func() { ask(&all, "one", digest()) })
	w.at(start.Add(40*time.Minute), func() { ask(&again, "two", digest()) })
	w.at(start.Add(41*time.Minute), func() { ask(&forgotten, "three", "inbox:owner/0-9") })
	w.play(time.Hour, crowd(20, 0)...)
	if want := (alert.Tally{Taken: 7, Had: 1, Refused: 1, Failed: 1, May: "watch"}); all.tally != want || all.refused != nil {
		t.Errorf("%+v", all)
	}
	if again.tally.Had != 8 || again.tally.Whole() != 10 {
		t.Errorf("again: %+v", again)
	}
	if forgotten.refused == nil || !strings.Contains(forgotten.refused.Error(), "too old to be kept") {
		t.Errorf("another message: %+v", forgotten)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) != 9+2 || slices.ContainsFunc(w.asked, func(a activities.Acknowledged) bool { return a.Seen == "" || a.Certificate == "c002" }) {
		t.Errorf("asked for %+v", w.asked)
	}
	shown := slices.ContainsFunc(w.edits, func(m alert.Message) bool {
		s := m.Notice.Summary
		return s != nil && m.To.ID == "owner" && slices.ContainsFunc(s.Rows, func(r alert.Standing) bool { return r.Certificate == "c000" && r.By == "owner" })
	})
	if !shown {
		t.Errorf("the message does not show who has them: %d edits", len(w.edits))
	}
}
