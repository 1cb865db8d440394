package survey

import (
	"context"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// Ask is one endpoint to look at.
type Ask struct {
	Endpoint cert.Endpoint
	Names    []string // that its certificate has to cover; none: its host or SNI, if that is a name
	Guess    bool     // an address of a network: that nothing answers there says nothing
}

// Endpoints looks at every endpoint, at as many at once as it takes and the scanner
// allows.
type Endpoints struct {
	Scanner  *scan.Scanner
	Suspects map[string]bool // endpoints that did not answer the last time; they are asked first
	Found    func(Found)     // called by one goroutine at a time
	Done     func()          // called after each endpoint, likewise; may be nil
	// Late is called for what was waited for in vain until the scanner's timeout,
	// likewise; may be nil.
	Late func(Ask)

	mu    sync.Mutex
	links links
	// Silent counts the guesses that nothing answered.
	Silent int
}

// As long as everybody answers soon, a few connections for each core keep it
// busy, and more would only take memory. When one takes longer, the others must
// not wait for it: then there are as many as the scanner allows.
const (
	fewPerCore = 32
	soon       = 200 * time.Millisecond
)

// Look returns when every one was looked at, or with the context's error.
func (e *Endpoints) Look(ctx context.Context, asks []Ask) error {
	todo, slow := make(chan Ask), make(chan struct{}, 1)
	var all sync.WaitGroup
	begin := func(n int) {
		for range n {
			all.Go(func() {
				for a := range todo {
					alarm := time.AfterFunc(soon, func() {
						select {
						case slow <- struct{}{}:
						default:
						}
					})
					e.one(ctx, a)
					alarm.Stop()
				}
			})
		}
	}
	most := min(len(asks), e.Scanner.Parallel)
	few := min(most, fewPerCore*runtime.GOMAXPROCS(0)+len(e.Suspects))
	begin(few)
	for _, a := range inTurn(asks, e.Suspects) {
		select {
		case todo <- a:
		case <-ctx.Done():
		case <-slow:
			begin(most - few)
			few = most
			todo <- a
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(todo)
	all.Wait()
	return ctx.Err()
}

func (e *Endpoints) one(ctx context.Context, a Ask) {
	names := a.Names
	if len(names) == 0 {
		names = nil
		if _, err := netip.ParseAddr(a.Endpoint.SNI()); err == nil {
			names = []string{} // nobody issues for the addresses of a network
		}
	}
	began := time.Now()
	seen := e.Scanner.Inspect(ctx, a.Endpoint, names)
	late := time.Since(began) >= e.Scanner.Timeout
	between := slices.DeleteFunc(scan.Across(seen), func(f cert.Finding) bool { return f.Code == cert.AddressUnreachable })
	var out []Found
	for _, s := range seen {
		out = append(out, e.found(s, between, false))
		if s.Also != nil && s.Also.Observation.Seen() {
			out = append(out, e.found(*s.Also, nil, true))
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range out {
		if a.Guess && !f.Seen() {
			e.Silent++
			continue
		}
		if ctx.Err() == nil {
			e.Found(f)
		}
	}
	if late && e.Late != nil && !slices.ContainsFunc(out, Found.Seen) {
		e.Late(a)
	}
	if e.Done != nil {
		e.Done()
	}
}

func (e *Endpoints) found(s scan.Seen, between []cert.Finding, other bool) Found {
	p := Place{Kind: Endpoint, Where: s.Endpoint.String(), Address: s.Address, OtherKey: other}
	switch {
	case s.Outline != nil:
		return outlined(p, *s.Outline, s.Findings)
	case !s.Observation.Seen():
		return Found{Place: p, Findings: s.Findings}
	}
	return Found{Place: p, Version: s.Version, Chain: e.links.of(s.Chain), Findings: slices.Concat(s.Findings, between)}
}

// inTurn puts suspects first, since they take longest, and lets hosts take turns
// in the order of the list, so that one with many ports or names delays no other.
func inTurn(asks []Ask, suspects map[string]bool) []Ask {
	turn, turns := map[string]int{}, make([]int, len(asks))
	order := make([]int, len(asks))
	for i, a := range asks {
		order[i] = i
		if turns[i] = -1; !suspects[a.Endpoint.String()] {
			turns[i] = turn[a.Endpoint.Host]
			turn[a.Endpoint.Host]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return turns[a] - turns[b] })
	out := make([]Ask, len(asks))
	for i, o := range order {
		out[i] = asks[o]
	}
	return out
}
