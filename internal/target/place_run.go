package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// connected runs f with the place as it is on its machine.
func (p *place) connected(ctx context.Context, f func(*place) error) error {
	if err := interrupted(ctx); err != nil {
		return p.named(err)
	}
	m, err := p.reach(ctx)
	if err != nil {
		return p.named(err)
	}
	defer m.Close()
	there := *p
	there.machine, there.kept = m, newKept(p.files, m)
	if there.layout, err = newLayout(p.files, m); err != nil {
		return p.named(fault.New(fault.Configuration, "%w", err))
	}
	return p.named(m.explain(f(&there)))
}

// locked runs f while nobody else on that machine changes the same files or server.
func (p *place) locked(ctx context.Context, f func(*place) error) error {
	return p.connected(ctx, func(p *place) error {
		more, err := p.host(ctx)
		if err != nil {
			return err
		}
		unlock, err := p.machine.lock(ctx, append(p.layout.directories(), more...))
		if err != nil {
			return err
		}
		defer unlock()
		return f(p)
	})
}

func (p *place) runCheck(ctx context.Context) result {
	if len(p.check) == 0 {
		return result{}
	}
	return p.machine.run(ctx, p.check, p.timeout)
}

var (
	// errDied: the server ran and ended by the reload.
	errDied = errors.New("it ended when it was reloaded")
	// errDown: there was no server to reload.
	errDown = errors.New("it does not run")
)

// runReload is not interrupted by ctx: half a reload helps nobody.
func (p *place) runReload(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if p.takeUp != nil {
		return p.takeUp(ctx)
	}
	if len(p.reload) == 0 {
		return nil
	}
	if r := p.machine.run(ctx, p.reload, p.timeout); !r.ok() {
		return r
	}
	return nil
}

// named says which target an error is about; the kind of the fault stays.
func (p *place) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s target %q: %w", p.kind, p.name, err)
}

// interrupted tells that the caller gave up, which is nobody's mistake.
func interrupted(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	return nil
}
