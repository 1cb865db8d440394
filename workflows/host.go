package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// longestWait bounds how long a host may leave a task, whatever the
// configuration says; glanceWait is that for a look, for which nobody shall
// wait long.
const (
	longestWait = 10 * time.Minute
	glanceWait  = 15 * time.Second
)

// host is a machine with a worker of its own, where some targets live; the zero
// one is the worker of the certificate. It is known from the result of an
// activity that was asked on the certificate's own queue first, so a target may
// move from one host to another without anybody's telling its certificate.
type host struct {
	name string
	wait time.Duration
}

// on sends what is started with ctx to the host. What nobody takes there in
// time ends as a timeout, and so what is asked of an absent host holds up nobody.
func (h host) on(ctx workflow.Context) workflow.Context {
	if h.name == "" {
		return ctx
	}
	o := workflow.GetActivityOptions(ctx)
	wait := min(max(h.wait, time.Second), longestWait)
	o.TaskQueue = h.name
	o.ScheduleToStartTimeout = wait
	o.ScheduleToCloseTimeout += wait
	if p := o.RetryPolicy; p != nil {
		own := *p
		own.NonRetryableErrorTypes = append(slices.Clip(own.NonRetryableErrorTypes), activities.ReleaseTooOld)
		o.RetryPolicy = &own
	}
	return workflow.WithActivityOptions(ctx, o)
}

// failure reads the error of an activity that was sent there.
func (h host) failure(err error) (activities.Failure, string) {
	if h.name == "" {
		return activities.FailureOf(err)
	}
	return activities.FailureAt(h.name, min(max(h.wait, time.Second), longestWait), err)
}

// ask runs one activity on every host at once and gives each answer to take, in
// the order of the hosts.
func ask[T any](ctx workflow.Context, hosts []host, start func(workflow.Context, host) workflow.Future, take func(host, T, error)) {
	under := make([]workflow.Future, len(hosts))
	for i, h := range hosts {
		under[i] = start(ctx, h)
	}
	for i, h := range hosts {
		var out T
		err := under[i].Get(ctx, &out)
		take(h, out, err)
	}
}

// readBack asks the hosts of those targets of which a look from here could say
// no more than where they live.
func readBack(ctx workflow.Context, names []string, seen []cert.Observation) []cert.Observation {
	targets := map[string][]string{}
	var hosts []host
	for _, o := range seen {
		if o.Host == "" || o.Seen() || o.Err != "" {
			continue
		}
		if targets[o.Host] == nil {
			hosts = append(hosts, host{o.Host, glanceWait})
		}
		targets[o.Host] = append(targets[o.Host], o.Target)
	}
	start := func(ctx workflow.Context, h host) workflow.Future {
		in := activities.ObserveInput{Targets: targets[h.name], Names: names}
		return workflow.ExecuteActivity(h.on(sight(ctx, "read back what is there on host "+h.name)), hands.Observe, in)
	}
	ask(ctx, hosts, start, func(h host, there []cert.Observation, err error) {
		for i, o := range seen {
			if o.Host == h.name && slices.Contains(targets[h.name], o.Target) {
				seen[i] = h.found(o, there, err).Brief(names)
			}
		}
	})
	return seen
}

// found is the observation of a target that its host made; o says why there is
// none if that could not be asked.
func (h host) found(o cert.Observation, there []cert.Observation, err error) cert.Observation {
	o.Err = "nothing was said of it"
	if err != nil {
		_, o.Err = h.failure(err)
	}
	for _, x := range there {
		if x.Target == o.Target {
			o = x
		}
	}
	o.Host = h.name
	return o
}
