package target

import (
	"context"
	"path/filepath"
	"regexp"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Nginx is a running nginx on this host: checked by nginx -t, reloaded by
// nginx -s reload, which starts new workers before it lets the old ones go.
type Nginx struct {
	place
	options NginxOptions
}

// NewNginx makes a target of the kind nginx; name is for messages.
func NewNginx(name string, o NginxOptions) (*Nginx, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "nginx target %q: %w", name, err)
	}
	p, err := newPlace("nginx", name, o.Files)
	if err != nil {
		return nil, fault.New(fault.Configuration, "nginx target %q: %w", name, err)
	}
	t := &Nginx{place: p, options: o}
	t.check, t.reload = t.command("-t"), t.command("-s", "reload")
	t.host = t.configDirectory
	return t, nil
}

// Guarantees are those that hold with the options as they are.
func (t *Nginx) Guarantees() Guarantees {
	g := NginxGuarantees()
	g.Atomic = atomic(t.layout)
	return g
}

// command is nginx with the options that select the instance, and args.
func (t *Nginx) command(args ...string) []string {
	argv := []string{t.options.binary()}
	for _, o := range []struct{ flag, value string }{{"-p", t.options.Prefix}, {"-c", t.options.Config}, {"-e", t.options.ErrorLog}} {
		if o.value != "" {
			argv = append(argv, o.flag, o.value)
		}
	}
	return append(argv, args...)
}

var builtInConfig = regexp.MustCompile(`--conf-path=(\S+)`)

// configDirectory is locked while we work, because nginx -t and -s reload see
// the files of every target that shares the configuration.
func (t *Nginx) configDirectory(ctx context.Context) ([]string, error) {
	if t.options.Config != "" {
		return []string{filepath.Dir(here{}.resolve(t.options.Config))}, nil
	}
	r := run(ctx, []string{t.options.binary(), "-V"}, t.timeout)
	if !r.ok() {
		return nil, fault.New(fault.Configuration, "nginx does not tell where its configuration is; set config: %w", r)
	}
	m := builtInConfig.FindStringSubmatch(r.output)
	switch {
	case m != nil && filepath.IsAbs(m[1]):
		return []string{filepath.Dir(here{}.resolve(m[1]))}, nil
	case m != nil && t.options.Prefix != "":
		return []string{filepath.Dir(here{}.resolve(filepath.Join(t.options.Prefix, m[1])))}, nil
	}
	return nil, fault.New(fault.Configuration, "nginx -V does not tell where its configuration is; set config")
}
