package certmanager

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// Options are the options of the kind cert-manager.
type Options struct {
	cluster.Where `mapstructure:",squash"`
	// Grace is how long an issuance may take, a Certificate may not be ready, and a
	// renewal may be overdue, before that is a finding; 0 means an hour.
	Grace time.Duration `mapstructure:"grace"`
}

const (
	defaultGrace = time.Hour
	maxGrace     = 7 * 24 * time.Hour
)

func (o Options) grace() time.Duration { return cmp.Or(o.Grace, defaultGrace) }

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	errs := []error{o.Where.Validate()}
	if o.Grace < 0 || o.Grace > maxGrace {
		errs = append(errs, fmt.Errorf("grace: %s is not between 0 and %s", o.Grace, maxGrace))
	}
	return errors.Join(errs...)
}
