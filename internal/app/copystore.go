package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// Copying is a copy of the store of one configuration into that of another.
type Copying struct {
	From, To config.Config
	// Temporal knows the workers of From; nil: it is out of reach.
	Temporal client.Client
	Options  store.CopyOptions
}

// Places says from where to where a copy goes, for messages.
type Places struct{ From, To string }

// CopyStore copies a store, while no worker uses the original: one that polls, or
// that said lately that it can write, is fault.Conflict, and nothing is copied.
func CopyStore(ctx context.Context, c Copying, more ...Kinds) (done store.Copied, at Places, err error) {
	if err := storeIsThere(c.From); err != nil {
		return done, at, fmt.Errorf("from: %w", err)
	}
	if err := keyIsThere(c.To); err != nil {
		return done, at, fmt.Errorf("to: %w", err)
	}
	from, err := storeToCopy(ctx, c.From, more)
	if err != nil {
		return done, at, fmt.Errorf("from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := storeToCopy(ctx, c.To, more)
	if err != nil {
		return done, at, fmt.Errorf("to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	at = Places{from.String(), to.String()}
	if err := c.idle(ctx, from); err != nil {
		return done, at, err
	}
	done, err = store.Copy(ctx, from, to, c.Options)
	return done, at, err
}

// storeToCopy makes a store that is not opened: a copy into it may have been cut short.
func storeToCopy(ctx context.Context, c config.Config, more []Kinds) (*store.Store, error) {
	m, sealing, err := mediumOf(c, more)
	if err != nil {
		return nil, err
	}
	return storeOn(c, m, sealing, more)
}

// keyIsThere refuses to make a key: only the original's opens what is copied.
func keyIsThere(c config.Config) error {
	if c.Store.Kind != filesKind {
		return nil
	}
	o, err := filesOptionsOf(c)
	if err != nil || !o.none() {
		return err
	}
	key := filepath.Join(c.Data, "store.key")
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store.options.key_file: %s is missing; put the key of the original there, or name it", key)
	}
	return nil
}

// idle tells what shows that a worker uses the store.
func (c Copying) idle(ctx context.Context, from *store.Store) error {
	const cure = "stop all workers of this store first: what they write meanwhile would be missing"
	beat, err := from.LastBeat(ctx)
	if err != nil {
		return err
	}
	quiet := 3 * c.From.Heartbeat.Every
	if age := c.Options.Now.Sub(beat); !beat.IsZero() && age < quiet {
		return fault.New(fault.Conflict, "store %s: a worker wrote to it %s ago, which it does every %s; %s, and wait for %s", from, age.Round(time.Second), c.From.Heartbeat.Every, cure, quiet)
	}
	if c.Temporal == nil {
		return nil
	}
	name, err := nameOfStore(ctx, from.MadeSecret)
	if errors.Is(err, fs.ErrNotExist) || store.KeyIsAway(err) {
		name = ""
	} else if err != nil {
		return err
	}
	others, err := pollersOf(ctx, c.Temporal, c.From.Temporal.TaskQueue)
	if err != nil {
		return err
	}
	for _, o := range others {
		if name == "" || o.store == "" || o.store == name {
			return fault.New(fault.Conflict, "store %s: the worker %s uses it; %s (one that was stopped is forgotten after %s)", from, o.name(), cure, pollerIsAlive)
		}
	}
	return nil
}

// pollersOf lists the workers that poll a task queue now.
func pollersOf(ctx context.Context, c client.Client, queue string) ([]neighbour, error) {
	d, err := c.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return nil, fmt.Errorf("who else serves task queue %q: %w", queue, err)
	}
	var out []neighbour
	for _, p := range living(d.GetPollers()) {
		if n, ok := parseNeighbour(p.GetIdentity()); ok {
			out = append(out, n)
		}
	}
	return out, nil
}
