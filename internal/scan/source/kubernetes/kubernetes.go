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
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Kind is the name of the kind in configurations.
const Kind = "kubernetes"

// Source is a cluster, or some namespaces of one.
type Source struct {
	name    string
	options Options
	client  *rest.RESTClient
	judge   *scan.Scanner
	parts   []part
	memory  memory
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
	s := &Source{name: name, options: o.withDefaults(name), client: client, judge: judge}
	for _, n := range s.options.Namespaces {
		s.parts = append(s.parts, part{n, tlsType, []string{certKey}})
		if len(o.OpaqueKeys) > 0 {
			s.parts = append(s.parts, part{n, opaqueType, o.OpaqueKeys})
		}
	}
	return s, nil
}

// token says where a run goes on.
type token struct {
	Part     int    `json:"part"`
	Continue string `json:"continue,omitempty"` // the API server's; empty: the part's beginning
	// Anew counts how often the part was begun again since the API server had
	// forgotten where it was.
	Anew int `json:"anew,omitempty"`
}

const maxAnew = 3

func (s *Source) read(page []byte) (t token, err error) {
	if page == nil {
		s.memory.turn()
		return t, nil
	}
	if err := json.Unmarshal(page, &t); err != nil || t.Part < 0 || t.Part >= len(s.parts) {
		return t, fault.New(fault.Invalid, "source %q: the page %.80q means nothing any more; begin anew", s.name, page)
	}
	return t, nil
}

func (s *Source) after(t token) ([]byte, error) {
	if t.Part >= len(s.parts) {
		return nil, nil
	}
	return json.Marshal(t)
}

// Look lists up to a hundred Secrets of one part.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	t, err := s.read(page)
	if err != nil {
		return source.Page{}, err
	}
	p := s.parts[t.Part]
	progress(p.String())
	out := source.Page{About: fmt.Sprintf("%s, %d of %d", p, t.Part+1, len(s.parts))}
	next, err := s.look(ctx, p, t, &out)
	switch {
	case err == nil:
	case len(s.parts) > 1 && p.namespace != "" && apierrors.IsForbidden(err):
		next = token{Part: t.Part + 1}
		out.Failed = []source.Failure{{Places: s.places(p), Why: scan.Clean(err.Error())}}
	default:
		return source.Page{}, fmt.Errorf("source %q: %s: %w", s.name, p, err)
	}
	out.Next, err = s.after(next)
	return out, err
}

func (s *Source) look(ctx context.Context, p part, t token, out *source.Page) (token, error) {
	listed, more, err := s.list(ctx, p, t.Continue)
	if again, forgotten := forgotten(err, t); forgotten {
		return again, nil
	}
	if err != nil {
		return token{}, err
	}
	for _, o := range listed {
		out.Sightings = append(out.Sightings, s.sightings(p, o)...)
	}
	if more == "" {
		return token{Part: t.Part + 1}, nil
	}
	return token{Part: t.Part, Continue: more}, nil
}

// forgotten: the API server keeps a list for minutes only (410, Expired). It then
// gives a token that goes on behind the last Secret with what is there now;
// without one the part begins anew.
func forgotten(err error, t token) (token, bool) {
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) || t.Anew >= maxAnew {
		return token{}, false
	}
	return token{Part: t.Part, Continue: kube.Continue(err), Anew: t.Anew + 1}, true
}

func (p part) String() string {
	if p.namespace == "" {
		return "Secrets of type " + p.kind + " in all namespaces"
	}
	return fmt.Sprintf("Secrets of type %s in the namespace %s", p.kind, p.namespace)
}

// places begins the places of a part.
func (s *Source) places(p part) string { return s.place(p.namespace, "") }

func (s *Source) place(namespace, name string) string {
	return fmt.Sprintf("secret:%s/%s/%s", s.options.Cluster, namespace, name)
}
