package acm

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/neverlapse/neverlapse/internal/amazon"
)

// Options are the options of the kind aws-acm.
type Options struct {
	// ARN is that of a certificate which was imported once; it names region and account.
	ARN           string `mapstructure:"arn"`
	amazon.Access `mapstructure:",squash"`
	// Timeout bounds each act; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
)

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return defaultTimeout
	}
	return o.Timeout
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	var errs []error
	if a, err := arn.Parse(o.ARN); err != nil || a.Service != "acm" || a.Region == "" || a.AccountID == "" || !strings.HasPrefix(a.Resource, "certificate/") {
		errs = append(errs, fmt.Errorf("arn: %q is not the ARN of a certificate, such as arn:aws:acm:eu-central-1:123456789012:certificate/ID; import one once (aws acm import-certificate) and give its ARN", o.ARN))
	}
	errs = append(errs, o.Access.Validate())
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
