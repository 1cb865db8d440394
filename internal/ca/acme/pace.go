package acme

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
	patience   = 5 * time.Minute // with an order that makes no progress
	tick       = time.Second     // between two reports
)

// pace spaces polls: 0.05, 0.1, 0.2 ... 1.6, 2, 2 ... seconds, or what the CA asks
// for: a CA of one's own has decided at once, a public one in seconds.
type pace struct {
	began time.Time
	next  time.Duration
}

func newPace() *pace { return &pace{began: time.Now(), next: firstPause} }

// wait sleeps until the next poll; notBefore is the CA's Retry-After or zero.
func (p *pace) wait(ctx context.Context, notBefore time.Time) error {
	at := time.Now().Add(p.next)
	p.next = min(2*p.next, lastPause)
	asked := notBefore.After(at)
	if asked {
		at = notBefore
	}
	switch late := at.Sub(p.began) > patience; {
	case late && !asked:
		return &fault.Error{Kind: fault.Unavailable, Elsewhere: true, Err: fmt.Errorf("the CA is still working after %s", patience)}
	case late:
		return fault.After(notBefore, "the CA asks to be called again at %s", notBefore.UTC().Format(time.RFC3339))
	}
	return sleep(ctx, time.Until(at))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// report passes on what is going on, again every tick while nothing changes.
type report struct {
	progress func(string)
	stopped  chan struct{}
	done     sync.WaitGroup

	mu   sync.Mutex // also keeps progress from being called concurrently
	text string
}

func newReport(progress func(string)) *report {
	if progress == nil {
		progress = func(string) {}
	}
	r := &report{progress: progress, stopped: make(chan struct{})}
	r.done.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-r.stopped:
				return
			case <-ticker.C:
				r.mu.Lock()
				r.progress(r.text)
				r.mu.Unlock()
			}
		}
	})
	return r
}

func (r *report) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = text
	r.progress(text)
}

// stop returns when progress is called no more.
func (r *report) stop() {
	close(r.stopped)
	r.done.Wait()
}
