package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// mast plays the workflow of the channel "slack" in virtual time, beside a
// channel "mail".
type mast struct {
	t      *testing.T
	env    *testsuite.TestWorkflowEnvironment
	acts   *activities.Activities
	down   map[string]bool
	mu     sync.Mutex // activities run beside each other
	told   []string
	edited []alert.Message
	plan   workflows.ChannelPlan
}

type line struct {
	*mast
	name string
}

func (l line) Send(_ context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if l.down[l.name] {
		return alert.Receipt{}, fault.New(fault.Configuration, "token_revoked")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, fmt.Sprintf("%s %s by %s: %s %s %s", l.env.Now().UTC().Format("01-02 15:04"), m.To.ID, l.name, m.Notice.Phase, m.Notice.Reason, m.Notice.Subject))
	return alert.Receipt{Channel: m.Channel, Kind: m.Kind, To: m.To.ID, Address: m.Address, ID: m.DedupKey, DedupKey: m.DedupKey}, nil
}

func (l line) Update(_ context.Context, _ alert.Receipt, m alert.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edited = append(l.edited, m)
	return nil
}

// shelf is a store of what the hands of a channel write.
type shelf struct{ activities.Store }

func (shelf) Broken(context.Context) ([]delivery.Broken, error) { return nil, nil }
func (shelf) NoteOutcome(context.Context, delivery.Outcome) (delivery.Standing, error) {
	return delivery.Standing{}, nil
}
func (shelf) PutUndelivered(context.Context, []delivery.Undelivered) error { return nil }

func keepChannel(t *testing.T) *mast {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	m := &mast{t: t, env: suite.NewTestWorkflowEnvironment(), down: map[string]bool{}}
	m.env.SetStartTime(start)
	m.env.SetTestTimeout(time.Minute)
	who := directory()
	m.acts = &activities.Activities{Directory: func() people.Directory { return who }, Store: shelf{}, Now: func() time.Time { return m.env.Now() }}
	var lines []activities.Channeled
	for _, name := range []string{"slack", "mail"} {
		kind := map[string]string{"slack": "slack", "mail": "email"}[name]
		lines = append(lines, activities.Channeled{Name: name, Kind: kind, Interrupts: name == "slack", Channel: line{m, name}})
	}
	m.acts.Channels = func() []activities.Channeled { return lines }
	m.env.RegisterActivity(m.acts)
	story := &workflows.Workflows{}
	m.env.RegisterWorkflow(story.ChannelWorkflow)
	return m
}

func (m *mast) at(when time.Duration, what func()) { m.env.RegisterDelayedCallback(what, when) }

func (m *mast) news(when time.Duration, n activities.ChannelNews) {
	m.at(when, func() { m.env.SignalWorkflow(workflows.SignalNews, n) })
}

func (m *mast) lost(when time.Duration, about delivery.About) {
	m.news(when, activities.ChannelNews{GivenUp: &delivery.Undelivered{Channel: "slack", About: about, Why: "token_revoked"}})
}

// play runs the channel until an instant and gives what it hands to the next run.
func (m *mast) play(until time.Duration) workflows.Channel {
	m.t.Helper()
	m.at(0, func() { m.env.SignalWorkflow(workflows.SignalPlan, m.plan) })
	m.at(until, func() {
		m.env.SetContinueAsNewSuggested(true)
		m.news(0, activities.ChannelNews{})
	})
	m.env.ExecuteWorkflow("ChannelWorkflow", workflows.Channel{Name: "slack"})
	return handedTo[workflows.Channel](m.t, m.env.GetWorkflowError())
}

func TestAChannelThatFailsForEverybodyIsToldOnceByAnotherAndClosedByWhatItAccepts(t *testing.T) {
	m := keepChannel(t)
	m.down["slack"] = true
	for i := range 30 {
		m.lost(time.Duration(i)*time.Minute, delivery.Channel)
	}
	m.news(2*time.Hour, activities.ChannelNews{WorkedAt: start.Add(2 * time.Hour)})
	left := m.play(3 * time.Hour)
	want(t, m.told, "01-01 00:00 team by mail: firing channel-failing ", "01-01 00:00 watch by mail: firing channel-failing ")
	if len(m.edited) != 2 || m.edited[0].Notice.Phase != alert.Resolved {
		t.Errorf("%d messages were brought up to date", len(m.edited))
	}
	if left.Trouble.On() || len(left.Alerts) != 0 || left.Runs != 1 {
		t.Errorf("handed over: %+v", left)
	}
}

func TestAChannelThatWorksAgainSaysSoByItself(t *testing.T) {
	m := keepChannel(t)
	m.down["slack"] = true
	m.lost(0, delivery.Channel)
	m.at(20*time.Minute, func() { m.down["slack"] = false })
	left := m.play(2 * time.Hour)
	want(t, m.told, "01-01 00:00 team by mail: firing channel-failing ", "01-01 00:00 watch by mail: firing channel-failing ",
		"01-01 00:35 team by slack: resolved channel-failing ")
	if left.Trouble.On() {
		t.Errorf("handed over: %+v", left.Trouble)
	}
}

