package digicert

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/credential"
)

// Options are the options of the kind digicert.
type Options struct {
	// The API key is in KeyFile or in the environment variable KeyEnv; both are
	// read each time. One that may only view orders is enough.
	KeyFile string `mapstructure:"key_file"`
	KeyEnv  string `mapstructure:"key_env"`
	// Address is the URL of the API; empty: https://www.digicert.com/services/v2.
	Address string `mapstructure:"address"`
	// Timeout bounds each request; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultAddress = "https://www.digicert.com/services/v2"
	defaultTimeout = 30 * time.Second
	maxTimeout     = 2 * time.Minute
)

func (o Options) address() string { return strings.TrimSuffix(cmp.Or(o.Address, defaultAddress), "/") }

func (o Options) timeout() time.Duration { return cmp.Or(o.Timeout, defaultTimeout) }

func (o Options) key() (string, error) { return credential.Read("key", o.KeyFile, o.KeyEnv) }

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	var errs []error
	switch {
	case (o.KeyFile == "") == (o.KeyEnv == ""):
		errs = append(errs, errors.New("key_file: exactly one of key_file and key_env is needed; make a key with the role View Only in CertCentral, Automation, API Keys"))
	case o.KeyFile != "" && !filepath.IsAbs(o.KeyFile):
		errs = append(errs, fmt.Errorf("key_file: %q is not an absolute path", o.KeyFile))
	}
	u, err := url.Parse(o.address())
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		errs = append(errs, fmt.Errorf("address: %q is not the URL of an API, such as %s", o.Address, defaultAddress))
	case u.Scheme != "https" && !loopback(u.Hostname()):
		errs = append(errs, fmt.Errorf("address: %q is not reached by https, and the API key would go there in the open", o.Address))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
