package scan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// maxAddresses bounds what a hostile or broken zone can make us dial.
const maxAddresses = 32

// Observe makes a fresh handshake with every address behind the endpoint, in
// parallel, and gives one observation each, in the order of the addresses.
// Names are what the certificate must cover; nil means the name asked for, and an
// empty list that nobody said.
// It returns within Bound; there is always at least one observation.
func (s *Scanner) Observe(ctx context.Context, e cert.Endpoint, names []string) []cert.Observation {
	var out []cert.Observation
	for _, seen := range s.Inspect(ctx, e, names) {
		out = append(out, seen.Observation)
	}
	return out
}

// Inspect looks as Observe does, and keeps the chains and what is wrong with them.
func (s *Scanner) Inspect(ctx context.Context, e cert.Endpoint, names []string) []Seen {
	ctx, cancel := context.WithTimeout(ctx, s.Bound)
	defer cancel()
	if names == nil {
		names = []string{asked(e)}
	}
	addrs, err := s.resolve(ctx, e)
	if err != nil {
		return []Seen{s.unread(e, "", clean(err.Error()), cert.Unreachable)}
	}
	var extra []Seen
	if more := len(addrs) - maxAddresses; more > 0 {
		addrs = addrs[:maxAddresses]
		why := fmt.Sprintf("%s resolves to %d addresses; only %d were looked at", clean(e.Host), maxAddresses+more, maxAddresses)
		extra = append(extra, s.unread(e, "", why, cert.Unreachable))
	}

	sights := make([]sight, len(addrs))
	out := make([]Seen, len(addrs))
	one := func(i int, addr netip.AddrPort) {
		sights[i] = s.visit(ctx, addr, func(ctx context.Context, w *watch) sight { return s.look(ctx, w, addr, e) })
		out[i] = s.read(e, addr, names, sights[i])
		s.further(ctx, &out[i], addr, names, sights[i])
	}
	var wg sync.WaitGroup
	for i, addr := range addrs[1:] {
		wg.Go(func() { one(i+1, addr) })
	}
	one(0, addrs[0])
	wg.Wait()
	return append(withoutUnroutable(out, addrs, sights), extra...)
}

// visit waits for a free place and looks. A timeout met in a crowd, while others
// or this machine were slow, is believed only after a second look among few.
func (s *Scanner) visit(ctx context.Context, addr netip.AddrPort, look func(context.Context, *watch) sight) sight {
	if err := s.Networks.Refuse(addr.Addr()); err != nil {
		return sight{err: err}
	}
	leave, err := s.hosts.enter(ctx, addr.Addr())
	if err != nil {
		return sight{err: err}
	}
	defer leave()
	release, err := take(ctx, s.places)
	if err != nil {
		return sight{err: err}
	}
	crowd := s.busy.Add(1)
	s.pace.feel(func() bool { return s.busy.Load() > 0 })
	seen := s.timed(ctx, look)
	crowd = max(crowd, s.busy.Add(-1)+1)
	release()
	if len(seen.chain) > 0 || !isTimeout(seen.err) || crowd <= s.calmUnder || s.pace.calm(s.Timeout) || ctx.Err() != nil {
		return seen
	}
	release, err = take(ctx, s.calm)
	if err != nil {
		return seen
	}
	defer release()
	return s.timed(ctx, look)
}

// watch is the time that one look has left for waiting.
type watch struct{ left time.Duration }

func (s *Scanner) timed(ctx context.Context, look func(context.Context, *watch) sight) sight {
	within := s.Timeout
	if at, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(at))
	}
	seen := look(ctx, &watch{within})
	seen.within = within
	return seen
}

func take(ctx context.Context, places chan struct{}) (release func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		return nil, errBusy
	}
}

// asked is the name that a certificate has to cover when nothing else is known.
func asked(e cert.Endpoint) string {
	if name, err := cert.ParseName(e.SNI()); err == nil {
		return name
	}
	return e.SNI()
}

// resolve gives the addresses to dial: sorted, each once.
func (s *Scanner) resolve(ctx context.Context, e cert.Endpoint) ([]netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(e.Host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), uint16(e.Port))}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	ips, err := s.Resolver.LookupNetIP(ctx, "ip", e.Host)
	if err != nil {
		return nil, s.lookupFailed(e.Host, err)
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("DNS: %s has no address", e.Host)
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	ips = slices.Compact(ips)
	out := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		out[i] = netip.AddrPortFrom(ip, uint16(e.Port))
	}
	return out, nil
}

func withoutUnroutable(all []Seen, addrs []netip.AddrPort, sights []sight) []Seen {
	var kept []Seen
	for i, o := range all {
		if !addrs[i].Addr().Is6() || !noRoute(sights[i].err) {
			kept = append(kept, o)
		}
	}
	if len(kept) == 0 {
		return all
	}
	return kept
}

func (s *Scanner) unread(e cert.Endpoint, address, why string, code cert.FindingCode) Seen {
	o := cert.Observation{Endpoint: e, Address: address, At: s.now(), Err: why}
	return Seen{Observation: o, Findings: []cert.Finding{cert.Find(code, why)}}
}

func (s *Scanner) now() time.Time { return s.Now().UTC() }
