package ct

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/credential"
	"github.com/neverlapse/neverlapse/internal/scan/source/api"
)

// Options are the options of the kind ct.
type Options struct {
	// Domains are watched with everything below them.
	Domains []string `mapstructure:"domains"`
	// The API token is in TokenFile or in the environment variable TokenEnv; both are
	// read each time. Without one the API answers little, and only to try it.
	TokenFile string `mapstructure:"token_file"`
	TokenEnv  string `mapstructure:"token_env"`
	// ExpectedCAs are pieces of the names of CAs; what another one issued has the
	// finding unwanted-ca. Empty: any CA may.
	ExpectedCAs []string `mapstructure:"expected_cas"`
	// AnewEvery is after how long all that has not ended is asked for again, which
	// shows what was revoked; 0 means a week.
	AnewEvery time.Duration `mapstructure:"anew_every"`
	// Address is the URL of the API; empty: https://api.certspotter.com/v1.
	Address string `mapstructure:"address"`
	// Timeout bounds each request; 0 means a minute.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultAddress = "https://api.certspotter.com/v1"
	defaultTimeout = time.Minute
	defaultAnew    = 7 * 24 * time.Hour
	mostDomains    = 90 // their places in a run have to fit into a page token
)

func (o Options) address() string { return strings.TrimSuffix(cmp.Or(o.Address, defaultAddress), "/") }

func (o Options) timeout() time.Duration { return cmp.Or(o.Timeout, defaultTimeout) }

func (o Options) anewEvery() time.Duration { return cmp.Or(o.AnewEvery, defaultAnew) }

// token is empty where none is configured.
func (o Options) token() (string, error) {
	if o.TokenFile == "" && o.TokenEnv == "" {
		return "", nil
	}
	return credential.Read("token", o.TokenFile, o.TokenEnv)
}

// domains are the domains in one form, each once.
func (o Options) domains() ([]string, error) {
	var errs []error
	var out []string
	for i, d := range o.Domains {
		name, err := cert.ParseName(strings.TrimPrefix(d, "."))
		if err == nil {
			if _, ip := netip.ParseAddr(name); ip == nil || strings.HasPrefix(name, "*.") || !strings.Contains(name, ".") {
				err = fmt.Errorf("%q is not a domain such as example.com; everything below it is watched too", d)
			}
		}
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("domains[%d]: %w", i, err))
		case !slices.Contains(out, name):
			out = append(out, name)
		}
	}
	if len(o.Domains) == 0 {
		errs = append(errs, errors.New("domains: none is named; write those for which certificates of yours are issued, such as example.com"))
	}
	if len(out) > mostDomains {
		errs = append(errs, fmt.Errorf("domains: %d are more than the %d of one source; divide it", len(out), mostDomains))
	}
	return out, errors.Join(errs...)
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	var errs []error
	_, err := o.domains()
	errs = append(errs, err)
	switch {
	case o.TokenFile != "" && o.TokenEnv != "":
		errs = append(errs, errors.New("token_file: one of token_file and token_env is enough"))
	case o.TokenFile != "" && !filepath.IsAbs(o.TokenFile):
		errs = append(errs, fmt.Errorf("token_file: %q is not an absolute path", o.TokenFile))
	}
	for i, piece := range o.ExpectedCAs {
		if strings.TrimSpace(piece) == "" {
			errs = append(errs, fmt.Errorf("expected_cas[%d]: it is empty, and every CA would be expected; write a piece of a CA's name, such as Let's Encrypt", i))
		}
	}
	errs = append(errs, api.ValidAddress(o.Address, defaultAddress, "so anybody on the way could hide what was issued"), api.ValidTimeout(o.Timeout))
	if o.AnewEvery < 0 {
		errs = append(errs, fmt.Errorf("anew_every: %s is less than nothing", o.AnewEvery))
	}
	return errors.Join(errs...)
}