func TestAMessageThatIsLostForItsAddressIsNoTroubleOfTheChannel(t *testing.T) {
	m := keepChannel(t)
	for i, about := range []delivery.About{delivery.Address, delivery.Message, delivery.Worker} {
		m.lost(time.Duration(i)*time.Minute, about)
	}
	if left := m.play(time.Hour); left.Trouble.On() || len(m.told) > 0 {
		t.Errorf("%v, handed over: %+v", m.told, left)
	}
}

func TestABrokenAddressIsToldOnceToTheTeamAndTheCatchAll(t *testing.T) {
	m := keepChannel(t)
	who := directory()
	who.Teams = append(who.Teams, people.Team{ID: "ops", Name: "ops", Slack: "COPS", Email: "ops@example.com"})
	who.CatchAll = "ops"
	m.acts.Directory = func() people.Directory { return who }
	b := delivery.Broken{Kind: "slack", Address: "UOWNER", Owner: "owner", Channel: "slack", Since: start}
	for i := range 3 {
		m.news(time.Duration(i)*time.Hour, activities.ChannelNews{Broken: &b})
	}
	left := m.play(60 * time.Hour)
	slices.Sort(m.told)
	want(t, m.told, "01-01 00:00 ops by mail: firing address-broken UOWNER", "01-01 00:00 team by mail: firing address-broken UOWNER")
	if len(left.Alerts) != 0 {
		t.Errorf("it is told again and again: %+v", left.Alerts)
	}
}

func TestAnAddressThatBreaksAgainInTheSameSecondIsToldAgain(t *testing.T) {
	m := keepChannel(t)
	for i := range 4 { // two that are repeated
		b := delivery.Broken{Kind: "slack", Address: "UOWNER", Owner: "owner", Channel: "slack", Since: start.Add(time.Duration(i%2+1) * 300 * time.Millisecond)}
		m.news(time.Duration(i)*time.Hour, activities.ChannelNews{Broken: &b})
	}
	m.play(60 * time.Hour)
	slices.Sort(m.told)
	want(t, m.told, "01-01 00:00 team by mail: firing address-broken UOWNER", "01-01 00:00 watch by mail: firing address-broken UOWNER",
		"01-01 01:00 team by mail: firing address-broken UOWNER", "01-01 01:00 watch by mail: firing address-broken UOWNER")
}

func proof() delivery.Plan {
	return delivery.Plan{Every: 30 * 24 * time.Hour, Within: 7 * 24 * time.Hour}
}

const day = 24 * time.Hour

func TestOneClickProvesThatSomebodyReadsAChannel(t *testing.T) {
	m := keepChannel(t)
	m.plan.Proof = proof()
	m.at(31*day, func() {
		m.env.UpdateWorkflow(workflows.UpdateConfirm, "c", discard{}, workflows.Request{By: "watch", Via: "slack"})
	})
	left := m.play(45 * day)
	want(t, m.told, "01-31 00:00 watch by slack: firing proof-of-life ")
	if len(m.edited) != 1 || !contains(m.edited[0].Notice.Evidence, "watch") {
		t.Errorf("the message does not show who answered: %+v", m.edited)
	}
	if l := left.Life; l.Doubtful || l.By != "watch" || !l.NextAt.Equal(start.Add(60*day)) {
		t.Errorf("handed over: %+v", l)
	}
}

func TestAProofOfLifeThatNobodyAnswersIsToldByAnotherChannelUntilSomebodyDoes(t *testing.T) {
	m := keepChannel(t)
	m.plan.Proof = proof()
	m.at(38*day+time.Hour, func() {
		m.env.UpdateWorkflow(workflows.UpdateConfirm, "c", discard{}, workflows.Request{By: "boss", Via: "cli"})
	})
	left := m.play(45 * day)
	want(t, m.told,
		"01-31 00:00 watch by slack: firing proof-of-life ",
		"02-07 00:00 team by mail: firing channel-doubtful ", "02-07 00:00 watch by mail: firing channel-doubtful ",
		"02-08 00:00 team by mail: firing channel-doubtful ", "02-08 00:00 watch by mail: firing channel-doubtful ",
	)
	if left.Life.Doubtful || len(left.Alerts) != 0 {
		t.Errorf("handed over: %+v", left)
	}
}

func TestAChannelThatReachesNobodyIsNotDoubtedForTheirSilence(t *testing.T) {
	m := keepChannel(t)
	m.plan.Proof = proof()
	who := directory()
	for i := range who.People {
		who.People[i].Slack = ""
	}
	who.Teams[0].Slack = ""
	m.acts.Directory = func() people.Directory { return who }
	left := m.play(45 * day)
	if len(m.told) > 0 || left.Life.Doubtful || left.Life.Unreached == "" {
		t.Errorf("%v, handed over: %+v", m.told, left.Life)
	}
}

func TestAChannelThatIsConfiguredNoMoreEnds(t *testing.T) {
	m := keepChannel(t)
	m.at(time.Hour, func() { m.env.SignalWorkflow(workflows.SignalPlan, workflows.ChannelPlan{Gone: true}) })
	m.env.ExecuteWorkflow("ChannelWorkflow", workflows.Channel{Name: "slack"})
	if !m.env.IsWorkflowCompleted() || m.env.GetWorkflowError() != nil {
		t.Errorf("%v", m.env.GetWorkflowError())
	}
}
