package scan

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Networks says which addresses may be connected to. The narrowest network that
// holds an address decides; of two that are equally narrow, deny counts more than
// allow, and both more than what is refused without a word. An address in none
// of them may be asked. The zero value refuses what is in NeverAsked alone.
type Networks struct {
	Allow, Deny []netip.Prefix
}

// NeverAsked are the networks that nobody's certificates live in and that a list
// made by somebody else could aim at: credentials of machines in clouds,
// link-local neighbours, multicast, and "this host" (CWE-918).
var NeverAsked = prefixes(
	"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
	"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", // Alibaba, Azure, Oracle
	"::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128", // AWS, Google
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// ParseNetworks reads networks (10.0.0.0/8) and single addresses.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if a, bad := netip.ParseAddr(t); bad == nil {
			p, err = netip.PrefixFrom(a.WithZone("").Unmap(), a.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither a network nor an address; write for example 10.0.0.0/8", t)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// forbiddenError tells of an address that is not connected to.
type forbiddenError struct {
	addr netip.Addr
	by   netip.Prefix
	own  bool // by what is configured
}

func (e *forbiddenError) Error() string {
	if e.own {
		return fmt.Sprintf("not looked at: %s lies in %s, which is denied", e.addr, e.by)
	}
	return fmt.Sprintf("not looked at: %s lies in %s, which is never asked unless it is allowed by name", e.addr, e.by)
}

// Refuse gives the error for an address that must not be connected to. An IPv4
// address inside an IPv6 one that leads to it counts as well.
func (n Networks) Refuse(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if err := n.refuse(a); err != nil {
		return err
	}
	if inner, ok := embedded(a); ok {
		return n.refuse(inner)
	}
	return nil
}

func (n Networks) refuse(a netip.Addr) error {
	widest := -1
	var verdict error
	judge := func(list []netip.Prefix, refused func(netip.Prefix) error) {
		for _, p := range list {
			if p.Contains(a) && p.Bits() >= widest {
				widest, verdict = p.Bits(), refused(p)
			}
		}
	}
	judge(NeverAsked, func(p netip.Prefix) error { return &forbiddenError{a, p, false} })
	judge(n.Allow, func(netip.Prefix) error { return nil })
	judge(n.Deny, func(p netip.Prefix) error { return &forbiddenError{a, p, true} })
	return verdict
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
	teredo    = netip.MustParsePrefix("2001::/32")    // RFC 4380
	compat    = netip.MustParsePrefix("::/96")        // RFC 4291, 2.5.5.1
)

// embedded gives the IPv4 address that an IPv6 address is translated or
// tunnelled to.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case !a.Is6():
	case nat64.Contains(a), compat.Contains(a) && a != netip.IPv6Loopback():
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(a):
		var inner [4]byte
		binary.BigEndian.PutUint32(inner[:], ^binary.BigEndian.Uint32(b[12:]))
		return netip.AddrFrom4(inner), true
	}
	return netip.Addr{}, false
}
