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

// place is what all kinds share: files in a layout, a check and a reload.
type place struct {
	kind, name    string
	files         Files
	layout        layout // on machine
	machine       machine
	check, reload []string // empty: none
	timeout       time.Duration
	kept          *keptKeys // on machine; nil: the key comes with every version
	// reach connects to the machine.
	reach func(ctx context.Context) (machine, error)
	// host gives further directories to lock: what the server shares between targets.
	host func(ctx context.Context) ([]string, error)
	// takeUp, where it is set, makes the server use the files instead of the
	// command reload; errDied and errDown tell what became of the server.
	takeUp func(ctx context.Context) error
	// running and start are set for a server that may die of a reload.
	running func(ctx context.Context) bool
	start   func(ctx context.Context) error
}

func newPlace(kind, name string, f Files) (place, error) {
	l, err := newLayout(f, here{})
	if err != nil {
		return place{}, err
	}
	none := func(context.Context) ([]string, error) { return nil, nil }
	reach := func(context.Context) (machine, error) { return here{}, nil }
	return place{kind: kind, name: name, files: f, layout: l, machine: here{}, kept: newKept(f, here{}), timeout: f.timeout(), reach: reach, host: none}, nil
}

// Identity names every path that is written, on this host.
func (p *place) Identity() []string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	var out []string
	for _, path := range p.layout.paths() {
		out = append(out, "file:"+host+":"+path)
	}
	return out
}

// Capture takes what is there now.
func (p *place) Capture(ctx context.Context) (data []byte, err error) {
	err = p.locked(ctx, func(p *place) error {
		c, err := p.layout.take()
		if err != nil {
			return err
		}
		found, err := p.layout.read()
		if err != nil {
			return err
		}
		if err := p.keyless(c); err != nil {
			return err
		}
		if leaf, err := leafOf(found, p.files.Keystores); err == nil {
			c.Leaf = leaf
		}
		c.Running = p.running != nil && p.running(ctx)
		data, err = c.encode()
		return err
	})
	return data, err
}

// Preflight tells whether writing would be allowed and whether the server's
// configuration passes its check as it is.
func (p *place) Preflight(ctx context.Context) error {
	return p.locked(ctx, func(p *place) error {
		if err := p.layout.probe(); err != nil {
			return err
		}
		if p.swapped() {
			return nil
		}
		if r := p.runCheck(ctx); !r.ok() {
			if err := interrupted(ctx); err != nil {
				return err
			}
			return fault.New(fault.Configuration, "the configuration was already broken before anything was changed; nothing was written: %w", r)
		}
		return nil
	})
}

// Install writes the pair, checks and reloads. Repeating it after a crash, with
// the same before, ends as if there had been none.
func (p *place) Install(ctx context.Context, pair cert.Pair, before []byte) error {
	return p.locked(ctx, func(p *place) error {
		c, err := p.render(pair)
		if err != nil {
			return err
		}
		old, err := p.decode(before)
		if err != nil {
			return err
		}
		return p.deploy(ctx, c, old)
	})
}

func (p *place) deploy(ctx context.Context, c content, old capture) error {
	if touched, err := p.layout.put(c, old); err != nil {
		if touched {
			err = errors.Join(err, p.layout.putBack(old))
		}
		return err
	}
	if r := p.runCheck(ctx); !r.ok() {
		return p.refused(ctx, r, old)
	}
	if err := p.runReload(ctx); errors.Is(err, errDied) {
		return p.revive(ctx, err, old)
	} else if err != nil {
		return fault.New(fault.Proof, "the new files are in place and pass the check, but the reload failed; is the server running? %w", err)
	}
	if err := p.layout.settle(old); err != nil {
		return fmt.Errorf("installed and reloaded, but old versions remain: %w", err)
	}
	return nil
}

// revive follows a reload of which the server died: with the old files it lived.
func (p *place) revive(ctx context.Context, cause error, old capture) error {
	if err := p.layout.putBack(old); err != nil {
		return fault.New(fault.Configuration, "%w; AND THE OLD FILES COULD NOT BE PUT BACK: %w", cause, err)
	}
	if err := p.start(context.WithoutCancel(ctx)); err != nil {
		return fault.New(fault.Configuration, "%w; the old files are back, BUT IT DOES NOT START WITH THEM: %w", cause, err)
	}
	return fault.New(fault.Configuration, "%w; the old files are back and it was started again with them", cause)
}

// refused puts the old bytes back after a failed check and tells both outcomes.
func (p *place) refused(ctx context.Context, first result, old capture) error {
	if err := p.layout.putBack(old); err != nil {
		return fault.New(fault.Configuration, "the check failed with the new files: %w; AND THE OLD ONES COULD NOT BE PUT BACK: %w", first, err)
	}
	if err := interrupted(ctx); err != nil {
		return fmt.Errorf("the old files are back: %w", err)
	}
	again := p.runCheck(context.WithoutCancel(ctx))
	if !again.ok() {
		return fault.New(fault.Configuration, "the check failed with the new files, and fails again with the old ones, which are back: %w (with the old files: %w)", first, again)
	}
	return fault.New(fault.Configuration, "the check failed with the new files; the old ones are back and pass it: %w", first)
}

// Restore puts back what Capture took, checks and reloads. A server that ran
// when it was captured and does not now is started.
func (p *place) Restore(ctx context.Context, before []byte) error {
	return p.locked(ctx, func(p *place) error {
		old, err := p.decode(before)
		if err != nil {
			return err
		}
		if err := p.returns(old); err != nil {
			return err
		}
		if err := p.layout.putBack(old); err != nil {
			return err
		}
		if r := p.runCheck(ctx); !r.ok() {
			if err := interrupted(ctx); err != nil {
				return err
			}
			return fault.New(fault.Configuration, "the old files are back, but the check fails with them, so nothing was reloaded: %w", r)
		}
		err = p.runReload(ctx)
		if errors.Is(err, errDown) && old.Running {
			err = p.start(context.WithoutCancel(ctx))
		}
		if err != nil {
			return fault.New(fault.Proof, "the old files are back and pass the check, but the reload failed; is the server running? %w", err)
		}
		return nil
	})
}

// Installed reads back the leaf, and makes sure that all files are of it.
func (p *place) Installed(ctx context.Context) (v cert.Version, err error) {
	err = p.connected(ctx, func(p *place) error {
		found, err := p.layout.read()
		if err != nil {
			return err
		}
		if v, err = coherent(p.layout.files(), found, p.files.Keystores); err == nil {
			err = p.fitsKept(found)
		}
		return err
	})
	return v, err
}

// CapturedVersion reads the leaf out of a capture.
func (p *place) CapturedVersion(before []byte) (cert.Version, error) {
	c, err := decodeCapture(before)
	if err != nil {
		return cert.Version{}, p.named(err)
	}
	v, err := c.version()
	return v, p.named(err)
}

func (p *place) decode(before []byte) (capture, error) {
	c, err := decodeCapture(before)
	if err != nil {
		return c, err
	}
	return c, c.fits(p.layout)
}
