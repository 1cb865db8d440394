// Package kube reaches a Kubernetes API server: by a kubeconfig or the service
// account of the pod, with a client that neither waits nor tries again, and with
// each refusal told by its kind. The target and the sources of Kubernetes call
// it. It knows no kind of object.
package kube

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Us is the name by which API servers know this program.
const Us = "neverlapse"

// Access says which API server is meant, and as whom.
type Access struct {
	// Kubeconfig is the absolute path of a kubeconfig; empty means the service
	// account of the pod in which the worker runs.
	Kubeconfig string `mapstructure:"kubeconfig"`
	Context    string `mapstructure:"context"` // of the kubeconfig; empty: its current one
}

// Validate tells everything that is wrong with it, each with its field.
func (a Access) Validate() error {
	var errs []error
	if a.Kubeconfig != "" && (!filepath.IsAbs(a.Kubeconfig) || strings.ContainsRune(a.Kubeconfig, 0)) {
		errs = append(errs, fmt.Errorf("kubeconfig: %q is not an absolute path", a.Kubeconfig))
	}
	if a.Context != "" && a.Kubeconfig == "" {
		errs = append(errs, errors.New("context: goes with kubeconfig; set that too, or leave both out inside the cluster"))
	}
	return errors.Join(errs...)
}

// Client is one that asks for JSON and knows core/v1; other groups are reached
// by absolute paths. It reads the kubeconfig and dials nobody.
func (a Access) Client() (*rest.RESTClient, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	return clientFor(c)
}

// Server is the URL of the API server that a client asks.
func Server(client *rest.RESTClient) string {
	return strings.TrimSuffix(client.Get().URL().String(), "/api/v1")
}

// config finds out how to reach the cluster.
func (a Access) config() (*rest.Config, error) {
	if a.Kubeconfig == "" {
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
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: a.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: a.Context},
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %s: %w", a.Kubeconfig, err)
	}
	return c, a.private(c)
}

// private refuses a way on which private keys, or the token, could be read by others.
func (a Access) private(c *rest.Config) error {
	u, err := url.Parse(c.Host)
	if err != nil || u.Host == "" {
		return fmt.Errorf("kubeconfig: %s: the server %q is not a URL", a.Kubeconfig, c.Host)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("kubeconfig: %s: the server %s is not reached by https, and private keys would go there in the open", a.Kubeconfig, c.Host)
	}
	if c.Insecure {
		return fmt.Errorf("kubeconfig: %s: insecure-skip-tls-verify would give the private key to whoever answers; set certificate-authority instead", a.Kubeconfig)
	}
	return nil
}

// clientFor reaches core/v1. Waiting and trying again are the caller's, so the
// client does neither by itself.
func clientFor(c *rest.Config) (*rest.RESTClient, error) {
	c = rest.CopyConfig(c)
	v1 := schema.GroupVersion{Version: "v1"}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, v1)
	c.GroupVersion, c.APIPath = &v1, "/api"
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.AcceptContentTypes, c.ContentType = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	c.QPS, c.UserAgent, c.WarningHandler = -1, Us, rest.NoWarnings{}
	return rest.RESTClientFor(c)
}
