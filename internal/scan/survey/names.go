package survey

import (
	"context"
	"net/netip"
	"sync"

	"github.com/neverlapse/neverlapse/internal/scan"
)

// lookups bounds the questions to DNS that are under way at once.
const lookups = 64

// Once is a resolver that looks up each name once, however many ports it has.
type Once struct {
	from   scan.Resolver
	places chan struct{}
	mu     sync.Mutex
	known  map[string]*answer
}

type answer struct {
	ready chan struct{}
	addrs []netip.Addr
	err   error
}

// NewOnce asks another resolver.
func NewOnce(from scan.Resolver) *Once {
	return &Once{from: from, places: make(chan struct{}, lookups), known: map[string]*answer{}}
}

// LookupNetIP gives the addresses of a host. The first who asks waits for DNS, by
// its own context; who asks meanwhile waits with it.
func (o *Once) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	o.mu.Lock()
	a, asked := o.known[host]
	if !asked {
		a = &answer{ready: make(chan struct{})}
		o.known[host] = a
	}
	o.mu.Unlock()
	if !asked {
		o.places <- struct{}{}
		a.addrs, a.err = o.from.LookupNetIP(ctx, network, host)
		<-o.places
		close(a.ready)
	}
	select {
	case <-a.ready:
		return append([]netip.Addr(nil), a.addrs...), a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
