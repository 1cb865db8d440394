package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/dnsprovider"
	"github.com/neverlapse/neverlapse/internal/ca/supplied"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/ct"
	"github.com/neverlapse/neverlapse/internal/scan/source/digicert"
	"github.com/neverlapse/neverlapse/internal/scan/source/endpoints"
	"github.com/neverlapse/neverlapse/internal/scan/source/files"
	"github.com/neverlapse/neverlapse/internal/scan/source/gitlist"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/vault"
)

// Targets makes targets by their kind.
type Targets map[string]func(config.Adapter, string) (activities.Target, error)

// Means are what the sources of the inventory share.
type Means struct {
	Scanner *scan.Scanner // looks and judges as the section scan says
	Dir     string        // a folder of the source's own, for what it may lose; not made yet
}

// Sources makes sources of the inventory by their kind.
type Sources map[string]func(Means, config.Source, string) (source.Source, error)

// Kinds are kinds of adapters beside those that app has itself: those that need
// the client libraries of others.
type Kinds struct {
	Targets Targets
	Sources Sources
	Media   Media
	Keys    KeyServices
}

// targetKinds and sourceKinds give all kinds together.
func targetKinds(more []Kinds) Targets {
	all := maps.Clone(targets)
	for _, m := range more {
		maps.Copy(all, m.Targets)
	}
	return all
}

func sourceKinds(more []Kinds) Sources {
	all := maps.Clone(sources)
	for _, m := range more {
		maps.Copy(all, m.Sources)
	}
	return all
}

// The tables name every adapter there is, but for targets and sources that need
// large libraries: those are in package cloud. Adding one is a line here, a file of
// its own, and a row in the README.
var (
	cas = map[string]func(parts, config.Adapter, string) (activities.CA, error){
		"acme": func(p parts, a config.Adapter, path string) (activities.CA, error) {
			return Built(path, a, func(o acme.Options) (activities.CA, error) { return acme.New(a.Name, o, p.store, p.ways) })
		},
		"supplied": func(_ parts, a config.Adapter, path string) (activities.CA, error) {
			return Built(path, a, func(o supplied.Options) (activities.CA, error) { return supplied.New(a.Name, o) })
		},
	}
	targets = Targets{
		"file": func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o target.FileOptions) (activities.Target, error) { return target.NewFile(a.Name, o) })
		},
		"nginx": func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o target.NginxOptions) (activities.Target, error) { return target.NewNginx(a.Name, o) })
		},
		"apache": func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o target.ApacheOptions) (activities.Target, error) { return target.NewApache(a.Name, o) })
		},
		"haproxy": func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o target.HAProxyOptions) (activities.Target, error) { return target.NewHAProxy(a.Name, o) })
		},
		"ssh": func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o target.SSHOptions) (activities.Target, error) { return target.NewSSH(a.Name, o) })
		},
		vault.Kind: func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o vault.Options) (activities.Target, error) { return vault.New(a.Name, o) })
		},
		"exec": func(a config.Adapter, path string) (activities.Target, error) {
			return Built(path, a, func(o target.ExecOptions) (activities.Target, error) {
				t, err := target.NewExec(a.Name, o)
				if err == nil && !t.Guarantees().Reversible {
					return target.ExecOneWay{Exec: t}, nil
				}
				return t, err
			})
		},
	}
	sources = Sources{
		ct.Kind: func(m Means, x config.Source, path string) (source.Source, error) {
			return Built(path, x.Adapter, func(o ct.Options) (source.Source, error) { return ct.New(x.Name, o, m.Scanner) })
		},
		digicert.Kind: func(m Means, x config.Source, path string) (source.Source, error) {
			return Built(path, x.Adapter, func(o digicert.Options) (source.Source, error) { return digicert.New(x.Name, o, m.Scanner) })
		},
		gitlist.Kind: func(m Means, x config.Source, path string) (source.Source, error) {
			return Built(path, x.Adapter, func(o gitlist.Options) (source.Source, error) { return gitlist.New(x.Name, o, m.Scanner, m.Dir) })
		},
		endpoints.Kind: func(m Means, x config.Source, path string) (source.Source, error) {
			return Built(path, x.Adapter, func(o endpoints.Options) (source.Source, error) { return endpoints.New(o, m.Scanner), nil })
		},
		files.Kind: func(m Means, x config.Source, path string) (source.Source, error) {
			return Built(path, x.Adapter, func(o files.Options) (source.Source, error) { return files.New(o, m.Scanner) })
		},
	}
)

// dnsProvider makes a provider of DNS-01; every kind has the same options.
func dnsProvider(p parts, a config.Adapter, path string) (*acme.DNS, error) {
	return Built(path, a, func(o acme.DNSOptions) (*acme.DNS, error) {
		return acme.NewDNS(a.Name, a.Kind, o, dnsprovider.New, p.resolver)
	})
}

// Built decodes an adapter's options strictly, checks them and makes the adapter.
func Built[O interface{ Validate() error }, A any](path string, a config.Adapter, build func(O) (A, error)) (A, error) {
	var o O
	var none A
	if err := config.DecodeOptions(path+".options", a.Options, &o); err != nil {
		return none, err
	}
	if err := o.Validate(); err != nil {
		return none, config.Under(path+".options", err)
	}
	out, err := build(o)
	if err != nil {
		return none, config.Under(path, err)
	}
	return out, nil
}

// of finds the constructor of a kind; an unknown kind lists the known ones.
func of[F any](table map[string]F, path, kind string) (F, error) {
	f, ok := table[kind]
	if !ok {
		return f, fmt.Errorf("%s.kind: %q is not known; use one of %s", path, kind, strings.Join(slices.Sorted(maps.Keys(table)), ", "))
	}
	return f, nil
}
