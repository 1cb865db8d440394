package endpoints

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
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
