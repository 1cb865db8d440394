package target

import (
	"context"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// SSH is a target of files on another host, reached by SSH and written by SFTP,
// with a check and a reload command that run there.
type SSH struct {
	place
	options SSHOptions
}

// NewSSH makes a target of the kind ssh; name is for messages. It connects to nobody.
func NewSSH(name string, o SSHOptions) (*SSH, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "ssh target %q: %w", name, err)
	}
	l, err := newLayout(o.Files, nowhere{})
	if err != nil {
		return nil, fault.New(fault.Configuration, "ssh target %q: %w", name, err)
	}
	t := &SSH{options: o, place: place{
		kind: "ssh", name: name, files: o.Files, layout: l, machine: nowhere{},
		check: o.Check, reload: o.Reload, timeout: o.timeout(),
	}}
	t.reach = func(ctx context.Context) (machine, error) {
		r, err := dial(ctx, o)
		if err != nil {
			return nil, err // not a nil *remote
		}
		return r, nil
	}
	// The check of a server reads what every target on the host writes.
	t.host = func(context.Context) ([]string, error) { return []string{"/"}, nil }
	return t, nil
}

// Guarantees are those that hold with the options as they are.
func (t *SSH) Guarantees() Guarantees {
	g := SSHGuarantees()
	g.Atomic = atomic(t.layout)
	g.ChecksBefore = len(t.check) > 0
	return g
}

// Identity names every path that is written, as configured and, if the host
// answers, with its symlinks followed.
func (t *SSH) Identity() []string {
	prefix := "ssh:" + strings.ToLower(t.options.Host) + ":" + t.options.reach().PortNumber() + ":"
	var out []string
	seen := map[string]bool{}
	add := func(paths []string) {
		for _, p := range paths {
			if !seen[p] {
				seen[p] = true
				out = append(out, prefix+p)
			}
		}
	}
	add(t.layout.paths())
	ctx, cancel := context.WithTimeout(context.Background(), t.options.reach().Patience())
	defer cancel()
	if err := t.connected(ctx, func(p *place) error { add(p.layout.paths()); return nil }); err != nil {
		return out // a host that is down is no reason to refuse the paths as they are written
	}
	return out
}

// nowhere stands for a machine that is not connected: it knows numbers alone.
type nowhere struct{ machine }

func (nowhere) resolve(dir string) string { return dir }

func (nowhere) user(name string) (int, error)  { return numberOr(name), nil }
func (nowhere) group(name string) (int, error) { return numberOr(name), nil }

// numberOr gives the number that a text is, or keep for a name.
func numberOr(text string) int {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return int(n)
	}
	return keep
}
