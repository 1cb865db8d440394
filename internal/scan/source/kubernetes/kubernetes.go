// Package kubernetes is the source of that kind: the certificates in the Secrets
// of a cluster, those of type kubernetes.io/tls and, by keys that are named,
// those of type Opaque. app builds it from the options.
//
// Whoever may list Secrets is sent their keys along. They are dropped as an
// answer is read, and what did not change is not asked for again while the
// process lives. It changes nothing, and does not ask who uses a Secret.
package kubernetes

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// Kind is the name of the kind in configurations.
const Kind = "kubernetes"

// Source is a cluster, or some namespaces of one.
type Source struct {
	name   string
	where  cluster.Where
	client *rest.RESTClient
	judge  *scan.Scanner
	parts  []part
	memory memory
}

// part is what is listed in one go.
type part struct {
	namespace string // empty: all
	kind      string // type of the Secrets
	keys      []string
}

const (
	tlsType    = "kubernetes.io/tls"
	opaqueType = "Opaque"
	certKey    = "tls.crt"
	place      = "secret" // its kind
)

// New makes a source of the kind kubernetes. It reads the kubeconfig and dials nobody.
func New(name string, o Options, judge *scan.Scanner) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	client, err := o.Client()
	if err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	s := &Source{name: name, where: o.WithDefaults(name), client: client, judge: judge}
	for _, n := range s.where.Namespaces {
		s.parts = append(s.parts, part{n, tlsType, []string{certKey}})
		if len(o.OpaqueKeys) > 0 {
			s.parts = append(s.parts, part{n, opaqueType, o.OpaqueKeys})
		}
	}
	return s, nil
}

// Look lists up to a hundred Secrets of one part.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	t, err := cluster.ReadToken(page, len(s.parts))
	if err != nil {
		return source.Page{}, fmt.Errorf("source %q: %w", s.name, err)
	}
	if page == nil {
		s.memory.turn()
	}
	p := s.parts[t.Part]
	progress(p.String())
	out := source.Page{About: fmt.Sprintf("%s, %d of %d", p, t.Part+1, len(s.parts))}
	next, err := s.look(ctx, p, t, &out)
	switch {
	case err == nil:
	case len(s.parts) > 1 && p.namespace != "" && apierrors.IsForbidden(err):
		next = t.Behind("")
		out.Failed = []source.Failure{{Places: s.where.Place(place, p.namespace, ""), Why: scan.Clean(err.Error())}}
	default:
		return source.Page{}, fmt.Errorf("source %q: %s: %w", s.name, p, err)
	}
	out.Next, err = next.Bytes(len(s.parts))
	return out, err
}

func (s *Source) look(ctx context.Context, p part, t cluster.Token, out *source.Page) (cluster.Token, error) {
	listed, rest, err := s.list(ctx, p, t.Continue)
	if again, forgotten := t.Forgotten(err); forgotten {
		return again, nil
	}
	if err != nil {
		return t, err
	}
	for _, o := range listed {
		out.Sightings = append(out.Sightings, s.sightings(p, o)...)
	}
	return t.Behind(rest), nil
}

func (p part) String() string {
	if p.namespace == "" {
		return "Secrets of type " + p.kind + " in all namespaces"
	}
	return fmt.Sprintf("Secrets of type %s in the namespace %s", p.kind, p.namespace)
}
