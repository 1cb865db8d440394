// Package cluster is what sources that look into a Kubernetes cluster share:
// which part of which cluster is meant, what the metadata of an object say, and
// how a list that comes in pages goes on. Adapters of package source call it; it
// asks nobody itself.
package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Where says which part of which cluster a source looks at.
type Where struct {
	kube.Access `mapstructure:",squash"`
	// Cluster names the cluster in places; empty: the name of the source.
	Cluster    string   `mapstructure:"cluster"`
	Namespaces []string `mapstructure:"namespaces"` // none: all of them
	// Labels choose objects, as kubectl -l does; empty: all.
	Labels string `mapstructure:"labels"`
	// Owner, Team and Environment are the annotation, or label, of an object that
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
)

// WithDefaults fills what is left out; name is the source's.
func (w Where) WithDefaults(name string) Where {
	w.Cluster = cmp.Or(w.Cluster, name)
	w.Owner = cmp.Or(w.Owner, "owner")
	w.Team = cmp.Or(w.Team, "team")
	w.Environment = cmp.Or(w.Environment, "environment")
	w.Timeout = cmp.Or(w.Timeout, defaultTimeout)
	if len(w.Namespaces) == 0 {
		w.Namespaces = []string{""}
	}
	return w
}

// Validate tells everything that is wrong with it, each with its field.
func (w Where) Validate() error {
	errs := []error{w.Access.Validate()}
	for i, n := range w.Namespaces {
		if bad := validation.IsDNS1123Label(n); len(bad) > 0 {
			errs = append(errs, fmt.Errorf("namespaces[%d]: %q is not a name of a namespace: %s", i, n, strings.Join(bad, "; ")))
		}
	}
	if len(w.Namespaces) > maxNamespaces {
		errs = append(errs, fmt.Errorf("namespaces: %d of them; %d is the most, and none means all", len(w.Namespaces), maxNamespaces))
	}
	if _, err := labels.Parse(w.Labels); err != nil {
		errs = append(errs, fmt.Errorf("labels: %q chooses nothing: %w; write it as for kubectl -l: team=web,tier!=test", w.Labels, err))
	}
	if strings.ContainsAny(w.Cluster, "/ ") {
		errs = append(errs, fmt.Errorf("cluster: %q has a blank or a slash; write a short name such as prod", w.Cluster))
	}
	if w.Timeout < 0 || w.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", w.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

// Metadata are those of an object, as far as sources want to know.
type Metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	ResourceVersion   string            `json:"resourceVersion"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	OwnerReferences   []Owner           `json:"ownerReferences"`
}

// Owner is an object that another one belongs to.
type Owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// Place names an object; the kind of place stands before it.
func (w Where) Place(kind, namespace, name string) string {
	return fmt.Sprintf("%s:%s/%s/%s", kind, w.Cluster, namespace, name)
}

// At is the place of an object and what its metadata say of it.
func (w Where) At(kind string, m Metadata) source.Sighting {
	return source.Sighting{
		Place: w.Place(kind, m.Namespace, m.Name), Host: w.Cluster,
		Owner: m.said(w.Owner), Team: m.said(w.Team), Environment: m.said(w.Environment),
	}
}

// said is what an annotation, or else a label, says.
func (m Metadata) said(key string) string {
	return scan.Clean(strings.TrimSpace(cmp.Or(m.Annotations[key], m.Labels[key])))
}
