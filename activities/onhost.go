package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// HostStore is what the worker of a host has of the store.
type HostStore interface {
	// Pair gives a version that was handed over; fault.NotFound if it was not.
	Pair(ctx context.Context, name string, f cert.Fingerprint) (cert.Pair, error)
	Captures
}

// OnHost is the hands of a host: what is done at a target, and nothing else. Its
// methods are registered under the names of those of Activities.
type OnHost struct{ hands *Activities }

// NewOnHost gives hands for the targets of a host.
func NewOnHost(targets map[string]Target, store HostStore, examiner Examiner, now Clock) *OnHost {
	return &OnHost{&Activities{Targets: targets, Store: part{host: store}, Examiner: examiner, Now: now}}
}

// Examine is that of Activities, on the machine of the host.
func (o *OnHost) Examine(ctx context.Context, in Examination) (Examined, error) {
	return o.hands.Examine(ctx, in)
}

// Prepare is that of Activities, at the target itself.
func (o *OnHost) Prepare(ctx context.Context, in DeployInput) (Prepared, error) {
	return o.hands.Prepare(ctx, in)
}

// Install is that of Activities.
func (o *OnHost) Install(ctx context.Context, in DeployInput) error { return o.hands.Install(ctx, in) }

// RollBack is that of Activities.
func (o *OnHost) RollBack(ctx context.Context, in DeployInput) error {
	return o.hands.RollBack(ctx, in)
}

// Observe reads targets back; endpoints are looked at from elsewhere.
func (o *OnHost) Observe(ctx context.Context, in ObserveInput) ([]cert.Observation, error) {
	in.Endpoints = nil
	return o.hands.Observe(ctx, in)
}

// Verify reads targets back until they have what they should.
func (o *OnHost) Verify(ctx context.Context, in VerifyInput) (Verified, error) {
	in.Endpoints = nil
	return o.hands.Verify(ctx, in)
}

// part is the store as far as a host has one. What is embedded is nil: no
// activity of a host asks for it.
type part struct {
	Store
	host HostStore
}

func (p part) Pair(ctx context.Context, name string, f cert.Fingerprint) (cert.Pair, error) {
	return p.host.Pair(ctx, name, f)
}

// Revocation knows none: the centre looks before it hands a version over.
func (part) Revocation(context.Context, string, cert.Fingerprint) (cert.Revocation, error) {
	return cert.Revocation{}, fault.New(fault.NotFound, "hosts are told of no revocations")
}

func (p part) PutCapture(ctx context.Context, name, deployment, target string, data []byte) error {
	return p.host.PutCapture(ctx, name, deployment, target, data)
}

func (p part) Capture(ctx context.Context, name, deployment, target string) ([]byte, error) {
	return p.host.Capture(ctx, name, deployment, target)
}
