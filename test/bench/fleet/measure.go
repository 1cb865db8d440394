package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const (
	atOnce   = 32
	before   = 12 * time.Hour // the threshold of the policy
	patience = time.Hour
)

// spread is how long something took.
type spread struct{ p50, p99 time.Duration }

func spreadOf(all []time.Duration) spread {
	slices.Sort(all)
	return spread{all[len(all)/2], all[len(all)*99/100]}
}

func name(i int) string { return fmt.Sprintf("fleet-%05d", i) }

func host(i int) string { return name(i) + ".test" }

// each does a thing n times, so many at once.
func each(n, atOnce int, do func(i int) error) error {
	errs, next := make([]error, n), make(chan int)
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return errors.Join(errs...)
}

// enrol has n certificates watched, and waits until each was looked at and can be found.
func (p *place) enrol(ctx context.Context, n int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	err := each(n, atOnce, func(i int) error {
		in := workflows.EnrollmentInput{AdmitRequest: activities.AdmitRequest{
			By: "fleet", Name: name(i), Names: []string{host(i)}, Owner: "minji", Team: "platform", Policy: "fleet",
			Endpoints: []cert.Endpoint{{Host: "127.0.0.1", Port: p.site.port(), ServerName: host(i)}},
		}}
		run, err := p.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.EnrollmentID(in.Name), TaskQueue: "neverlapse"}, "EnrollmentWorkflow", in)
		if err == nil {
			err = run.Get(ctx, nil)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	err = harness.WaitFor(ctx, "every certificate to be looked at and listed", func() (bool, error) {
		if p.site.seen() < n {
			return false, nil
		}
		return p.listed(ctx, n, "state = 'healthy'")
	})
	return time.Since(began), err
}

// listed tells whether so many certificates are found by a query.
func (p *place) listed(ctx context.Context, n int, query string) (bool, error) {
	time.Sleep(200 * time.Millisecond) // counting costs the engine
	c, err := p.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: p.Namespace, Query: "WorkflowType = 'CertificateWorkflow' AND ExecutionStatus = 'Running' AND " + query,
	})
	if err != nil {
		return false, err
	}
	if c.Count > int64(n) {
		return false, fmt.Errorf("%d certificates are found, want %d", c.Count, n)
	}
	return c.Count == int64(n), nil
}

// pass has n certificates replaced by ones that come to a threshold within a
// minute, evenly, and measures from the threshold to the message. They are looked
// at before it begins, which takes less for each than enrolling did.
func (p *place) pass(ctx context.Context, n int, within, enrolling time.Duration) (spread, int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	first := time.Now().Add(30*time.Second + time.Duration(n)*enrolling).Truncate(time.Second).Add(time.Second)
	at := func(i int) time.Time { // certificates know whole seconds
		return first.Add(within * time.Duration(i) / time.Duration(n)).Truncate(time.Second)
	}
	for i := range n {
		p.site.replace(host(i), at(i).Add(before))
	}
	seen := p.site.seen()
	err := each(n, atOnce, func(i int) error {
		_, err := workflows.ObserveNow.Call(ctx, p.client, name(i), workflows.Request{By: "fleet"})
		return err
	})
	if err == nil {
		err = harness.WaitFor(ctx, "the certificates to be looked at", func() (bool, error) { return p.site.seen() >= seen+n, nil })
	}
	if err != nil {
		return spread{}, 0, err
	}
	if late := time.Since(first); late > 0 {
		return spread{}, 0, fmt.Errorf("the machine is too slow: the certificates were looked at %s after the first threshold", late)
	}
	err = harness.WaitFor(ctx, "a message for each threshold", func() (bool, error) {
		return p.hook.heard() >= n, fmt.Errorf("%d of %d came", p.hook.heard(), n)
	})
	took := make([]time.Duration, n)
	for i := range n {
		when, _ := p.hook.of(name(i))
		took[i] = when.Sub(at(i))
		if took[i] < 0 {
			err = errors.Join(err, fmt.Errorf("%s was told %s before its threshold", name(i), -took[i]))
		}
	}
	if err = errors.Join(err, p.hook.once()); err != nil {
		return spread{}, 0, err
	}
	return spreadOf(took), p.hook.heard(), nil
}

// answer acknowledges n alerts, one after the other, as a click does.
func (p *place) answer(ctx context.Context, n int) (spread, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	took := make([]time.Duration, n)
	err := each(n, 1, func(i int) error {
		_, id := p.hook.of(name(i))
		began := time.Now()
		_, err := workflows.Acknowledge.Call(ctx, p.client, name(i), workflows.AcknowledgeRequest{Request: workflows.Request{ID: "fleet-" + name(i), By: "minji", Via: "fleet"}, Alert: id})
		took[i] = time.Since(began)
		return err
	})
	if err != nil {
		return spread{}, err
	}
	return spreadOf(took), nil
}

// asked is how many certificates are asked after a restart.
const asked = 100

// recover kills everything, starts it again, and measures until the worker is
// ready and until certificates all over the fleet answer and none is missing.
func (p *place) recover(ctx context.Context, n int) (ready, whole time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.kill(ctx); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := p.back(ctx); err != nil {
		return 0, 0, err
	}
	ready = time.Since(began)
	some := min(n, asked)
	err = each(some, 8, func(i int) error {
		who := name(i * n / some)
		return harness.WaitFor(ctx, who+" to answer", func() (bool, error) {
			s, err := p.World.Status(ctx, p.client, who)
			return err == nil && s.State.Live.Fingerprint != "", err
		})
	})
	whole = time.Since(began)
	if err != nil {
		return ready, whole, err
	}
	return ready, whole, harness.WaitFor(ctx, "every certificate to be there", func() (bool, error) { return p.listed(ctx, n, "state != ''") })
}

// lose ends everything and removes the engine's database, as a disk that died
// would, and measures how long one command takes to bring every certificate back
// from the store.
func (p *place) lose(ctx context.Context, n int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.kill(ctx); err != nil {
		return 0, err
	}
	if err := p.anew(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	if out, code := p.CLI(ctx, "restore", "--all", "--yes", "--note", "the disk died"); code != 0 {
		return 0, fmt.Errorf("restore --all: exit code %d\n%s", code, out)
	}
	took := time.Since(began)
	p.client.Close()
	var err error
	if p.client, err = p.Client(); err != nil {
		return 0, err
	}
	return took, harness.WaitFor(ctx, "every certificate to be there", func() (bool, error) { return p.listed(ctx, n, "state != ''") })
}
