package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
)

const (
	certKey, keyKey = "tls.crt", "tls.key"
	tlsType         = "kubernetes.io/tls"
	opaqueType      = "Opaque"
	managedBy       = "app.kubernetes.io/managed-by"
	us              = kube.Us
)

// secret is what we need to know of a Secret. What it leaves out is never
// written, so it stays.
type secret struct {
	APIVersion string            `json:"apiVersion,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	Metadata   metadata          `json:"metadata"`
	Type       string            `json:"type,omitempty"`
	Immutable  bool              `json:"immutable,omitempty"`
	Data       map[string][]byte `json:"data,omitempty"`
}

type metadata struct {
	Name              string            `json:"name,omitempty"`
	UID               string            `json:"uid,omitempty"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	DeletionTimestamp string            `json:"deletionTimestamp,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	OwnerReferences   []owner           `json:"ownerReferences,omitempty"`
}

type owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
}

// fresh is the Secret that is made where there is none.
func (t *Target) fresh(chain, key []byte) secret {
	return secret{
		APIVersion: "v1", Kind: "Secret", Type: tlsType,
		Metadata: metadata{Name: t.options.Secret, Labels: map[string]string{managedBy: us}},
		Data:     map[string][]byte{certKey: chain, keyKey: key},
	}
}

// pairOf gives what the Secret has at the keys that we write; nil where it has nothing.
func pairOf(s *secret) map[string][]byte {
	return map[string][]byte{certKey: s.Data[certKey], keyKey: s.Data[keyKey]}
}

// accepts tells why the Secret must not be written, nil if it may.
func (t *Target) accepts(s *secret) error {
	_, hasCert := s.Data[certKey]
	_, hasKey := s.Data[keyKey]
	switch {
	case s.Immutable:
		return fault.New(fault.Configuration, "the Secret is immutable; delete it, and it will be made anew, or name another")
	case s.Type == opaqueType && !(hasCert && hasKey):
		return fault.New(fault.Configuration, "the Secret is of type Opaque and does not hold tls.crt and tls.key, so it is of something else; name another")
	case s.Type != tlsType && s.Type != opaqueType:
		return fault.New(fault.Configuration, "the Secret is of type %s, which cannot be changed; delete it, and it will be made anew as %s, or name another", s.Type, tlsType)
	}
	if by := certManager(s); by != "" && !t.options.TakeOverCertManager {
		return fault.New(fault.Configuration, "cert-manager keeps this Secret (%s) and would write its own certificate again; delete its Certificate first, or set take_over_cert_manager: true", by)
	}
	return nil
}

const certManagerGroup = "cert-manager.io"

// certManager tells by what a Secret of cert-manager is known, empty if it is none.
func certManager(s *secret) string {
	for name, value := range s.Metadata.Annotations {
		if strings.HasPrefix(name, certManagerGroup+"/") {
			if value == "" {
				return "annotation " + name
			}
			return fmt.Sprintf("annotation %s: %s", name, value)
		}
	}
	for _, o := range s.Metadata.OwnerReferences {
		if group, _, _ := strings.Cut(o.APIVersion, "/"); group == certManagerGroup {
			return fmt.Sprintf("owner %s %s", o.Kind, o.Name)
		}
	}
	return ""
}

// explained says of an error which Role mends it.
func explained(err error, doing string) error {
	return kube.Explained(err, doing, "docs/targets-cloud.md shows the Role it needs")
}

// how a write is meant.
type effect string

const (
	dry     effect = "All"
	forReal effect = ""
)

func (t *Target) one(r *rest.Request) *rest.Request {
	return r.Namespace(t.options.Namespace).Resource("secrets").Name(t.options.Secret).MaxRetries(0)
}

func written(r *rest.Request, e effect) *rest.Request {
	if e != forReal {
		r = r.Param("dryRun", string(e))
	}
	return r.Param("fieldManager", us)
}

// get reads the Secret; nil if there is none.
func (t *Target) get(ctx context.Context) (*secret, error) {
	res := t.one(t.client.Get()).Do(ctx)
	if err := res.Error(); err != nil {
		if kube.Absent(err) {
			return nil, nil
		}
		return nil, explained(err, "read it")
	}
	raw, err := res.Raw()
	if err != nil {
		return nil, err
	}
	var s secret
	if err := json.Unmarshal(raw, &s); err != nil || s.Kind != "Secret" {
		return nil, fault.New(fault.Configuration, "what answers is no Kubernetes API server: it sent no Secret; correct the kubeconfig")
	}
	return &s, nil
}

func (t *Target) create(ctx context.Context, s secret, e effect) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	r := t.client.Post().Namespace(t.options.Namespace).Resource("secrets").MaxRetries(0)
	return explained(written(r, e).Body(body).Do(ctx).Error(), "create it")
}

// patch writes values at keys of the data (nil removes one), if the Secret still
// is as it was read. The API server changes nothing where nothing differs.
func (t *Target) patch(ctx context.Context, s *secret, data map[string][]byte, e effect) error {
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"resourceVersion": s.Metadata.ResourceVersion, "uid": s.Metadata.UID},
		"data":     data,
	})
	if err != nil {
		return err
	}
	r := t.one(t.client.Patch(types.MergePatchType))
	return explained(written(r, e).Body(body).Do(ctx).Error(), "change it")
}

// delete removes the Secret if it still is as it was read.
func (t *Target) delete(ctx context.Context, s *secret) error {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "DeleteOptions",
		"preconditions": map[string]string{"uid": s.Metadata.UID, "resourceVersion": s.Metadata.ResourceVersion},
	})
	if err != nil {
		return err
	}
	err = t.one(t.client.Delete()).Body(body).Do(ctx).Error()
	if kube.Absent(err) {
		return nil
	}
	return explained(err, "delete it")
}

// mayDelete makes sure that a Secret which we make can be taken away again.
func (t *Target) mayDelete(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]string{
			"namespace": t.options.Namespace, "verb": "delete", "resource": "secrets", "version": "v1", "name": t.options.Secret,
		}},
	})
	if err != nil {
		return err
	}
	res := t.client.Post().AbsPath("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").Body(body).MaxRetries(0).Do(ctx)
	if err := res.Error(); err != nil {
		return explained(err, "ask whether it may be deleted")
	}
	raw, err := res.Raw()
	if err != nil {
		return err
	}
	var review struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	if err := json.Unmarshal(raw, &review); err != nil {
		return err
	}
	if !review.Status.Allowed {
		return fault.New(fault.Configuration, "there is no Secret yet, and rolling back would have to delete what was made: grant delete on secrets %q, or make it beforehand, with an empty tls.crt and tls.key", t.options.Secret)
	}
	return nil
}
