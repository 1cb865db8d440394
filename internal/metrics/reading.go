package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// patience bounds one look at a source; Prometheus itself waits 10 s by default.
const patience = 6 * time.Second

// reading keeps what a source last said, so that however many scrape, it is asked
// once in a while. A source that does not answer leaves what it said before.
type reading[T any] struct {
	name  string
	every time.Duration
	read  func(context.Context) (T, error) // nil: there is no such source
	log   *slog.Logger

	mu        sync.Mutex
	last      T
	at        time.Time // of the latest try
	succeeded time.Time // zero: never
	failing   bool
}

// get gives what is known at now, and whether anything is.
func (r *reading[T]) get(now time.Time) (T, bool) {
	if r.read == nil {
		return r.last, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && now.Sub(r.at) < r.every {
		return r.last, !r.succeeded.IsZero()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	v, err := r.read(ctx)
	r.at = now
	if err == nil {
		r.last, r.succeeded = v, now
	}
	if failing := err != nil; failing != r.failing {
		r.failing = failing
		r.log.Warn("a source of metrics changed", "source", r.name, "answers", !failing, "error", err)
	}
	return r.last, !r.succeeded.IsZero()
}

// state tells how the source does; false if there is none.
func (r *reading[T]) state() (s sourceState, there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return sourceState{r.name, !r.failing, r.succeeded}, r.read != nil
}

type sourceState struct {
	name      string
	up        bool
	succeeded time.Time
}
