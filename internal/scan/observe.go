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
// Names are what the certificate must cover; without any, the name asked for.
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
	if len(names) == 0 {
		names = []string{asked(e)}
	}
	addrs, err := s.resolve(ctx, e)
	if err != nil {
		return []Seen{{Observation: s.unseen(e, "", clean(err.Error()))}}
	}
	var extra []Seen
	if more := len(addrs) - maxAddresses; more > 0 {
		addrs = addrs[:maxAddresses]
		why := fmt.Sprintf("%s resolves to %d addresses; only %d were looked at", clean(e.Host), maxAddresses+more, maxAddresses)
		extra = append(extra, Seen{Observation: s.unseen(e, "", why)})
	}

	sights := make([]sight, len(addrs))
	out := make([]Seen, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() {
			sights[i] = s.visit(ctx, addr, e)
			out[i] = s.read(e, addr, names, sights[i])
		})
	}
	wg.Wait()
	return append(withoutUnroutable(out, addrs, sights), extra...)
}

// visit waits for a free place and looks. A timeout met in a crowd is believed
// only after a second look among few.
func (s *Scanner) visit(ctx context.Context, addr netip.AddrPort, e cert.Endpoint) sight {
	release, err := take(ctx, s.places)
	if err != nil {
		return sight{err: err}
	}
	crowd := s.busy.Add(1)
	seen := s.timed(ctx, addr, e)
	crowd = max(crowd, s.busy.Add(-1)+1)
	release()
	if len(seen.chain) > 0 || !isTimeout(seen.err) || crowd <= s.calmUnder || ctx.Err() != nil {
		return seen
	}
	release, err = take(ctx, s.calm)
	if err != nil {
		return seen
	}
	defer release()
	return s.timed(ctx, addr, e)
}

func (s *Scanner) timed(ctx context.Context, addr netip.AddrPort, e cert.Endpoint) sight {
	within := s.Timeout
	if at, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(at))
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	seen := s.look(ctx, addr, e)
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

func (s *Scanner) unseen(e cert.Endpoint, address, why string) cert.Observation {
	return cert.Observation{Endpoint: e, Address: address, At: s.now(), Err: why}
}

func (s *Scanner) now() time.Time { return s.Now().UTC() }
