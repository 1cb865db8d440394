package kubernetes

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neverlapse/neverlapse/internal/kube"
)

// Options are the options of the kind kubernetes.
type Options struct {
	Namespace   string `mapstructure:"namespace"`
	Secret      string `mapstructure:"secret"` // its name
	kube.Access `mapstructure:",squash"`
	// TakeOverCertManager lets a Secret be written that cert-manager keeps.
	TakeOverCertManager bool `mapstructure:"take_over_cert_manager"`
	// Timeout bounds each act; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const maxTimeout = 10 * time.Minute

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return defaultTimeout
	}
	return o.Timeout
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	var errs []error
	if bad := validation.IsDNS1123Label(o.Namespace); len(bad) > 0 {
		errs = append(errs, fmt.Errorf("namespace: %q is not a name of a namespace: %s", o.Namespace, strings.Join(bad, "; ")))
	}
	if bad := validation.IsDNS1123Subdomain(o.Secret); len(bad) > 0 {
		errs = append(errs, fmt.Errorf("secret: %q is not a name of a Secret: %s", o.Secret, strings.Join(bad, "; ")))
	}
	errs = append(errs, o.Access.Validate())
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
