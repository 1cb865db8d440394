package digicert

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/neverlapse/neverlapse/internal/credential"
	"github.com/neverlapse/neverlapse/internal/scan/source/api"
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
)

func (o Options) address() string { return cmp.Or(o.Address, defaultAddress) }

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
	errs = append(errs, api.ValidAddress(o.Address, defaultAddress, "and the API key would go there in the open"), api.ValidTimeout(o.Timeout))
	return errors.Join(errs...)
}
