package acm

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/neverlapse/neverlapse/internal/amazon"
)

// Options are the options of the kind aws-acm.
type Options struct {
	amazon.Access `mapstructure:",squash"`
	// Regions are looked at one after the other; none: that of the profile or environment.
	Regions []string `mapstructure:"regions"`
	// Owner, Team and Environment are the tags that name them. Tags are asked for
	// only if one of these is set.
	Owner       string `mapstructure:"owner"`
	Team        string `mapstructure:"team"`
	Environment string `mapstructure:"environment"`
	// Timeout bounds each request; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 2 * time.Minute
)

func (o Options) timeout() time.Duration { return cmp.Or(o.Timeout, defaultTimeout) }

func (o Options) tagged() bool { return o.Owner+o.Team+o.Environment != "" }

var region = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	errs := []error{o.Access.Validate()}
	for i, r := range o.Regions {
		if !region.MatchString(r) {
			errs = append(errs, fmt.Errorf("regions[%d]: %q is not the name of a region, such as eu-central-1", i, r))
		}
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
