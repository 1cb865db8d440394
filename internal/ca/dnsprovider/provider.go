// Package dnsprovider makes lego's DNS providers by name. app gives New to the
// acme package, which drives them; nothing else imports this package, so that
// the providers' libraries stay out of whatever does not issue. A dozen are in
// every build, all of lego's with the build tag alldns. It decides nothing and
// reads settings only the way lego does: from the environment.
package dnsprovider

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/providers/dns/acmedns"
	"github.com/go-acme/lego/v4/providers/dns/azuredns"
	"github.com/go-acme/lego/v4/providers/dns/cloudflare"
	"github.com/go-acme/lego/v4/providers/dns/digitalocean"
	"github.com/go-acme/lego/v4/providers/dns/gandiv5"
	"github.com/go-acme/lego/v4/providers/dns/gcloud"
	"github.com/go-acme/lego/v4/providers/dns/hetzner"
	"github.com/go-acme/lego/v4/providers/dns/httpreq"
	"github.com/go-acme/lego/v4/providers/dns/ovh"
	"github.com/go-acme/lego/v4/providers/dns/rfc2136"
	"github.com/go-acme/lego/v4/providers/dns/route53"
)

//go:embed names.txt
var names string

// Known lists every name of lego's providers, but for the one that asks a human
// at the terminal.
func Known() []string { return strings.Fields(names) }

// Plain lists the providers of every build.
func Plain() []string { return slices.Sorted(maps.Keys(plain())) }

type constructor func() (challenge.Provider, error)

func plain() map[string]constructor {
	return map[string]constructor{
		"acme-dns":     as(acmedns.NewDNSProvider),
		"azuredns":     as(azuredns.NewDNSProvider),
		"cloudflare":   as(cloudflare.NewDNSProvider),
		"digitalocean": as(digitalocean.NewDNSProvider),
		"exec":         as(newProgram),
		"gandiv5":      as(gandiv5.NewDNSProvider),
		"gcloud":       as(gcloud.NewDNSProvider),
		"hetzner":      as(hetzner.NewDNSProvider),
		"httpreq":      as(httpreq.NewDNSProvider),
		"ovh":          as(ovh.NewDNSProvider),
		"rfc2136":      as(rfc2136.NewDNSProvider),
		"route53":      as(route53.NewDNSProvider),
	}
}

func as[P challenge.Provider](build func() (P, error)) constructor {
	return func() (challenge.Provider, error) {
		p, err := build()
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// aliases are lego's other names of those in every build.
var aliases = map[string]string{"acmedns": "acme-dns", "dnsupdate": "rfc2136"}

// New makes a provider by lego's name. A name that this build has not says how
// to get one that has.
func New(name string) (challenge.Provider, error) {
	if other, ok := aliases[name]; ok {
		name = other
	}
	if build, ok := plain()[name]; ok {
		return build()
	}
	switch {
	case !slices.Contains(Known(), name):
		return nil, fmt.Errorf("kind: %q is no DNS provider of lego; use one of %s, or one of the others that docs/cas.md lists", name, strings.Join(Plain(), ", "))
	case !Everything:
		return nil, fmt.Errorf("kind: %q is not in this build, which has %s; build the worker with all of them by: make build DNS=all (go build -tags alldns)",
			name, strings.Join(Plain(), ", "))
	}
	return other(name)
}
