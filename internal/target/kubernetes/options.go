package kubernetes

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options are the options of the kind kubernetes.
type Options struct {
	Namespace string `mapstructure:"namespace"`
	Secret    string `mapstructure:"secret"` // its name
	// Kubeconfig is the absolute path of a kubeconfig; empty means the service
	// account of the pod in which the worker runs.
	Kubeconfig string `mapstructure:"kubeconfig"`
	Context    string `mapstructure:"context"` // of the kubeconfig; empty: its current one
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
	if o.Kubeconfig != "" && (!filepath.IsAbs(o.Kubeconfig) || strings.ContainsRune(o.Kubeconfig, 0)) {
		errs = append(errs, fmt.Errorf("kubeconfig: %q is not an absolute path", o.Kubeconfig))
	}
	if o.Context != "" && o.Kubeconfig == "" {
		errs = append(errs, errors.New("context: goes with kubeconfig; set that too, or leave both out inside the cluster"))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

// config finds out how to reach the cluster.
func (o Options) config() (*rest.Config, error) {
	if o.Kubeconfig == "" {
		c, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("kubeconfig: is missing, and the worker does not run in a cluster, whose service account it would use; set kubeconfig")
		}
		if err != nil {
			return nil, fmt.Errorf("the pod's service account: %w; set automountServiceAccountToken or kubeconfig", err)
		}
		return c, nil
	}
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: o.Context},
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %s: %w", o.Kubeconfig, err)
	}
	return c, o.private(c)
}

// private refuses a way on which the private key could be read by others.
func (o Options) private(c *rest.Config) error {
	u, err := url.Parse(c.Host)
	if err != nil || u.Host == "" {
		return fmt.Errorf("kubeconfig: %s: the server %q is not a URL", o.Kubeconfig, c.Host)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("kubeconfig: %s: the server %s is not reached by https, and a private key would go there in the open", o.Kubeconfig, c.Host)
	}
	if c.Insecure {
		return fmt.Errorf("kubeconfig: %s: insecure-skip-tls-verify would give the private key to whoever answers; set certificate-authority instead", o.Kubeconfig)
	}
	return nil
}
