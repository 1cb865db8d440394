package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// engineChecks look at Temporal.
type engineChecks struct {
	config config.Config
	conn   client.Client
}

func (e engineChecks) all() []doctor.Check {
	return append([]doctor.Check{
		doctor.One(doctor.Engine, "", e.version),
		doctor.One(doctor.Namespace, e.config.Temporal.Namespace, e.namespace),
		{Codes: []doctor.Code{doctor.SearchAttributes}, Run: e.attributes},
	}, e.queue(e.config.Temporal.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY)...)
}

// engineAddress is where the Temporal of the configuration listens.
func engineAddress(c config.Config) (string, error) {
	if c.Temporal.Address != "" {
		return c.Temporal.Address, nil
	}
	r, err := engine.Recorded(engineDir(c))
	return r.Address, err
}

func (e engineChecks) version(ctx context.Context) doctor.Finding {
	address, err := engineAddress(e.config)
	if err != nil {
		address = "its address"
	}
	r, err := e.conn.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	if err != nil { // some clusters keep that to themselves
		info, err := e.conn.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
		if err != nil {
			return unreached(e.config, err)
		}
		return doctor.Good("Temporal %s answers at %s", info.GetServerVersion(), address)
	}
	return doctor.Good("Temporal %s answers at %s; it keeps histories in %s, and the index in %s", r.GetServerVersion(), address, r.GetPersistenceStore(), r.GetVisibilityStore())
}

// leastRetention is how long what has ended should stay to be looked at.
const leastRetention = 7 * 24 * time.Hour

func (e engineChecks) namespace(ctx context.Context) doctor.Finding {
	name := e.config.Temporal.Namespace
	r, err := e.conn.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	var missing *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &missing):
		return doctor.Bad(temporalCommand(e.config, "operator namespace create")+" --retention 400d", "there is no such namespace; or set temporal.namespace (--namespace)")
	case err != nil:
		return doctor.Bad("see what Temporal says of it: "+temporalCommand(e.config, "operator namespace describe"), "%s", inOneLine(err))
	}
	kept := r.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	switch {
	case !r.GetNamespaceInfo().GetCapabilities().GetStandaloneActivities():
		return doctor.Doubtful("set activity.enableStandalone in the dynamic configuration of Temporal (server 1.31 or later; deploy/compose/dynamicconfig.yaml has it)",
			"it runs no activities by themselves, so history, ca, where and doctor cannot ask a worker")
	case kept < leastRetention:
		return doctor.Doubtful(temporalCommand(e.config, "operator namespace update")+" --retention 400d",
			"it keeps what has ended for %s only, so what went wrong last week cannot be looked at there (the journal has it for years)", lifecycle.FormatDuration(kept))
	}
	return doctor.Good("it is there, and keeps what has ended for %s", lifecycle.FormatDuration(kept))
}

func (e engineChecks) attributes(ctx context.Context) []doctor.Finding {
	r, err := e.conn.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: e.config.Temporal.Namespace})
	if err != nil {
		return []doctor.Finding{doctor.Doubtful("see for yourself: "+temporalCommand(e.config, "operator search-attribute list"), "they cannot be listed: %s", inOneLine(err))}
	}
	there := maps.Clone(r.GetCustomAttributes())
	maps.Copy(there, r.GetSystemAttributes())
	want := engine.SearchAttributes()
	var out []doctor.Finding
	for _, name := range slices.Sorted(maps.Keys(want)) {
		kind, ok := there[name]
		create := fmt.Sprintf("%s --name %s --type %s", temporalCommand(e.config, "operator search-attribute create"), name, want[name])
		f := doctor.Finding{}
		switch {
		case !ok:
			f = doctor.Bad(create, "it is missing: certificates stand still as soon as they set it")
		case kind != want[name]:
			remove := fmt.Sprintf("%s --name %s --yes", temporalCommand(e.config, "operator search-attribute remove"), name)
			f = doctor.Bad(remove+" && "+create, "it is of type %s, and has to be %s", kind, want[name])
		default:
			continue
		}
		f.About = name
		out = append(out, f)
	}
	if len(out) == 0 {
		return []doctor.Finding{doctor.Good("all %d are registered, with their types", len(want))}
	}
	return out
}

// How long a task may wait on a queue.
const (
	waitWarns = time.Minute
	waitFails = 10 * time.Minute
)

