package target

import (
	"context"
	"fmt"
)

// locked runs f while nobody else on this host changes the same files or server.
func (p *place) locked(ctx context.Context, f func() error) error {
	if err := interrupted(ctx); err != nil {
		return p.named(err)
	}
	more, err := p.host(ctx)
	if err != nil {
		return p.named(err)
	}
	unlock, err := lock(ctx, append(p.layout.directories(), more...))
	if err != nil {
		return p.named(err)
	}
	defer unlock()
	return p.named(f())
}

func (p *place) runCheck(ctx context.Context) result {
	if len(p.check) == 0 {
		return result{}
	}
	return run(ctx, p.check, p.timeout)
}

// runReload is not interrupted by ctx: half a reload helps nobody.
func (p *place) runReload(ctx context.Context) result {
	if len(p.reload) == 0 {
		return result{}
	}
	return run(context.WithoutCancel(ctx), p.reload, p.timeout)
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
