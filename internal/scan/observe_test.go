package scan

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
)

var _ activities.Scanner = (*Scanner)(nil)

func TestEveryAddressBehindANameIsObserved(t *testing.T) {
	a := newAuthority(t)
	old, renewed := a.Leaf(t, nil, "shop.test"), a.Leaf(t, nil, "shop.test")
	e := serveTLS(t, "127.0.0.1:0", a.Chain(old), nil)
	serveTLS(t, at("127.0.0.2", e), a.Chain(renewed), nil)
	s := New(Options{Roots: a.Roots, Resolver: names{"shop.test": {"127.0.0.2", "127.0.0.1", "::ffff:127.0.0.2"}}})

	got := s.Observe(t.Context(), named(e, "shop.test"), []string{"shop.test"})
	if len(got) != 2 {
		t.Fatalf("%d observations, want one for each of two addresses: %+v", len(got), got)
	}
	for i, want := range []struct {
		address string
		print   cert.Fingerprint
	}{{at("127.0.0.1", e), cert.FingerprintOf(old.Cert)}, {at("127.0.0.2", e), cert.FingerprintOf(renewed.Cert)}} {
		o := got[i]
		if o.Address != want.address || o.Version.Fingerprint != want.print || len(o.Problems) > 0 || !o.Seen() || o.At.IsZero() {
			t.Errorf("observation %d = %+v, want %s at %s without problems", i, o, want.print.Short(), want.address)
		}
	}
}

func TestIPv6IsObserved(t *testing.T) {
	a := newAuthority(t)
	e := serveTLS(t, "[::1]:0", a.Chain(a.Leaf(t, nil, "::1")), nil)
	got := New(Options{Roots: a.Roots}).Observe(t.Context(), e, nil)
	if len(got) != 1 || !got[0].Seen() || len(got[0].Problems) > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestNameWithoutAddressIsOneObservation(t *testing.T) {
	s := New(Options{Resolver: names{"empty.test": nil}})
	for host, want := range map[string]string{
		"gone.test":  "DNS: gone.test has no address: lookup gone.test: no such host",
		"empty.test": "DNS: empty.test has no address",
	} {
		got := s.Observe(t.Context(), cert.Endpoint{Host: host, Port: 443}, nil)
		if len(got) != 1 || got[0].Err != want || got[0].Seen() || got[0].Endpoint.Host != host {
			t.Errorf("%s: got %+v, want %q", host, got, want)
		}
	}
}

func TestUnroutableIPv6IsLeftOutWhileAnotherAddressCouldBeTried(t *testing.T) {
	a := newAuthority(t)
	e := serveTLS(t, "127.0.0.1:0", a.Chain(a.Leaf(t, nil, "both.test")), nil)
	s := New(Options{
		Roots:    a.Roots,
		Resolver: names{"both.test": {"127.0.0.1", "2001:db8::1"}, "six.test": {"2001:db8::1"}},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "[2001:db8::1]") {
				return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	if got := s.Observe(t.Context(), named(e, "both.test"), nil); len(got) != 1 || !got[0].Seen() {
		t.Errorf("both.test: got %+v, want the IPv4 address alone", got)
	}
	got := s.Observe(t.Context(), named(e, "six.test"), nil)
	if len(got) != 1 || got[0].Err != "this machine has no route to the address" {
		t.Errorf("six.test: got %+v", got)
	}
}

func TestTooManyAddressesAreSaid(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String())
	}
	s := New(Options{
		Resolver: names{"many.test": many},
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED },
	})
	got := s.Observe(t.Context(), cert.Endpoint{Host: "many.test", Port: 443}, nil)
	if last := got[len(got)-1]; len(got) != maxAddresses+1 || last.Err != "many.test resolves to 100 addresses; only 32 were looked at" {
		t.Errorf("%d observations, the last %+v", len(got), last)
	}
}

func TestTimeoutInACrowdIsBelievedOnlyTheSecondTime(t *testing.T) {
	a := newAuthority(t)
	var dials atomic.Int32
	e := serveTLS(t, "127.0.0.1:0", a.Chain(a.Leaf(t, nil, "127.0.0.1")), nil)
	s := New(Options{Roots: a.Roots, Timeout: 5 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return nil, context.DeadlineExceeded
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	s.calmUnder = 0
	s.pace.note(2 * time.Second) // another server was slow, too
	if got := s.Observe(t.Context(), e, nil); len(got) != 1 || !got[0].Seen() || dials.Load() != 2 {
		t.Errorf("got %+v after %d connections, want a second look to see it", got, dials.Load())
	}
}

func TestATimeoutIsBelievedAtOnceWhileEverybodyElseIsQuick(t *testing.T) {
	var dials atomic.Int32
	s := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, context.DeadlineExceeded
	}})
	s.calmUnder = 0
	if got := s.Observe(t.Context(), cert.Endpoint{Host: "127.0.0.1", Port: 443}, nil); got[0].Seen() || dials.Load() != 1 {
		t.Errorf("got %+v after %d connections", got, dials.Load())
	}
}

func TestOneAddressGetsNoMoreConnectionsThanItMay(t *testing.T) {
	var now, most atomic.Int32
	s := New(Options{PerHost: 3, Dial: func(context.Context, string, string) (net.Conn, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		return nil, syscall.ECONNREFUSED
	}})
	var all sync.WaitGroup
	for port := range 30 {
		all.Go(func() { s.Observe(t.Context(), cert.Endpoint{Host: "127.0.0.1", Port: port + 1}, nil) })
	}
	all.Wait()
	if most.Load() > 3 || len(s.hosts.hosts) != 0 {
		t.Errorf("%d at once; %d hosts are still kept", most.Load(), len(s.hosts.hosts))
	}
}

func TestBusyScannerSaysSo(t *testing.T) {
	s := New(Options{Bound: 50 * time.Millisecond, Parallel: 1})
	s.places <- struct{}{}
	got := s.Observe(t.Context(), cert.Endpoint{Host: "127.0.0.1", Port: 443}, nil)
	if len(got) != 1 || got[0].Err != errBusy.Error() {
		t.Errorf("got %+v", got)
	}
}

func TestStoppedScanSaysSo(t *testing.T) {
	e := serve(t, "127.0.0.1:0", untilClosed)
	ctx, cancel := context.WithCancel(t.Context())
	s := New(Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		cancel()
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	if got := s.Observe(ctx, e, nil); len(got) != 1 || got[0].Err != "not looked at: the scan was stopped" {
		t.Errorf("got %+v", got)
	}
}

func TestOptionsAreRefusedAtTheDoor(t *testing.T) {
	for want, o := range map[string]Options{
		"timeout:":    {Timeout: -1},
		"bound:":      {Bound: time.Second},
		"parallel:":   {Parallel: -1},
		"is negative": {Bound: -1},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want something about %s", o, err, want)
		}
	}
	if err := (Options{}).Validate(); err != nil {
		t.Errorf("the zero value is refused: %v", err)
	}
}
