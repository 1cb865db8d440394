package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"k8s.io/client-go/rest"

	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/scan/source/chains"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

const (
	perPage  = 100 // Secrets
	byName   = 10  // as many that changed are asked for one by one
	maxBytes = 256 << 20
	metaOnly = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
)

// rights mends a 403.
const rights = `grant the worker the rule {apiGroups: [""], resources: [secrets], verbs: [list]} in these namespaces, or in all by a ClusterRole (docs/sources-cloud.md shows it)`

// object is a Secret, without what is secret.
type object struct {
	Metadata cluster.Metadata
	Found    map[string]found // by key
}

// found is what a key holds: certificates, or why there are none.
type found struct {
	certs chains.DER
	err   error
}

// list gives up to perPage Secrets and the token of those behind them. It asks
// for their names and versions first, and for the Secrets only where something
// is not remembered.
func (s *Source) list(ctx context.Context, p part, from string) ([]object, string, error) {
	q := query{part: p, from: from}
	if s.memory.empty() {
		return s.ask(ctx, q)
	}
	q.metaOnly = true
	var version string
	named, more, err := s.askVersion(ctx, q, &version)
	if err != nil {
		return nil, "", err
	}
	unknown := slices.DeleteFunc(slices.Clone(named), func(o object) bool { return s.memory.knows(o.Metadata) })
	if len(unknown) > byName {
		whole := query{part: p, from: from}
		if from == "" {
			whole.at = version
		}
		return s.ask(ctx, whole)
	}
	for _, o := range unknown {
		if _, _, err := s.ask(ctx, query{part: part{o.Metadata.Namespace, p.kind, p.keys}, name: o.Metadata.Name}); err != nil {
			return nil, "", err
		}
	}
	return s.memory.of(named), more, nil
}

// query is one list.
type query struct {
	part
	from     string // token of the API server
	at       string // version of the whole list; empty: the present one
	name     string // of one Secret; empty: all
	metaOnly bool
}

func (s *Source) ask(ctx context.Context, q query) ([]object, string, error) {
	var version string
	return s.askVersion(ctx, q, &version)
}

func (s *Source) askVersion(ctx context.Context, q query, version *string) ([]object, string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.where.Timeout)
	defer cancel()
	body, err := s.request(q).Stream(ctx)
	if err != nil {
		return nil, "", kube.Explained(err, "list them", rights)
	}
	defer body.Close()
	var out []object
	head, err := kube.Items(io.LimitReader(body, maxBytes), func(raw json.RawMessage) error {
		defer clear(raw)
		o, err := decode(raw, q.keys)
		if err == nil {
			out = append(out, o)
			if !q.metaOnly {
				s.memory.keep(o)
			}
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	*version = head.ResourceVersion
	return out, head.Continue, nil
}

func (s *Source) request(q query) *rest.Request {
	r := s.client.Get().NamespaceIfScoped(q.namespace, q.namespace != "").Resource("secrets").MaxRetries(0).
		Param("limit", strconv.Itoa(perPage))
	fields := "type=" + q.kind
	if q.name != "" {
		fields += ",metadata.name=" + q.name
	}
	r = r.Param("fieldSelector", fields)
	if s.where.Labels != "" {
		r = r.Param("labelSelector", s.where.Labels)
	}
	if q.from != "" {
		r = r.Param("continue", q.from)
	}
	if q.at != "" {
		r = r.Param("resourceVersion", q.at).Param("resourceVersionMatch", "Exact")
	}
	if q.metaOnly {
		r = r.SetHeader("Accept", metaOnly)
	}
	return r
}

// decode reads a Secret but for the values at other keys, which are skipped.
func decode(raw []byte, keys []string) (object, error) {
	out := object{Found: map[string]found{}}
	wanted := func(name string) bool { return name == "metadata" || name == "data" }
	return out, kube.Fields(raw, wanted, func(name string, value json.RawMessage) error {
		defer clear(value)
		if name == "metadata" {
			return json.Unmarshal(value, &out.Metadata)
		}
		return kube.Fields(value, func(key string) bool { return slices.Contains(keys, key) }, func(key string, value json.RawMessage) error {
			defer clear(value)
			var data []byte
			if err := json.Unmarshal(value, &data); err != nil {
				return fmt.Errorf("the Secret %s/%s: %s: %w", out.Metadata.Namespace, out.Metadata.Name, key, err)
			}
			defer clear(data) // there may be a private key beside the certificate
			certs, err := chains.Public(data)
			if certs != nil || err != nil {
				out.Found[key] = found{certs, err}
			}
			return nil
		})
	})
}
