package acme

import (
	"context"
	"fmt"
	"sync"
)

// turns gives places to one authorization at a time, whichever certificate and
// CA of this process it belongs to.
type turns struct {
	mu     sync.Mutex
	places map[string]*turn
}

type turn struct {
	taken chan struct{} // holds one value while somebody has the place
	users int           // who have it or wait for it
}

// places are those of this process: a TXT name or a server name is the same one
// for every CA.
var places turns

// tryTake takes the place if it is free.
func (t *turns) tryTake(place string) (leave func(), ok bool) {
	own := t.enter(place)
	select {
	case own.taken <- struct{}{}:
		return t.leaver(place, own), true
	default:
		t.exit(place, own)
		return nil, false
	}
}

// take waits for the place, in no particular order, until ctx is over.
func (t *turns) take(ctx context.Context, place string) (leave func(), err error) {
	own := t.enter(place)
	select {
	case own.taken <- struct{}{}:
		return t.leaver(place, own), nil
	case <-ctx.Done():
		t.exit(place, own)
		return nil, fmt.Errorf("waiting for another certificate's challenge at %s: %w", place, ctx.Err())
	}
}

func (t *turns) enter(place string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.places[place]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		if t.places == nil {
			t.places = make(map[string]*turn)
		}
		t.places[place] = own
	}
	own.users++
	return own
}

func (t *turns) leaver(place string, own *turn) func() {
	return sync.OnceFunc(func() {
		<-own.taken
		t.exit(place, own)
	})
}

func (t *turns) exit(place string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.places, place)
	}
}
