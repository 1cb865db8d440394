package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Exec is a target that programs of the operator's reach, for whatever has no
// kind of its own. What they are given and what their exit status means is a
// contract, which docs/exec.md explains.
type Exec struct {
	name    string
	options ExecOptions
}

// NewExec makes a target of the kind exec; name is for messages. It starts nothing.
func NewExec(name string, o ExecOptions) (*Exec, error) {
	t := &Exec{name, o}
	if err := o.Validate(); err != nil {
		return nil, t.named(fault.New(fault.Configuration, "%w", err))
	}
	return t, nil
}

// Guarantees are those that hold with the options as they are.
func (t *Exec) Guarantees() Guarantees {
	g := ExecGuarantees()
	g.ChecksBefore, g.Reversible = len(t.options.Check) > 0, t.reversible()
	return g
}

// Identity is the place in the operator's words, on this host.
func (t *Exec) Identity() []string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return []string{"exec:" + host + ":" + t.options.Place}
}

// Capture keeps what the program capture put into its folder.
func (t *Exec) Capture(ctx context.Context) (data []byte, err error) {
	err = t.alone(ctx, func(s *scratch) error {
		v, err := t.current(ctx, s)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if r := t.run(ctx, s, verbCapture, cert.Version{}); !r.ok() {
			return t.refusal(ctx, verbCapture, r, fault.Configuration, "what is there could not be taken, so nothing was changed")
		}
		data, err = t.encode(s, v)
		return err
	})
	return data, err
}

// Preflight runs check, if there is one.
func (t *Exec) Preflight(ctx context.Context) error {
	return t.alone(ctx, func(s *scratch) error {
		if r := t.run(ctx, s, verbCheck, cert.Version{}); !r.ok() {
			return t.refusal(ctx, verbCheck, r, fault.Configuration, "the configuration was already broken before anything was changed; nothing was written")
		}
		return nil
	})
}

// Install runs install with the pair, and verify. If install fails, restore puts
// back what was captured, unless its exit status says that nothing was changed.
func (t *Exec) Install(ctx context.Context, pair cert.Pair, before []byte) error {
	return t.alone(ctx, func(s *scratch) error {
		v, err := t.fill(s, pair)
		if err != nil {
			return err
		}
		old, err := t.decode(before)
		if err != nil {
			return err
		}
		if r := t.run(ctx, s, verbInstall, v); !r.ok() {
			return t.refused(ctx, s, r, old)
		}
		return t.verify(ctx, s, v, "the new pair was installed")
	})
}

// refused follows an install that failed.
func (t *Exec) refused(ctx context.Context, s *scratch, r result, old execCapture) error {
	if !r.ran() || r.exitCode == exitLater || r.exitCode == exitUnsupported || r.exitCode == exitBroken {
		return t.refusal(ctx, verbInstall, r, fault.Configuration, "nothing was written")
	}
	if err := interrupted(ctx); err != nil {
		return fmt.Errorf("install was ended before it was done, and is to be repeated: %w", err)
	}
	if !t.reversible() {
		return fault.New(fault.Configuration, "install failed, and nothing was put back, because %s: %w", oneWay, r)
	}
	if err := t.putBack(context.WithoutCancel(ctx), s, old); err != nil {
		return fault.New(fault.Configuration, "install failed: %w; AND WHAT WAS THERE BEFORE COULD NOT BE PUT BACK: %w", r, err)
	}
	return fault.New(fault.Configuration, "install failed; what was there before was put back: %w", r)
}

// Restore runs restore with what was captured, and verify.
func (t *Exec) Restore(ctx context.Context, before []byte) error {
	return t.alone(ctx, func(s *scratch) error {
		old, err := t.decode(before)
		if err != nil {
			return err
		}
		if !t.reversible() {
			err = t.unchanged(ctx, s, old)
		} else {
			err = t.putBack(ctx, s, old)
		}
		if err != nil {
			return err
		}
		return t.verify(ctx, s, old.Version, "what was there before was put back")
	})
}

func (t *Exec) putBack(ctx context.Context, s *scratch, old execCapture) error {
	if err := old.unfold(s); err != nil {
		return err
	}
	if r := t.run(ctx, s, verbRestore, old.Version); !r.ok() {
		return t.refusal(ctx, verbRestore, r, fault.Configuration, "what was there before could not be put back")
	}
	return nil
}

func (t *Exec) verify(ctx context.Context, s *scratch, v cert.Version, done string) error {
	if r := t.run(ctx, s, verbVerify, v); !r.ok() {
		return t.refusal(ctx, verbVerify, r, fault.Proof, done+", but verify says that it is not used")
	}
	return nil
}

// Installed asks the program current.
func (t *Exec) Installed(ctx context.Context) (v cert.Version, err error) {
	err = t.within(ctx, func(s *scratch) error {
		v, err = t.current(ctx, s)
		return err
	})
	return v, err
}

// CapturedVersion reads the version out of a capture.
func (t *Exec) CapturedVersion(before []byte) (cert.Version, error) {
	c, err := decodeExecCapture(before)
	if err == nil && c.Version.Fingerprint == "" {
		err = fault.New(fault.NotFound, "what was there before held no certificate")
	}
	return c.Version, t.named(err)
}

// alone runs f while no other target with the same lock does anything.
func (t *Exec) alone(ctx context.Context, f func(*scratch) error) error {
	if err := interrupted(ctx); err != nil {
		return t.named(err)
	}
	unlock, err := lock(ctx, []string{t.options.lock()})
	if err != nil {
		return t.named(err)
	}
	defer unlock()
	return t.within(ctx, f)
}

// within runs f with a private folder that is gone afterwards.
func (t *Exec) within(ctx context.Context, f func(*scratch) error) error {
	s, err := openScratch(ctx, t.options.scratchRoot())
	if err != nil {
		return t.named(err)
	}
	err = f(s)
	if left := s.close(); left != nil {
		err = errors.Join(err, fault.New(fault.Configuration, "the private folder could not be removed, AND MAY HOLD A KEY: %w", left))
	}
	return t.named(err)
}

func (t *Exec) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("exec target %q: %w", t.name, err)
}

// termGrace is how long a program may take to end by itself once its time is over.
const termGrace = 3 * time.Second
