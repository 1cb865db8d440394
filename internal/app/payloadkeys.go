package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/codec"
	"github.com/neverlapse/neverlapse/internal/config"
)

// payloadCodec reads the keys by which payloads are encrypted for Temporal.
func payloadCodec(c config.Config) (*codec.Codec, error) {
	var keys []codec.Key
	var errs []error
	for i, k := range c.Temporal.Encryption.Keys {
		text, err := c.ReadKey(k)
		key := codec.Key{ID: k.ID}
		if err == nil {
			key.Secret, err = codec.ParseKey(text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("temporal.encryption.keys[%d]: the key %q %w", i, k.ID, err))
		}
		keys = append(keys, key)
		if k.Env != "" {
			_ = os.Unsetenv(k.Env) // no child gets it; c.Env has it still
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	out, err := codec.New(c.Temporal.Encryption.Use, keys, time.Now)
	return out, config.Under("temporal.encryption", err)
}

// keyIsUsed is how long after it opened a payload here a key counts as in use.
const keyIsUsed = 24 * time.Hour

// spared tells which keys that are in use a new set of keys would take away.
func spared(has, next *codec.Codec, others []neighbour, now time.Time) error {
	var errs []error
	use, _ := has.Use()
	for id, opened := range has.Lost(next) {
		by := ""
		switch {
		case id == use:
			by = "it encrypts here"
		case slices.ContainsFunc(others, func(o neighbour) bool { i, _, _ := strings.Cut(o.use, "="); return i == id }):
			by = "another worker encrypts with it"
		case !opened.IsZero() && now.Sub(opened) < keyIsUsed:
			by = "it last opened something here " + now.Sub(opened).Round(time.Second).String() + " ago"
		default:
			continue
		}
		errs = append(errs, fmt.Errorf("temporal.encryption.keys: the key %q, as it was, is gone and still in use: %s; put it back with the content that it had, and give a new key a new id (one that opened nothing for %s may go; a restart takes what is there)", id, by, keyIsUsed))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// fitKeys reads the keys of a configuration that is to count, and tells what
// stands against them.
func (a *App) fitKeys(ctx context.Context, c config.Config) (*codec.Codec, error) {
	next, err := payloadCodec(c)
	if err != nil || len(a.parts.codec.Lost(next)) == 0 {
		return next, err
	}
	others, err := a.neighbours(ctx)
	if err != nil {
		return nil, err
	}
	return next, spared(a.parts.codec, next, others, time.Now())
}

// takeKeys has what is in force decrypt from now on. What encrypts stays as it is
// where that is another key: it reports whether that is left to do.
func (a *App) takeKeys() (encrypt bool) {
	next := a.inForce.keys()
	if next == nil || next == a.keysTaken {
		return false
	}
	a.keysTaken = next
	id, name := a.parts.codec.Use()
	wanted, wantedName := next.Use()
	names := a.parts.codec.Names()
	if encrypt = wanted != "" && wantedName != name; encrypt {
		a.parts.codec.AdoptToRead(next)
	} else {
		a.parts.codec.Adopt(next)
	}
	if encrypt || wantedName != name || !slices.Equal(names, next.Names()) {
		a.logger.Info("the keys of temporal.encryption are read anew", "keys", len(next.Names()), "encrypts", cmp.Or(id, "none"), "wanted", cmp.Or(wanted, "none"))
	}
	return encrypt
}

// encryptAnew encrypts with the key of the configuration, once every other worker
// of the task queue can read it.
func (a *App) encryptAnew(ctx context.Context) (time.Duration, error) {
	next := a.inForce.keys()
	others, err := a.neighbours(ctx)
	if err != nil {
		return 0, err
	}
	self := a.selfWith(next)
	for _, o := range others {
		if !o.reads(self) {
			return 0, unreadable(self, o)
		}
	}
	a.parts.codec.Adopt(next)
	use, _ := next.Use()
	a.logger.Info("another key of temporal.encryption encrypts", "use", cmp.Or(use, "none"))
	return 0, nil
}

// me is this worker as it is now.
func (a *App) me() neighbour { return a.selfWith(a.parts.codec) }

// selfWith is this worker with some keys.
func (a *App) selfWith(keys *codec.Codec) neighbour {
	n := a.self
	n.keys, n.use = strings.Join(keys.Names(), ","), ""
	if id, name := keys.Use(); id != "" {
		n.use = id + "=" + name
	}
	return n
}
