package endpoints

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
)

// names answers for a few hosts.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) (out []netip.Addr, _ error) {
	for _, a := range n[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

func TestListsOfHostsAreASource(t *testing.T) {
	a := scantest.NewAuthority(t)
	leaf, other := a.Leaf(t, nil, "www.test"), a.Leaf(t, nil, "old.test")
	one := scantest.ServeTLS(t, "127.0.0.2:0", a.Chain(leaf), nil)
	port := ":" + strconv.Itoa(one.Port)
	scantest.ServeTLS(t, "127.0.0.3"+port, a.Chain(leaf), nil)
	scantest.ServeTLS(t, "127.0.0.4"+port, a.Chain(other), nil)
	dns := names{"www.test": {"127.0.0.2", "127.0.0.3", "127.0.0.4"}}
	o := Options{Hosts: []string{"www.test" + port, "www.test" + port, "127.0.0.3" + port + "#www.test", "127.0.0.0/29" + port}, Networks: true}
	want := map[string]cert.Fingerprint{
		"endpoint:www.test" + port:                       cert.FingerprintOf(leaf.Cert),
		"endpoint:www.test" + port + "@127.0.0.4" + port: cert.FingerprintOf(other.Cert),
		"endpoint:127.0.0.3" + port + "#www.test":        cert.FingerprintOf(leaf.Cert),
		"endpoint:127.0.0.2" + port:                      cert.FingerprintOf(leaf.Cert),
		"endpoint:127.0.0.3" + port:                      cert.FingerprintOf(leaf.Cert),
		"endpoint:127.0.0.4" + port:                      cert.FingerprintOf(other.Cert),
	}
	for i := range asksOfPage + 5 {
		o.Hosts = append(o.Hosts, "gone.test:"+strconv.Itoa(i+1))
		want["endpoint:gone.test:"+strconv.Itoa(i+1)] = ""
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(*testing.T) source.Source {
			return New(o, scan.New(scan.Options{Roots: a.Roots, Resolver: dns}))
		},
		Want: want, Pages: 2,
	})
}

func TestWhatPolicyForbidsIsNotConnectedTo(t *testing.T) {
	deny, err := scan.ParseNetworks([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Hosts: []string{"127.0.0.1:443"}}, scan.New(scan.Options{
		Networks: scan.Networks{Deny: deny},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			t.Error("it was dialled")
			return nil, net.ErrClosed
		},
	}))
	p, err := s.Look(t.Context(), nil, func(string) {})
	if err != nil || len(p.Sightings) != 1 || p.Sightings[0].Trouble == "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestMistakesInAListAreTold(t *testing.T) {
	for want, o := range map[string]Options{
		"hosts: there is none": {}, "ports[0]": {Hosts: []string{"a.test"}, Ports: []int{0}}, "starttls": {Hosts: []string{"a.test"}, StartTLS: "telnet"},
		"networks: true": {Hosts: []string{"10.0.0.0/28"}}, "most_addresses": {Hosts: []string{"10.0.0.0/8"}, Networks: true}, "hosts:2": {Hosts: []string{"a.test", "b_!"}},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	s := New(Options{ListFile: "/nowhere"}, scan.New(scan.Options{}))
	if _, err := s.Look(t.Context(), nil, func(string) {}); err == nil {
		t.Error("a list that is not there is taken")
	}
}

func TestWhatKeptTheLastRunWaitingIsAskedFirstAndProlongsNoOtherPage(t *testing.T) {
	hosts := make([]string, 2*asksOfPage+10)
	for i := range hosts {
		hosts[i] = "gone.test:" + strconv.Itoa(i+1)
	}
	var hang [3]*atomic.Int32
	for i, at := range []int{7, asksOfPage + 7, 2*asksOfPage + 7} { // one in each page
		hosts[at], hang[i] = scantest.Silent(t, true)
	}
	fresh := func() *Source {
		return New(Options{Hosts: hosts}, scan.New(scan.Options{Timeout: 200 * time.Millisecond, Resolver: names{}}))
	}
	asked := func() (out [3]int32) {
		for i, n := range hang {
			out[i] = n.Swap(0)
		}
		return out
	}
	look := func(s *Source, page []byte) ([]byte, map[string]bool) {
		t.Helper()
		got, err := s.Look(t.Context(), page, func(string) {})
		if err != nil || got.Validate() != nil || len(got.Next) > source.MaxNext {
			t.Fatal(err, got.Validate())
		}
		seen := map[string]bool{}
		for _, x := range got.Sightings {
			seen[x.Place] = true
		}
		return got.Next, seen
	}
	s := fresh()
	for run := range 3 { // the third goes on in another process after its first page
		all := map[string]bool{}
		var page []byte
		for n := range 3 {
			if run == 2 && n == 1 {
				s = fresh()
			}
			next, seen := look(s, page)
			for place := range seen {
				if all[place] {
					t.Errorf("run %d asks %s twice", run, place)
				}
				all[place] = true
			}
			switch got := asked(); {
			case run == 0 && (got[n] == 0 || got[(n+1)%3]+got[(n+2)%3] > 0):
				t.Errorf("without memory page %d asks %v", n, got)
			case run > 0 && n == 0 && (got[0] == 0 || got[1] == 0 || got[2] == 0):
				t.Errorf("run %d does not begin with what came late: %v", run, got)
			case run > 0 && n > 0 && got != [3]int32{}:
				t.Errorf("run %d, page %d waits again: %v", run, n, got)
			}
			page = next
		}
		if page != nil || len(all) != len(hosts) {
			t.Errorf("run %d saw %d of %d places", run, len(all), len(hosts))
		}
	}
	many := make([]string, asksOfPage+mostLate+100)
	for i := range many {
		many[i] = "late.test:" + strconv.Itoa(i+1)
		s.late["late.test:"+strconv.Itoa(i+1)] = true
	}
	s.options.Hosts = many
	if next, seen := look(s, nil); len(seen) != asksOfPage+mostLate || next == nil {
		t.Errorf("a first page of %d", len(seen))
	}
	if _, err := s.Look(t.Context(), []byte(`{"from":250,"asked":"abc"}`), func(string) {}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a broken token: %v", err)
	}
}
