package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neverlapse/neverlapse/internal/kube"
)

// Options are the options of the kind kubernetes.
type Options struct {
	kube.Access `mapstructure:",squash"`
	// Cluster names the cluster in places; empty: the name of the source.
	Cluster    string   `mapstructure:"cluster"`
	Namespaces []string `mapstructure:"namespaces"` // none: all of them
	// Labels choose Secrets, as kubectl -l does; empty: all.
	Labels string `mapstructure:"labels"`
	// OpaqueKeys are the keys of Secrets of the type Opaque at which a certificate
	// may be, in PEM or DER; none: they are not read.
	OpaqueKeys []string `mapstructure:"opaque_keys"`
	// Owner, Team and Environment are the annotation, or label, of a Secret that
	// names them; empty: owner, team and environment.
	Owner       string `mapstructure:"owner"`
	Team        string `mapstructure:"team"`
	Environment string `mapstructure:"environment"`
	// Timeout bounds each request; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 2 * time.Minute
	maxNamespaces  = 1000
	maxOpaqueKeys  = 20
)

func (o Options) withDefaults(name string) Options {
	o.Cluster = cmp.Or(o.Cluster, name)
	o.Owner = cmp.Or(o.Owner, "owner")
	o.Team = cmp.Or(o.Team, "team")
	o.Environment = cmp.Or(o.Environment, "environment")
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	if len(o.Namespaces) == 0 {
		o.Namespaces = []string{""}
	}
	return o
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	errs := []error{o.Access.Validate()}
	for i, n := range o.Namespaces {
		if bad := validation.IsDNS1123Label(n); len(bad) > 0 {
			errs = append(errs, fmt.Errorf("namespaces[%d]: %q is not a name of a namespace: %s", i, n, strings.Join(bad, "; ")))
		}
	}
	if len(o.Namespaces) > maxNamespaces {
		errs = append(errs, fmt.Errorf("namespaces: %d of them; %d is the most, and none means all", len(o.Namespaces), maxNamespaces))
	}
	if _, err := labels.Parse(o.Labels); err != nil {
		errs = append(errs, fmt.Errorf("labels: %q chooses nothing: %w; write it as for kubectl -l: team=web,tier!=test", o.Labels, err))
	}
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
	if strings.ContainsAny(o.Cluster, "/ ") {
		errs = append(errs, fmt.Errorf("cluster: %q has a blank or a slash; write a short name such as prod", o.Cluster))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
