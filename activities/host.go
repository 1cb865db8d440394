package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Host is a machine with a worker of its own, at whose targets nobody else can act.
type Host struct {
	Name string        // it is its task queue, too
	Key  string        // the public half of its key: what is handed over is sealed for it
	Wait time.Duration // how long its worker may leave a task before it counts as absent
}

// Hosts keeps what goes between the centre and the workers of hosts.
type Hosts interface {
	// HandOver seals a version for a host's key; again if it was done before.
	HandOver(ctx context.Context, name string, f cert.Fingerprint, host, key string) error
	// Reported gives what a host's worker last said of its targets; fault.NotFound if it never did.
	Reported(ctx context.Context, host string) (cert.HostReport, error)
}

// Prepared is what was at a target before; or where the target lives, and then
// nothing was done but handing the version over: the host's worker prepares it.
type Prepared struct {
	cert.Version               // empty if there was none
	Lost         string        `json:"lost,omitempty"` // why it cannot be put back; empty if it can
	Host         string        `json:"host,omitempty"`
	Wait         time.Duration `json:"wait,omitempty"`
}

// handOver gives a version that may be deployed to the host of a target.
func (a *Activities) handOver(ctx context.Context, in DeployInput, h Host) (Prepared, error) {
	if err := a.Store.HandOver(ctx, in.Name, in.Fingerprint, h.Name, h.Key); err != nil {
		return Prepared{}, ours(err)
	}
	return Prepared{Host: h.Name, Wait: h.Wait}, nil
}

// hostPlaces names what a target writes that lives on a host, as its worker reported it.
func (a *Activities) hostPlaces(ctx context.Context, target string, h Host) ([]string, error) {
	t, err := a.hostTarget(ctx, target, h)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range t.Places {
		out = append(out, "host "+h.Name+": "+p)
	}
	return out, nil
}

// hostTarget is a target of a host as the worker there reported it.
func (a *Activities) hostTarget(ctx context.Context, target string, h Host) (t cert.HostTarget, err error) {
	report, err := a.Store.Reported(ctx, h.Name)
	if fault.Is(err, fault.NotFound) {
		return t, fault.New(fault.Configuration, "target %q lives on host %s, whose worker has never said what it writes there; start it: neverlapse-worker --role target --queue %s", target, h.Name, h.Name)
	}
	if err != nil {
		return t, err
	}
	for _, t := range report.Targets {
		if t.Name == target {
			return t, nil
		}
	}
	return t, fault.New(fault.Configuration, "target %q lives on host %s by the configuration here, but the worker there has no such target (it said so at %s); add it to targets in its configuration and restart it",
		target, h.Name, report.At.UTC().Format(time.RFC3339))
}

// ReleaseTooOld is the type of the error by which a worker answers what it does not know.
const ReleaseTooOld = "ActivityNotRegisteredError"

// FailureAt reads a fault back from the error of an activity that was sent to
// the worker of a host. Whatever is wrong there and not with the target itself
// makes the target one that is out of reach.
func FailureAt(host string, wait time.Duration, err error) (Failure, string) {
	f, text := FailureOf(err)
	away := Failure{Kind: Unavailable, Silent: true}
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case f.Own:
		return Failure{Kind: Unavailable, RetryAt: f.RetryAt}, "on host " + host + ": " + text
	case errors.As(err, &app) && app.Type() == ReleaseTooOld:
		return away, fmt.Sprintf("the worker on host %s is older than the one here and does not know what is asked of it; upgrade neverlapse-worker there", host)
	case !f.Silent || !errors.As(err, &timeout):
		return f, text
	case timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START:
		return away, fmt.Sprintf("no worker took it from queue %s within %s; is neverlapse-worker running there?", host, inWords(wait))
	}
	return away, fmt.Sprintf("the worker that took it from queue %s fell silent; is neverlapse-worker running there?", host)
}

func inWords(d time.Duration) string {
	if n := d / time.Minute; n > 0 && d%time.Minute == 0 {
		if n == 1 {
			return "1 minute"
		}
		return fmt.Sprintf("%d minutes", n)
	}
	return d.String()
}
