package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// DeployInput names a version and one target that shall have it.
type DeployInput struct {
	Name        string           `json:"name"`
	Names       []string         `json:"names"`
	Fingerprint cert.Fingerprint `json:"fingerprint"`
	Target      string           `json:"target"`
	Deployment  string           `json:"deployment"` // the run; what was there before is kept under it
	// Replacement is the same for all attempts of one; empty where a stated version is deployed.
	Replacement string `json:"replacement,omitempty"`
	// AcceptIrreversible: somebody accepts that what the target has cannot come back.
	AcceptIrreversible bool `json:"acceptIrreversible,omitempty"`
}

// Prepare checks that the pair may go to the target, takes what is there now,
// once per deployment, and runs the server's own check before anything is
// changed. It gives the version that was there; empty if there was none. For a
// target that lives on a host it hands the pair over and says where.
func (a *Activities) Prepare(ctx context.Context, in DeployInput) (Prepared, error) {
	var p Prepared
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) (err error) {
		pair, err := a.checked(ctx, in)
		if err != nil {
			return err
		}
		if h, ok := a.Hosts[in.Target]; ok {
			p, err = a.handOver(ctx, in, h)
			return err
		}
		p, err = a.prepare(ctx, in, pair)
		return err
	})
	return p, err
}

func (a *Activities) prepare(ctx context.Context, in DeployInput, pair cert.Pair) (was Prepared, err error) {
	t, err := a.target(in.Target)
	if err == nil {
		err = hasKey(ctx, in.Target, t, pair)
	}
	if err != nil {
		return was, err
	}
	before, err := t.Capture(ctx)
	if err != nil {
		return was, err
	}
	if err := t.Preflight(ctx); err != nil {
		return was, err
	}
	if before, err = a.original(ctx, in, t, before); err != nil {
		return was, err
	}
	if err := a.Store.PutCapture(ctx, in.Name, in.Deployment, in.Target, before); err != nil {
		return was, ours(err)
	}
	if was.Version, err = captured(t, before); err != nil {
		return was, err
	}
	was.Lost, err = a.lost(ctx, in, t, was.Version)
	return was, err
}

// original is what was there before the first attempt that put the version there:
// an attempt that was cut short leaves the version, and putting that back would
// help nobody.
func (a *Activities) original(ctx context.Context, in DeployInput, t Target, now []byte) ([]byte, error) {
	if in.Replacement == "" {
		return now, nil
	}
	key := in.Replacement + " " + string(in.Fingerprint)
	v, err := captured(t, now)
	if err != nil || v.Fingerprint != in.Fingerprint {
		return now, ours(a.Store.PutCapture(ctx, in.Name, key, in.Target, now))
	}
	first, err := a.Store.Capture(ctx, in.Name, key, in.Target)
	if fault.Is(err, fault.NotFound) {
		return now, nil
	}
	return first, ours(err)
}

func captured(t Target, before []byte) (cert.Version, error) {
	v, err := t.CapturedVersion(before)
	if fault.Is(err, fault.NotFound) {
		return cert.Version{}, nil
	}
	return v, err
}

// checked gives the pair if it may reach a target: complete, matching its key,
// covering the names, in date.
func (a *Activities) checked(ctx context.Context, in DeployInput) (cert.Pair, error) {
	pair, err := a.Store.Pair(ctx, in.Name, in.Fingerprint)
	if fault.Is(err, fault.NotFound) {
		return pair, fault.New(fault.Configuration, "the store has no version %s of %s", in.Fingerprint.Short(), in.Name)
	}
	if err != nil {
		return pair, ours(err)
	}
	if err := pair.Check(in.Names, a.Now()); err != nil {
		return pair, fault.New(fault.Configuration, "version %s of %s must not be deployed: %w", in.Fingerprint.Short(), in.Name, err)
	}
	return pair, a.unrevoked(ctx, in.Name, in.Fingerprint)
}

// Install puts the version on the target, by way of the target's own check.
func (a *Activities) Install(ctx context.Context, in DeployInput) error {
	return a.attended(ctx, func(ctx context.Context, _ func(string)) error { return a.install(ctx, in) })
}

func (a *Activities) install(ctx context.Context, in DeployInput) error {
	pair, err := a.checked(ctx, in)
	if err != nil {
		return err
	}
	t, err := a.target(in.Target)
	if err != nil {
		return err
	}
	before, err := a.Store.Capture(ctx, in.Name, in.Deployment, in.Target)
	if err != nil {
		return ours(err)
	}
	return t.Install(ctx, pair, before)
}

// RollBack puts back, byte for byte, what the target had before the deployment;
// where its key cannot be read from the target, from the store.
func (a *Activities) RollBack(ctx context.Context, in DeployInput) error {
	return a.attended(ctx, func(ctx context.Context, _ func(string)) error { return a.rollBack(ctx, in) })
}

func (a *Activities) rollBack(ctx context.Context, in DeployInput) error {
	t, err := a.target(in.Target)
	if err != nil {
		return err
	}
	before, err := a.Store.Capture(ctx, in.Name, in.Deployment, in.Target)
	if err != nil {
		return ours(err)
	}
	if done, err := a.fromStore(ctx, in, t, before); done || err != nil {
		return err
	}
	return t.Restore(ctx, before)
}

// PromoteInput moves the store's live pointer.
type PromoteInput struct {
	Name        string           `json:"name"`
	Fingerprint cert.Fingerprint `json:"fingerprint"`
}

// Promote makes a proven version the live one in the store.
func (a *Activities) Promote(ctx context.Context, in PromoteInput) error {
	now, err := a.Store.Live(ctx, in.Name)
	if err == nil {
		err = a.Store.SetLive(ctx, in.Name, in.Fingerprint, now)
	}
	return toTemporal(ours(err), a.Now())
}
