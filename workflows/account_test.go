package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// clerk plays one account in virtual time, with certificates that ask it.
type clerk struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	wakes sync.Mutex // each wake comes on a goroutine of its own
	woken []string   // "name at instant"
	ready func(name string, in workflows.Ready)
	away  error // what the CA says to a probe
	tries int
	told  []alert.Message
	taken []alert.Message // edits
}

func (c *clerk) Probe(context.Context, string) error {
	c.tries++
	return c.away
}

func (c *clerk) Address(_ context.Context, in activities.AddressInput) ([]activities.Delivery, error) {
	if !in.Last || len(in.Roles) > 0 {
		c.t.Errorf("somebody else than the catch-all is asked for: %+v", in)
	}
	return []activities.Delivery{{To: people.Contact{ID: "sre"}, Way: activities.Way{Channel: "slack", Kind: "slack", Address: "C1"}}}, nil
}

func (c *clerk) Deliver(_ context.Context, m alert.Message) (alert.Receipt, error) {
	c.told = append(c.told, m)
	return alert.Receipt{Channel: m.Channel, To: m.To.ID, ID: m.DedupKey, DedupKey: m.DedupKey}, nil
}

func (c *clerk) Edit(_ context.Context, in activities.EditInput) error {
	c.taken = append(c.taken, in.Message)
	return nil
}

func keepAccount(t *testing.T) *clerk {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	c := &clerk{t: t, env: suite.NewTestWorkflowEnvironment()}
	c.env.SetStartTime(start)
	c.env.SetTestTimeout(time.Minute)
	story := &workflows.Workflows{}
	c.env.RegisterWorkflow(story.AccountWorkflow)
	c.env.RegisterActivity(c)
	c.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalReady, mock.Anything).Return(
		func(_, id, _, _ string, arg any) error {
			name := id[len("certificate/"):]
			in, _ := arg.(workflows.Ready)
			c.wakes.Lock()
			defer c.wakes.Unlock()
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
	c.wakes.Lock()
	defer c.wakes.Unlock()
	slices.SortStableFunc(c.woken, func(a, b string) int { return strings.Compare(instantOf(a), instantOf(b)) })
	return handedTo[workflows.Account](c.t, c.env.GetWorkflowError())
}

// instantOf is when somebody was woken.
func instantOf(wake string) string { return wake[strings.LastIndex(wake, " ")+1:] }

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

func TestAThousandCertificatesPulledAtOnceGoShortestDatedFirstInsideTheBudget(t *testing.T) {
	const fleet, most, within = 1000, 300, 3 * time.Hour
	c := keepAccount(t)
	c.env.SetTestTimeout(5 * time.Minute)
	limits := []cert.Limit{{Key: "account", Most: most, Within: within}}
	safe := func(i int) time.Time { return start.Add(time.Duration((i*7919)%fleet) * time.Hour) }
	type order struct {
		at   time.Time
		safe time.Time
	}
	var orders []order
	runs := 0
	ask := func(i int) {
		runs++
		r := budget.Request{ID: fmt.Sprint(i), Token: fmt.Sprint("run ", runs), Certificate: fmt.Sprint(i), Limits: limits, SafeBy: safe(i)}
		c.ask(r, func(g budget.Grant) {
			if g.Granted {
				orders = append(orders, order{c.env.Now(), r.SafeBy})
			}
		})
	}
	c.ready = func(name string, in workflows.Ready) {
		i := 0
		_, _ = fmt.Sscan(name, &i)
		c.at(max(in.At.Sub(c.env.Now()), time.Millisecond), func() { ask(i) })
	}
	c.at(time.Second, func() {
		c.report(activities.Report{Kind: activities.MassRenewal, Count: fleet, Cause: "the renewal window of 1000 certificates is past"})
	})
	var askFrom func(i int) // one after the other: the test environment holds no thousand callbacks
	askFrom = func(i int) {
		if ask(i); i+1 < fleet {
			c.at(time.Millisecond, func() { askFrom(i + 1) })
		}
	}
	c.at(2*time.Second, func() { askFrom(0) })
	c.at(11*time.Hour, func() { c.report(activities.Report{Kind: activities.MassRenewal, Count: 0}) })
	c.play(12 * time.Hour)
	if len(orders) != fleet {
		t.Fatalf("%d orders, want %d", len(orders), fleet)
	}
	for i := most; i < fleet; i++ {
		if gap := orders[i].at.Sub(orders[i-most].at); gap < within {
			t.Fatalf("%d orders within %s", most+1, gap)
		}
		if i > most && i < 2*most && orders[i].safe.Before(orders[i-1].safe) {
			t.Fatalf("one that is safe until %s went before one until %s", orders[i-1].safe, orders[i].safe)
		}
	}
	if len(c.told) != 1 || c.told[0].Notice.Reason != alert.MassRenewal || c.told[0].Notice.Severity != alert.P2 {
		t.Errorf("%d notices: %+v", len(c.told), c.told)
	}
	if len(c.taken) != 1 || c.taken[0].Notice.Phase != alert.Resolved {
		t.Errorf("taken back: %+v", c.taken)
	}
}

func TestAnOutageIsToldOnceAndItsCertificatesAreWokenSpreadOut(t *testing.T) {
	c := keepAccount(t)
	c.away = refused
	strand := func(at time.Duration, name string, safe time.Duration) {
		c.at(at, func() {
			c.report(activities.Report{Certificate: name, SafeBy: start.Add(safe), Kind: activities.Unavailable, Cause: "connection refused"})
		})
	}
	for i := range 50 {
		strand(time.Duration(i+1)*time.Second, fmt.Sprintf("c%02d", i), time.Duration(1000-i)*time.Hour)
	}
	back := 5 * time.Hour
	c.at(back, func() { c.away = nil })
	c.ready = func(name string, in workflows.Ready) {
		if len(c.woken) == 1 { // the one that goes first
			c.at(time.Second, func() { c.report(activities.Report{Certificate: name}) })
		}
	}
	left := c.play(8 * time.Hour)
	if len(c.told) != 1 || c.told[0].Notice.Reason != alert.CAOutage || !contains(c.told[0].Notice.Cause, "refuses") {
		t.Errorf("%d notices: %+v", len(c.told), c.told)
	}
	if len(c.taken) != 1 || c.taken[0].Notice.Phase != alert.Resolved || !contains(c.taken[0].Notice.Evidence, "answered") {
		t.Errorf("taken back: %+v", c.taken)
	}
	if len(c.woken) != 50 || !strings.HasPrefix(c.woken[0], "c49 ") || !strings.HasPrefix(c.woken[1], "c48 ") {
		t.Errorf("%d woken: %v", len(c.woken), c.woken)
	}
	if c.woken[1][4:] == c.woken[49][4:] {
		t.Errorf("all are woken at %s", c.woken[1])
	}
	if c.tries > 30 {
		t.Errorf("the CA was tried %d times in %s", c.tries, back)
	}
	if left.Outage.On() || len(left.Alerts) != 0 {
		t.Errorf("handed over: %+v", left)
	}
}
