package app

import (
	"context"
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/workflows"
)

// standPage is how many certificates are asked for at once.
const standPage = 1000

// stand lists every certificate as the index knows it.
func (f *fleet) stand(ctx context.Context) (out []metrics.Certificate, err error) {
	r := &workflowservice.ListWorkflowExecutionsRequest{Namespace: f.namespace, PageSize: standPage, Query: everyCertificate}
	for {
		page, err := f.client.ListWorkflow(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, x := range page.GetExecutions() {
			c := metrics.Certificate{Name: strings.TrimPrefix(x.GetExecution().GetWorkflowId(), workflows.WorkflowID(""))}
			for name, field := range map[string]any{
				"state": &c.State, "severity": &c.Severity, "owner": &c.Owner, "team": &c.Team, "environment": &c.Environment,
				"issuer": &c.Issuer, "keyAlgorithm": &c.Key, "notAfter": &c.NotAfter, "nextStepAt": &c.NextStep,
			} {
				remember(x.GetSearchAttributes().GetIndexedFields()[name], field)
			}
			var live cert.Version
			remember(x.GetMemo().GetFields()["managed"], &c.Managed)
			remember(x.GetMemo().GetFields()["live"], &live)
			c.NotBefore = live.NotBefore
			out = append(out, c)
		}
		if r.NextPageToken = page.GetNextPageToken(); len(r.NextPageToken) == 0 {
			return out, nil
		}
	}
}

// accounts asks every workflow that keeps an account of a CA.
func (a *App) accounts(ctx context.Context) (out []metrics.Account, err error) {
	r := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: a.config.Temporal.Namespace, PageSize: 100, Query: "WorkflowType = 'AccountWorkflow' AND ExecutionStatus = 'Running'",
	}
	for {
		page, err := a.client.ListWorkflow(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, e := range page.GetExecutions() {
			q, err := a.client.QueryWorkflow(ctx, e.GetExecution().GetWorkflowId(), "", workflows.QueryBudget)
			var kept workflows.Account
			if err == nil {
				err = q.Get(&kept)
			}
			if err != nil {
				return nil, err
			}
			one := metrics.Account{CA: kept.CA, Left: kept.Budget.Left(time.Now()), Waiting: len(kept.Budget.Waiting) + len(kept.Outage.Stranded), Outage: kept.Outage.On()}
			for _, b := range kept.Budget.Blocks {
				if b.Until.After(one.BlockedUntil) {
					one.BlockedUntil = b.Until
				}
			}
			out = append(out, one)
		}
		if r.NextPageToken = page.GetNextPageToken(); len(r.NextPageToken) == 0 {
			return out, nil
		}
	}
}

// rounds tells what the latest one found.
func (a *App) rounds(ctx context.Context) (out metrics.Rounds, err error) {
	last, _, err := workflows.LastRounds(ctx, a.client)
	out = metrics.Rounds{At: last.At, Unguarded: map[string]int{activities.GuardEnded: last.More, activities.GuardGone: 0, activities.GuardStuck: 0}}
	for _, u := range last.Unguarded {
		out.Unguarded[u.How]++
	}
	out.Missing = len(last.Missing) + last.MissingMore
	return out, err
}

// queues asks how the task queues of the centre and of each host do.
func (a *App) queues(ctx context.Context) (out []metrics.Queue, err error) {
	type queue struct {
		name string
		of   enumspb.TaskQueueType
	}
	all := []queue{{a.config.Temporal.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW}, {a.config.Temporal.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY}}
	for _, h := range a.config.Hosts {
		all = append(all, queue{h.Name, enumspb.TASK_QUEUE_TYPE_ACTIVITY})
	}
	for _, q := range all {
		d, err := a.client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: a.config.Temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: q.name}, TaskQueueType: q.of, ReportStats: true,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, metrics.Queue{
			Name: q.name, Type: strings.ToLower(q.of.String()), Pollers: len(living(d.GetPollers())),
			Backlog: d.GetStats().GetApproximateBacklogCount(), Age: d.GetStats().GetApproximateBacklogAge().AsDuration(),
		})
	}
	return out, nil
}

// storeKey asks the service that holds the key of the store, if one does, and logs
// when it goes and comes.
func (a *App) storeKey(ctx context.Context) (metrics.StoreKey, error) {
	kind, err := a.store.KeyService(ctx)
	if away := err != nil; a.keyAway.Swap(away) != away {
		if away {
			a.logger.Warn("the key of the store cannot be used: what needs a private key waits", "service", kind, "error", err)
		} else {
			a.logger.Info("the key of the store can be used again", "service", kind)
		}
	}
	return metrics.StoreKey{Service: kind, Up: err == nil}, nil
}

// mail asks the store how messages do.
func (a *App) mail(ctx context.Context) (out metrics.Mail, err error) {
	letters, err := a.store.Undelivered(ctx, false)
	broken, brokenErr := a.store.Broken(ctx)
	standings, standingErr := a.store.Standings(ctx)
	out = metrics.Mail{Unseen: len(letters), Failing: map[string]bool{}}
	who := a.inForce.directory()
	for _, b := range broken {
		if who.Knows(b.Address) {
			out.Broken++
		}
	}
	for _, c := range a.acts.Channels() {
		out.Failing[c.Name] = false
		for _, s := range standings {
			if s.Channel == c.Name {
				out.Failing[c.Name] = s.Failing
			}
		}
	}
	return out, errors.Join(err, brokenErr, standingErr)
}

// configuration tells how the latest look at its file ended.
func (a *App) configuration() metrics.Configuration {
	c := a.reload.configured()
	return metrics.Configuration{Refused: len(c.Refused) > 0, Restart: len(c.Restart), Since: a.inForce.taken()}
}