// queue looks at who polls a task queue and at what waits there.
func (e engineChecks) queue(name string, kinds ...enumspb.TaskQueueType) (out []doctor.Check) {
	for _, kind := range kinds {
		about := fmt.Sprintf("queue %s (%s)", name, strings.ToLower(kind.String()))
		out = append(out, doctor.Check{Codes: []doctor.Code{doctor.Pollers, doctor.Backlog}, About: about, Run: func(ctx context.Context) []doctor.Finding {
			d, err := e.describe(ctx, name, kind)
			if err != nil {
				return []doctor.Finding{doctor.Bad("see what Temporal says of it: "+temporalCommand(e.config, "task-queue describe")+" --task-queue "+name, "%s", inOneLine(err))}
			}
			return []doctor.Finding{e.pollers(name, d.GetPollers()), e.backlog(name, d.GetStats())}
		}})
	}
	return out
}

func (e engineChecks) describe(ctx context.Context, name string, kind enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	return e.conn.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: e.config.Temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: name}, TaskQueueType: kind, ReportStats: true,
	})
}

// alive counts the workers that poll a queue for activities now.
func (e engineChecks) alive(ctx context.Context, name string, within time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	d, err := e.describe(ctx, name, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return 0, err
	}
	return len(living(d.GetPollers())), nil
}

// living are the workers that have polled lately, each as it was last: the server
// lists everybody of the last five minutes, by what they called themselves.
func living(all []*taskqueuepb.PollerInfo) []*taskqueuepb.PollerInfo {
	run := func(p *taskqueuepb.PollerInfo) string {
		if n, ok := parseNeighbour(p.GetIdentity()); ok && n.run != "" {
			return n.run
		}
		return p.GetIdentity()
	}
	last := map[string]time.Time{}
	for _, p := range all {
		if at := p.GetLastAccessTime().AsTime(); at.After(last[run(p)]) {
			last[run(p)] = at
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(p *taskqueuepb.PollerInfo) bool {
		at := p.GetLastAccessTime().AsTime()
		return at.Before(last[run(p)]) || time.Since(at) > pollerIsAlive
	})
}

func (e engineChecks) pollers(queue string, all []*taskqueuepb.PollerInfo) doctor.Finding {
	start := "start a worker: systemctl start neverlapse-worker"
	if queue != e.config.Temporal.TaskQueue {
		start = fmt.Sprintf("on that host: systemctl start neverlapse-host@%s", queue)
	}
	alive := living(all)
	if len(alive) == 0 {
		seen := "nobody polls it"
		if len(all) > 0 {
			seen = fmt.Sprintf("nobody polls it; %s did last, %s ago", all[0].GetIdentity(), time.Since(all[0].GetLastAccessTime().AsTime()).Round(time.Second))
		}
		f := doctor.Bad(start, "%s", seen)
		f.Code = doctor.Pollers
		return f
	}
	var who, builds []string
	for _, p := range alive {
		text := fmt.Sprintf("%s, %s ago", p.GetIdentity(), max(0, time.Since(p.GetLastAccessTime().AsTime())).Round(time.Second))
		if id := p.GetDeploymentOptions().GetBuildId(); id != "" {
			text += ", build " + id
			if !slices.Contains(builds, id) {
				builds = append(builds, id)
			}
		}
		who = append(who, text)
	}
	f := doctor.Good("%d polling: %s", len(alive), bounded(strings.Join(who, "; ")))
	if len(builds) > 1 {
		f = doctor.Doubtful("end the upgrade: restart the workers of the older build", "%d builds side by side: %s", len(builds), bounded(strings.Join(who, "; ")))
	}
	f.Code = doctor.Pollers
	return f
}

func (e engineChecks) backlog(queue string, s *taskqueuepb.TaskQueueStats) doctor.Finding {
	n, age := s.GetApproximateBacklogCount(), s.GetApproximateBacklogAge().AsDuration().Round(time.Second)
	const remedy = "see who is stuck: journalctl -u neverlapse-worker -n 50; and start one more worker (deploy/RUNBOOK.md#neverlapsequeuestalled)"
	f := doctor.Good("%d tasks wait", n)
	switch {
	case n > 0 && age > waitFails:
		f = doctor.Bad(remedy, "%d tasks wait, the oldest for %s", n, age)
	case n > 0 && age > waitWarns:
		f = doctor.Doubtful(remedy, "%d tasks wait, the oldest for %s", n, age)
	}
	f.Code = doctor.Backlog
	return f
}
