package scan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestAddressesThatNobodyMeansAreNotAsked(t *testing.T) {
	for _, a := range []string{
		"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:1:2:3:4:5601:5601", "::169.254.169.254",
		"0.0.0.0", "::", "fe80::1%eth0", "ff02::1", "224.0.0.1", "255.255.255.255", "100.100.100.200", "168.63.129.16", "fd00:ec2::254",
	} {
		if err := (Networks{}).Refuse(netip.MustParseAddr(a)); err == nil || !isForbidden(err) {
			t.Errorf("%s is asked", a)
		}
	}
	for _, a := range []string{"127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "198.51.100.1", "2001:db8::1", "fd12::1", "64:ff9b::808:808"} {
		if err := (Networks{}).Refuse(netip.MustParseAddr(a)); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestTheNarrowestNetworkDecides(t *testing.T) {
	networks := func(texts ...string) []netip.Prefix {
		out, err := ParseNetworks(texts)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	n := Networks{Allow: networks("10.1.0.0/16", "169.254.0.0/16", "10.3.0.0/16", "2001:db8::1"), Deny: networks("0.0.0.0/0", "::/0", "10.1.2.0/24", "10.3.0.0/16")}
	for a, refused := range map[string]bool{
		"10.1.0.1": false, "10.1.2.3": true, "10.2.0.1": true, "169.254.1.1": false, "10.3.0.1": true, "2001:db8::1": false, "2001:db8::2": true,
		"64:ff9b::a01:1": true, // its own network is denied, although what is inside is allowed
	} {
		if err := n.Refuse(netip.MustParseAddr(a)); (err != nil) != refused {
			t.Errorf("%s: %v, want refused: %v", a, err, refused)
		}
	}
	if _, err := ParseNetworks([]string{"10.0.0.0/33"}); err == nil || !strings.Contains(err.Error(), "write for example 10.0.0.0/8") {
		t.Error(err)
	}
}

// The address that is dialled is the one that was judged: a name cannot lead
// elsewhere between the two.
func TestANameThatLeadsToAForbiddenAddressIsNotConnectedTo(t *testing.T) {
	a := newAuthority(t)
	e := serveTLS(t, "127.0.0.1:0", a.Chain(a.Leaf(t, nil, "www.test")), nil)
	s := New(Options{Roots: a.Roots, Resolver: names{"www.test": {"127.0.0.1", "169.254.169.254"}}})
	seen := s.Inspect(t.Context(), named(e, "www.test"), nil)
	if len(seen) != 2 || !seen[0].Observation.Seen() {
		t.Fatalf("got %+v", seen)
	}
	wantCodes(t, seen[1].Findings, []cert.FindingCode{cert.AddressForbidden})
	if want := "169.254.169.254 lies in 169.254.0.0/16, which is never asked unless it is allowed by name"; !strings.Contains(seen[1].Err, want) {
		t.Errorf("%q, want %q", seen[1].Err, want)
	}
}
