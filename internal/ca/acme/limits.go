package acme

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// What a limit may be counted per.
const (
	PerAccount  = "account"  // orders of the account
	PerDomain   = "domain"   // orders per registered domain (public suffix list)
	PerNames    = "names"    // orders per identical set of names
	PerFailures = "failures" // failed validations per name
)

// Limit is what the CA allows, in orders or failed validations.
type Limit struct {
	Per    string        `mapstructure:"per"`
	Most   int           `mapstructure:"most"`
	Within time.Duration `mapstructure:"within"`
	// SparesRenewals tells that an order for exactly the names of the certificate
	// that it replaces is not counted.
	SparesRenewals bool `mapstructure:"spares_renewals"`
}

const week = 7 * 24 * time.Hour

// publicLimits are those of well-known CAs, by shortcode
// (https://letsencrypt.org/docs/rate-limits/).
var publicLimits = map[string][]Limit{
	"letsencrypt": {
		{Per: PerAccount, Most: 300, Within: 3 * time.Hour, SparesRenewals: true},
		{Per: PerDomain, Most: 50, Within: week, SparesRenewals: true},
		{Per: PerNames, Most: 5, Within: week},
		{Per: PerFailures, Most: 5, Within: time.Hour},
	},
	"letsencrypt-staging": {
		{Per: PerAccount, Most: 1500, Within: 3 * time.Hour, SparesRenewals: true},
		{Per: PerDomain, Most: 30000, Within: week, SparesRenewals: true},
		{Per: PerNames, Most: 30000, Within: week},
		{Per: PerFailures, Most: 200, Within: time.Hour},
	},
}

// exemptARI are the CAs that count no order which replaces a certificate inside its window.
var exemptARI = []string{"letsencrypt", "letsencrypt-staging"}

func (o Options) limits() []Limit {
	if len(o.Limits) > 0 {
		return o.Limits
	}
	return publicLimits[o.Directory]
}

func (o Options) validateLimits() error {
	var errs []error
	for i, l := range o.Limits {
		path := fmt.Sprintf("limits[%d]", i)
		if !slices.Contains([]string{PerAccount, PerDomain, PerNames, PerFailures}, l.Per) {
			errs = append(errs, fmt.Errorf("%s.per: %q is not known; use account, domain, names or failures", path, l.Per))
		}
		if l.Most < 1 {
			errs = append(errs, fmt.Errorf("%s.most: %d allows nothing; write how many the CA allows", path, l.Most))
		}
		if l.Within <= 0 || l.Within > 5*week {
			errs = append(errs, fmt.Errorf("%s.within: %s is not a length of time up to 35d; write for example 3h or 7d", path, l.Within))
		}
	}
	return errors.Join(errs...)
}

// Account names whose budget orders count against.
func (c *CA) Account() string {
	if c.options.Email == "" {
		return "default"
	}
	return c.options.Email
}

// ExemptsARI reports whether an order that replaces a certificate inside its
// window (RFC 9773, 5) counts against nothing.
func (c *CA) ExemptsARI() bool {
	return c.options.ARIExempt || slices.Contains(exemptARI, c.options.Directory)
}

// Limits lists what an order for the names counts against; none if the CA limits nothing.
func (c *CA) Limits(names []string) []cert.Limit {
	var out []cert.Limit
	for _, l := range c.options.limits() {
		for _, key := range keysOf(l.Per, names) {
			out = append(out, cert.Limit{Key: key, Most: l.Most, Within: l.Within, Failures: l.Per == PerFailures, SparesRenewals: l.SparesRenewals})
		}
	}
	return out
}

func keysOf(per string, names []string) []string {
	var out []string
	add := func(key string) {
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	switch per {
	case PerAccount:
		add(per)
	case PerNames:
		sorted := make([]string, len(names))
		for i, n := range names {
			sorted[i] = normal(n)
		}
		slices.Sort(sorted)
		sum := sha256.Sum256([]byte(strings.Join(slices.Compact(sorted), " ")))
		add(per + "/" + hex.EncodeToString(sum[:6]))
	case PerDomain:
		for _, n := range names {
			add(per + "/" + registeredDomain(n))
		}
	case PerFailures:
		for _, n := range names {
			add(per + "/" + strings.TrimPrefix(normal(n), "*."))
		}
	}
	return out
}

// registeredDomain is the domain that somebody registered: the public suffix and one
// label. A public suffix itself and an address stand for themselves.
func registeredDomain(name string) string {
	name = strings.TrimPrefix(normal(name), "*.")
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name
	}
	return domain
}
