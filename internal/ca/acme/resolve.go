package acme

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/challenge/dns01"
	"github.com/miekg/dns"
)

// dnsTimeout bounds one question to one server.
const dnsTimeout = 5 * time.Second

// Resolver asks recursive DNS servers.
type Resolver struct {
	servers []string // host:port
}

// NewResolver makes a resolver that asks the servers (host or host:port) in
// turn; without any it asks those of the system.
func NewResolver(servers []string) *Resolver {
	if len(servers) > 0 {
		return &Resolver{dns01.ParseNameservers(servers)}
	}
	system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(system.Servers) == 0 {
		return &Resolver{[]string{"127.0.0.1:53"}}
	}
	var out []string
	for _, s := range system.Servers {
		out = append(out, net.JoinHostPort(s, system.Port))
	}
	return &Resolver{out}
}

// Adopt makes lego's DNS providers ask the resolver's servers too: they look
// for zones and follow CNAMEs by a list that lego v4 keeps once in a process.
// Call it before any provider is at work.
func (r *Resolver) Adopt() error { return dns01.AddRecursiveNameservers(r.servers)(nil) }

// ask puts one question. Names are absolute with or without the last dot.
func (r *Resolver) ask(ctx context.Context, name string, kind uint16, checkingDisabled bool) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	m.CheckingDisabled = checkingDisabled
	m.SetEdns0(1232, false)
	var errs []error
	for _, server := range r.servers {
		answer, err := exchange(ctx, m, server)
		if err == nil {
			return answer, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// exchange asks one server, over TCP when the answer is too long for UDP.
func exchange(ctx context.Context, m *dns.Msg, server string) (*dns.Msg, error) {
	udp := &dns.Client{Timeout: dnsTimeout}
	answer, _, err := udp.ExchangeContext(ctx, m.Copy(), server)
	if err == nil && answer.Truncated {
		tcp := &dns.Client{Net: "tcp", Timeout: dnsTimeout}
		answer, _, err = tcp.ExchangeContext(ctx, m.Copy(), server)
	}
	if err != nil {
		return nil, fmt.Errorf("DNS server %s: %w", server, err)
	}
	return answer, nil
}

// addresses gives those of a host, IPv6 first as CAs prefer it. An unknown or
// empty name gives none.
func (r *Resolver) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	var out []netip.Addr
	var errs []error
	for _, kind := range []uint16{dns.TypeAAAA, dns.TypeA} {
		answer, err := r.ask(ctx, host, kind, false)
		if err == nil && answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
			err = fmt.Errorf("%s of %s: %s", dns.TypeToString[kind], host, dns.RcodeToString[answer.Rcode])
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, rr := range answer.Answer {
			var ip net.IP
			switch a := rr.(type) {
			case *dns.A:
				ip = a.A
			case *dns.AAAA:
				ip = a.AAAA
			}
			if a, ok := netip.AddrFromSlice(ip); ok {
				out = append(out, a.Unmap())
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, errors.Join(errs...)
}

// authorities gives the addresses (host:53) of the name servers of the zone
// that holds a name, and the zone.
func (r *Resolver) authorities(ctx context.Context, name string) (servers []string, zone string, err error) {
	for zone = range dns01.DomainsSeq(dns.Fqdn(name)) {
		answer, err := r.ask(ctx, zone, dns.TypeNS, false)
		if err != nil {
			return nil, "", err
		}
		hosts := nameServers(answer)
		for _, host := range hosts {
			found, err := r.addresses(ctx, host)
			if err != nil && len(hosts) == 1 {
				return nil, zone, err
			}
			for _, a := range found {
				servers = append(servers, net.JoinHostPort(a.String(), "53"))
			}
		}
		if len(servers) > 0 {
			return servers, zone, nil
		}
	}
	return nil, "", fmt.Errorf("no zone with name servers holds %s", name)
}

func nameServers(answer *dns.Msg) []string {
	var hosts []string
	for _, rr := range answer.Answer {
		if ns, ok := rr.(*dns.NS); ok {
			hosts = append(hosts, strings.ToLower(ns.Ns))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
