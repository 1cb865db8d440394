package target

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// InstallUnchecked is Install without our own check of the pair: the files of
// chain, with the key of other.
func (t *Apache) InstallUnchecked(ctx context.Context, chain, other cert.Pair, before []byte) error {
	return t.locked(ctx, func(*place) error {
		c, err := render(chain, Keystores{})
		if err != nil {
			return err
		}
		wrong, err := render(other, Keystores{})
		if err != nil {
			return err
		}
		c.bytes[key] = wrong.bytes[key]
		old, err := t.decode(before)
		if err != nil {
			return err
		}
		return t.deploy(ctx, c, old)
	})
}

// Alive tells whether the process that a pid file names runs.
func Alive(pidFile string) bool { return processOf(pidFile).alive() }
