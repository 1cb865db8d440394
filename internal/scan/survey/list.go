package survey

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Defaults are what a line of a list leaves out, and how far it may reach.
type Defaults struct {
	Ports    []int // none: 443, or the port of the protocol
	SNI      string
	StartTLS cert.StartTLS
	Names    []string
	// Networks: a line may name a whole network.
	Networks bool
	// MostAddresses bounds the addresses of the networks of one list.
	MostAddresses int
}

var errNoNetworks = errors.New("is a network; a whole network is scanned only if --networks says that it is meant, and that you may")

// maxLine and maxLines bound a list.
const (
	maxLine     = 4 << 10
	maxLines    = 1 << 20
	maxMistakes = 10
)

// ReadList reads one line for each endpoint:
//
//	HOST[:PORT] [ports=443,8443] [sni=NAME] [starttls=PROTOCOL] [names=A,B]
//
// A host may have a protocol in front and #SNI behind, and may be a network
// (10.0.0.0/28). What follows a '#' at the head of a line or after a blank is a
// comment. All mistakes are told at once, by their lines, up to ten.
func ReadList(name string, in io.Reader, d Defaults) ([]Ask, error) {
	var out []Ask
	var errs []error
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	n, guesses := 0, 0
	for lines.Scan() && len(errs) < maxMistakes {
		if n++; n > maxLines {
			return nil, fmt.Errorf("%s has more than %d lines", name, maxLines)
		}
		words := strings.Fields(lines.Text())
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }); i >= 0 {
			words = words[:i]
		}
		if len(words) == 0 {
			continue
		}
		asks, err := parse(words, d, d.MostAddresses-guesses)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, n, err))
		}
		if len(asks) > 0 && asks[0].Guess { // of a network; so are the others
			guesses += len(asks)
		}
		out = append(out, asks...)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s:%d: %w", name, n+1, err))
	}
	return out, errors.Join(errs...)
}

// Parse reads an endpoint or a network, as a command line names it.
func Parse(text string, d Defaults) ([]Ask, error) {
	return parse([]string{text}, d, d.MostAddresses)
}

func parse(words []string, d Defaults, room int) ([]Ask, error) {
	var err error
	for _, w := range words[1:] {
		if d, err = d.with(w); err != nil {
			return nil, err
		}
	}
	place := words[0]
	if p, port, ok := network(place); ok {
		return d.across(p, port, room)
	}
	if d.StartTLS != "" && !strings.Contains(place, "://") {
		place = string(d.StartTLS) + "://" + place
	}
	e, err := cert.ParseEndpoint(place)
	if err != nil {
		return nil, err
	}
	if e.Host, err = cert.ParseName(e.Host); err != nil {
		return nil, err
	}
	ports := []int{e.Port}
	if len(d.Ports) > 0 && !portGiven(place) {
		ports = d.Ports
	}
	if d.SNI != "" && e.ServerName == "" {
		e.ServerName = d.SNI
	}
	var out []Ask
	for _, port := range ports {
		e.Port = port
		out = append(out, Ask{Endpoint: e, Names: d.Names})
	}
	return out, nil
}

// with takes one option of a line.
func (d Defaults) with(word string) (Defaults, error) {
	key, value, _ := strings.Cut(word, "=")
	var err error
	switch key {
	case "sni":
		d.SNI, err = cert.ParseName(value)
	case "starttls":
		d.StartTLS, err = cert.ParseStartTLS(value)
	case "names":
		d.Names, err = cert.ParseNames(strings.Split(value, ","))
	case "ports":
		d.Ports, err = ParsePorts(value)
	default:
		return d, fmt.Errorf("%q is not known; write sni=NAME, starttls=PROTOCOL, ports=443,8443 or names=A,B", word)
	}
	return d, err
}

// ParsePorts reads 443,8443,9000-9010.
func ParsePorts(text string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(from)
		b := a
		if isRange && err == nil {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < 1 || b > math.MaxUint16 || b < a {
			return nil, fmt.Errorf("ports: %q is no port from 1 to 65535, nor a range of them (9000-9010)", part)
		}
		for p := a; p <= b; p++ {
			out = append(out, p)
		}
	}
	return out, nil
}

// network reads 10.0.0.0/24, 10.0.0.0/24:8443 and [2001:db8::/120]:8443.
func network(text string) (p netip.Prefix, port int, ok bool) {
	if p, err := netip.ParsePrefix(strings.Trim(text, "[]")); err == nil {
		return p.Masked(), 0, true
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return p, 0, false
	}
	port, bad := strconv.Atoi(text[i+1:])
	p, err := netip.ParsePrefix(strings.Trim(text[:i], "[]"))
	return p.Masked(), port, bad == nil && err == nil && port > 0 && port <= math.MaxUint16
}

// across gives the addresses of a network.
func (d Defaults) across(p netip.Prefix, port, room int) ([]Ask, error) {
	ports := d.Ports
	switch {
	case port != 0:
		ports = []int{port}
	case len(ports) == 0:
		ports = []int{usualPort(d.StartTLS)}
	}
	if !d.Networks {
		return nil, fmt.Errorf("%s %w", p, errNoNetworks)
	}
	if bits := p.Addr().BitLen() - p.Bits(); bits > 30 || (1<<bits)*len(ports) > room {
		return nil, fmt.Errorf("%s at %d ports is more than is left of %d addresses; name a smaller network, or raise --most-addresses", p, len(ports), d.MostAddresses)
	}
	var out []Ask
	for a := p.Addr(); p.Contains(a); a = a.Next() {
		for _, port := range ports {
			e := cert.Endpoint{Host: a.String(), Port: port, ServerName: d.SNI, StartTLS: d.StartTLS}
			out = append(out, Ask{Endpoint: e, Names: d.Names, Guess: true})
		}
	}
	return out, nil
}

// portGiven: it is behind the last colon that is not part of an IPv6 address.
func portGiven(place string) bool {
	if _, rest, ok := strings.Cut(place, "://"); ok {
		place = rest
	}
	place, _, _ = strings.Cut(place, "#")
	_, _, err := net.SplitHostPort(strings.TrimSuffix(place, "/"))
	return err == nil
}

func usualPort(p cert.StartTLS) int {
	if i := slices.IndexFunc(cert.Upgrades, func(u cert.Upgrade) bool { return u.Protocol == p }); i >= 0 {
		return cert.Upgrades[i].Port
	}
	return 443
}
