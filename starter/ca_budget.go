package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// budgetView is one account of a CA for people and programs. The JSON names are
// a contract with scripts.
type budgetView struct {
	CA      string        `json:"ca"`
	Account string        `json:"account"`
	Outage  *outageView   `json:"outage,omitempty"` // the CA does not answer
	Blocked []blockView   `json:"blocked"`
	Counted []countedView `json:"counted"`
	Waiting []waitingView `json:"waiting"` // the most urgent first
}

type outageView struct {
	Since    time.Time `json:"since"`
	Cause    string    `json:"cause,omitempty"`
	TriedAt  time.Time `json:"triedAt,omitzero"` // next
	Stranded []string  `json:"stranded"`         // certificates that wait for its end, the most urgent first
}

type blockView struct {
	Key   string    `json:"key,omitempty"` // empty: everything
	Until time.Time `json:"until"`
	Cause string    `json:"cause,omitempty"`
}

type countedView struct {
	Key    string        `json:"key"`
	Used   int           `json:"used"`
	Most   int           `json:"most"`
	Within time.Duration `json:"within"` // nanoseconds
	FreeAt time.Time     `json:"freeAt"` // when the oldest counts no more
}

type waitingView struct {
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	SafeBy time.Time `json:"safeBy"`
	Woken  bool      `json:"woken,omitempty"` // its turn has come
}

func (c *cli) caBudget() *cobra.Command {
	return &cobra.Command{
		Use: "budget [CA]", Short: "Show what was used of a CA's limits, and who waits", Args: cobra.MaximumNArgs(1),
		Long: `Show, for each account of a CA, what was used of its limits, the dates before which the
CA wants nothing to be sent, and which renewals wait for room, the most urgent first.
An account is kept from its first order on; a CA without limits is asked without ado.`,
		Example: `  neverlapse ca budget
  neverlapse ca budget letsencrypt -o json | jq '.[].waiting | length'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			views, err := c.budgets(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if !c.text() {
				return results(c, views)
			}
			if len(views) == 0 {
				c.remark("no account is kept yet: nothing was ordered from a CA with limits")
			}
			for _, v := range views {
				if err := c.printBudget(v); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// budgets asks every account's workflow, of one CA or of all.
func (c *cli) budgets(ctx context.Context, ca string) ([]budgetView, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.config.Temporal.Namespace, PageSize: 100, Query: "WorkflowType = 'AccountWorkflow' AND ExecutionStatus = 'Running'",
	}
	var out []budgetView
	for {
		page, err := c.page(ctx, conn, r)
		if err != nil {
			return nil, err
		}
		for _, e := range page.GetExecutions() {
			id := e.GetExecution().GetWorkflowId()
			if ca != "" && !strings.HasPrefix(id, workflows.AccountID(ca, "")) {
				continue
			}
			v, err := c.budget(ctx, conn, id)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		if r.NextPageToken = page.GetNextPageToken(); len(r.NextPageToken) == 0 {
			return out, nil
		}
	}
}

func (c *cli) budget(ctx context.Context, conn client.Client, id string) (budgetView, error) {
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	answer, err := conn.QueryWorkflowWithOptions(waiting, &client.QueryWorkflowWithOptionsRequest{WorkflowID: id, QueryType: workflows.QueryBudget})
	var a workflows.Account
	switch {
	case err == nil:
		err = answer.QueryResult.Get(&a)
	case waiting.Err() != nil && ctx.Err() == nil && !noEngine(err):
		err = fmt.Errorf("budget of %s: %w", id, errNoWorker)
	}
	return viewOf(a, c.now()), err
}

func viewOf(a workflows.Account, now time.Time) budgetView {
	v := budgetView{CA: a.CA, Account: a.Name, Blocked: []blockView{}, Counted: []countedView{}, Waiting: []waitingView{}}
	if o := a.Outage; o.On() {
		v.Outage = &outageView{Since: o.Since, Cause: o.Cause, TriedAt: o.ProbeAt, Stranded: []string{}}
		for _, s := range o.Stranded {
			v.Outage.Stranded = append(v.Outage.Stranded, s.Certificate)
		}
	}
	for _, b := range a.Budget.Blocks {
		if b.Until.After(now) {
			v.Blocked = append(v.Blocked, blockView{b.Key, b.Until, b.Why})
		}
	}
	for _, u := range a.Budget.Uses {
		n := countedView{Key: u.Key, Most: u.Most, Within: u.Within}
		for _, at := range u.At {
			if end := at.Add(u.Within + budget.Slack); end.After(now) {
				if n.Used++; n.Used == 1 {
					n.FreeAt = end
				}
			}
		}
		if n.Used > 0 {
			v.Counted = append(v.Counted, n)
		}
	}
	for _, w := range a.Budget.Waiting {
		v.Waiting = append(v.Waiting, waitingView{w.Certificate, w.Since, w.SafeBy, !w.OfferedUntil.IsZero()})
	}
	return v
}

func (c *cli) printBudget(v budgetView) error {
	c.say("%s", c.paint(bold, clean(fmt.Sprintf("CA %s, account %s", v.CA, v.Account), 0)))
	if o := v.Outage; o != nil {
		c.fact("outage", "no answer since %s, tried again at %s: %s", c.when(o.Since), c.when(o.TriedAt), o.Cause)
		c.fact("wait for it", "%s", strings.Join(o.Stranded, ", "))
	}
	for _, b := range v.Blocked {
		what := b.Key
		if what == "" {
			what = "everything"
		}
		c.fact("not before", "%s for %s: %s", c.when(b.Until), what, b.Cause)
	}
	counted := table{head: []string{"COUNTED", "USED", "WITHIN", "ONE MORE FROM"}}
	for _, n := range v.Counted {
		counted.add(clean(n.Key, 0), fmt.Sprintf("%d of %d", n.Used, n.Most), lifecycle.FormatDuration(n.Within), c.when(n.FreeAt))
	}
	waiting := table{head: []string{"WAITING", "SINCE", "SAFE UNTIL", "TURN"}}
	for _, w := range v.Waiting {
		turn := "-"
		if w.Woken {
			turn = "now"
		}
		waiting.add(clean(w.Name, 0), c.when(w.Since), c.when(w.SafeBy), turn)
	}
	for _, t := range []table{counted, waiting} {
		if len(t.rows) == 0 {
			continue
		}
		c.say("")
		if err := t.write(c.out, "", c.paint); err != nil {
			return err
		}
	}
	if len(v.Counted)+len(v.Waiting)+len(v.Blocked) == 0 && v.Outage == nil {
		c.say("  nothing counts against its limits, and nobody waits")
	}
	c.say("")
	return nil
}
