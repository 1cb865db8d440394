package kubernetes

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// Options are the options of the kind kubernetes.
type Options struct {
	cluster.Where `mapstructure:",squash"`
	// OpaqueKeys are the keys of Secrets of the type Opaque at which a certificate
	// may be, in PEM or DER; none: they are not read.
	OpaqueKeys []string `mapstructure:"opaque_keys"`
}

const maxOpaqueKeys = 20

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	errs := []error{o.Where.Validate()}
	for i, k := range o.OpaqueKeys {
		switch bad := validation.IsConfigMapKey(k); {
		case len(bad) > 0:
			errs = append(errs, fmt.Errorf("opaque_keys[%d]: %q is no key of a Secret: %s", i, k, strings.Join(bad, "; ")))
		case strings.HasSuffix(k, ".key"):
			errs = append(errs, fmt.Errorf("opaque_keys[%d]: %q is the name of a private key, and those are not read; name the certificate's", i, k))
		}
	}
	if len(o.OpaqueKeys) > maxOpaqueKeys {
		errs = append(errs, fmt.Errorf("opaque_keys: %d of them; %d is the most", len(o.OpaqueKeys), maxOpaqueKeys))
	}
	return errors.Join(errs...)
}
