package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// clerk plays one account in virtual time, with certificates that ask it.
type clerk struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	woken []string // "name at instant"
	ready func(name string, in workflows.Ready)
}

func keepAccount(t *testing.T) *clerk {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	c := &clerk{t: t, env: suite.NewTestWorkflowEnvironment()}
	c.env.SetStartTime(start)
	c.env.SetTestTimeout(time.Minute)
	story := &workflows.Workflows{}
	c.env.RegisterWorkflow(story.AccountWorkflow)
	c.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalReady, mock.Anything).Return(
		func(_, id, _, _ string, arg any) error {
			name := id[len("certificate/"):]
			in, _ := arg.(workflows.Ready)
			c.woken = append(c.woken, fmt.Sprintf("%s %s", name, in.At.UTC().Format("15:04:05")))
			if c.ready != nil {
				c.ready(name, in)
			}
			return nil
		})
	return c
}

// play runs the account until an instant and gives what it hands to the next run.
func (c *clerk) play(until time.Duration) workflows.Account {
	c.t.Helper()
	c.at(until, func() {
		c.env.SetContinueAsNewSuggested(true)
		c.report(activities.Report{})
	})
	c.env.ExecuteWorkflow("AccountWorkflow", workflows.Account{CA: "ca", Name: "ops"})
	return handedTo[workflows.Account](c.t, c.env.GetWorkflowError())
}

func (c *clerk) at(when time.Duration, what func()) { c.env.RegisterDelayedCallback(what, when) }

func (c *clerk) report(r activities.Report) { c.env.SignalWorkflow(workflows.SignalReport, r) }

// answered takes the answer of an update.
type answered struct {
	t    *testing.T
	take func(budget.Grant)
}

func (a answered) Accept()          {}
func (a answered) Reject(err error) { a.t.Errorf("a lease was refused: %v", err) }
func (a answered) Complete(out any, err error) {
	g, ok := out.(budget.Grant)
	if err != nil || !ok {
		a.t.Errorf("a lease ended %v, %v", out, err)
	}
	a.take(g)
}

func (c *clerk) ask(r budget.Request, take func(budget.Grant)) {
	c.env.UpdateWorkflow(workflows.UpdateLease, r.Token, answered{c.t, take}, r)
}

func TestAnAccountGrantsWhatFitsAndWakesTheRestByUrgency(t *testing.T) {
	c := keepAccount(t)
	limits := []cert.Limit{{Key: "account", Most: 2, Within: time.Hour}}
	granted := map[string]bool{}
	request := func(name string, days float64) budget.Request {
		return budget.Request{ID: name, Token: name + c.env.Now().String(), Certificate: name, Limits: limits, SafeBy: start.Add(time.Duration(days * 24 * float64(time.Hour)))}
	}
	safe := map[string]float64{"a": 9, "b": 8, "c": 7, "d": 1, "e": 5}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		c.at(time.Duration(i)*time.Second, func() { c.ask(request(name, safe[name]), func(g budget.Grant) { granted[name] = g.Granted }) })
	}
	c.ready = func(name string, _ workflows.Ready) {
		c.at(time.Second, func() {
			c.ask(request(name, safe[name]), func(g budget.Grant) { granted[name] = granted[name] || g.Granted })
		})
	}
	left := c.play(3 * time.Hour)
	for name := range safe {
		if !granted[name] {
			t.Errorf("%s never got its lease", name)
		}
	}
	if len(left.Budget.Waiting) != 0 || left.Runs != 1 {
		t.Errorf("handed over: %+v", left)
	}
	if want := []string{"d 01:01:00", "e 01:01:01", "c 02:02:01"}; !slices.Equal(c.woken, want) {
		t.Errorf("woken %v, want %v", c.woken, want)
	}
}

func TestAnAccountRemembersTheCAsDateForEveryWorker(t *testing.T) {
	c := keepAccount(t)
	c.at(time.Second, func() {
		c.report(activities.Report{Certificate: "a", Kind: activities.Unavailable, RetryAt: start.Add(40 * time.Minute), Cause: "429", At: start})
	})
	var got []budget.Grant
	for i := range 3 {
		c.at(time.Duration(1+i)*20*time.Minute, func() {
			c.ask(budget.Request{ID: "b", Token: fmt.Sprint(i), Certificate: "b", SafeBy: start}, func(g budget.Grant) { got = append(got, g) })
		})
	}
	c.play(2 * time.Hour)
	if len(got) != 3 || got[0].Granted || !got[0].At.Equal(start.Add(40*time.Minute)) || !got[1].Granted {
		t.Errorf("%+v", got)
	}
}
