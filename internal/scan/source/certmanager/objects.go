package certmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// The API groups, as they have been since cert-manager 1.0.
const (
	group     = "/apis/cert-manager.io/v1"
	acmeGroup = "/apis/acme.cert-manager.io/v1"
	core      = "/api/v1"
)

// certificate is what we need to know of a Certificate.
type certificate struct {
	Metadata cluster.Metadata `json:"metadata"`
	Spec     struct {
		SecretName string   `json:"secretName"`
		CommonName string   `json:"commonName"`
		DNSNames   []string `json:"dnsNames"`
	} `json:"spec"`
	Status struct {
		Conditions      []condition `json:"conditions"`
		LastFailureTime time.Time   `json:"lastFailureTime"`
		RenewalTime     time.Time   `json:"renewalTime"`
		NotAfter        time.Time   `json:"notAfter"`
		Revision        int         `json:"revision"`
		FailedAttempts  int         `json:"failedIssuanceAttempts"`
	} `json:"status"`
}

type condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	LastTransitionTime time.Time `json:"lastTransitionTime"`
	Reason             string    `json:"reason"`
	Message            string    `json:"message"`
}

func find(all []condition, kind string) condition {
	for _, c := range all {
		if c.Type == kind {
			return c
		}
	}
	return condition{Type: kind}
}

// request is a CertificateRequest. Its certificate is public; cert-manager keeps
// the key in a Secret, which nobody here reads.
type request struct {
	Metadata cluster.Metadata `json:"metadata"`
	Status   struct {
		Conditions  []condition `json:"conditions"`
		Certificate []byte      `json:"certificate"` // PEM
	} `json:"status"`
}

const (
	nameKey     = "cert-manager.io/certificate-name"
	revisionKey = "cert-manager.io/certificate-revision"
)

func (r request) revision() int {
	n, err := strconv.Atoi(r.Metadata.Annotations[revisionKey])
	if err != nil {
		return 0
	}
	return n
}

// step is an Order or a Challenge.
type step struct {
	Metadata cluster.Metadata `json:"metadata"`
	Spec     struct {
		Type    string `json:"type"`
		DNSName string `json:"dnsName"`
	} `json:"spec"`
	Status struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	} `json:"status"`
}

type event struct {
	Type          string    `json:"type"`
	Reason        string    `json:"reason"`
	Message       string    `json:"message"`
	LastTimestamp time.Time `json:"lastTimestamp"`
	Involved      struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"involvedObject"`
}

const (
	perPage  = 100
	maxBytes = 64 << 20
)

// rights mends a 403.
const rights = "docs/cert-manager.md shows the ClusterRole that the worker needs"

// list gives objects of a kind, up to perPage if from is not nil, and the token
// of those behind them; otherwise all there are.
func list[T any](ctx context.Context, s *Source, path, namespace, plural, fields string, from *string) (out []T, rest string, err error) {
	for {
		ctx, cancel := context.WithTimeout(ctx, s.where.Timeout)
		rest, err = page(ctx, s, path, namespace, plural, fields, value(from, rest), &out)
		cancel()
		if err != nil || rest == "" || from != nil {
			return out, rest, err
		}
	}
}

func value(from *string, rest string) string {
	if from != nil {
		return *from
	}
	return rest
}

func page[T any](ctx context.Context, s *Source, path, namespace, plural, fields, from string, out *[]T) (string, error) {
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	r := s.client.Get().AbsPath(path, plural).MaxRetries(0).Param("limit", strconv.Itoa(perPage))
	if from != "" {
		r = r.Param("continue", from)
	}
	if fields != "" {
		r = r.Param("fieldSelector", fields)
	}
	if plural == certificates && s.where.Labels != "" {
		r = r.Param("labelSelector", s.where.Labels)
	}
	body, err := r.Stream(ctx)
	if err != nil {
		return "", explained(err, "list "+plural)
	}
	defer body.Close()
	head, err := kube.Items(io.LimitReader(body, maxBytes), func(raw json.RawMessage) error {
		var x T
		if err := json.Unmarshal(raw, &x); err != nil {
			return fault.New(fault.Configuration, "one of the %s cannot be read: %w", plural, err)
		}
		*out = append(*out, x)
		return nil
	})
	return head.Continue, err
}

// explained says of a cluster without cert-manager that it has none.
func explained(err error, doing string) error {
	if apierrors.IsNotFound(err) {
		return fault.New(fault.Configuration, "cannot %s: cert-manager is not installed there, or older than 1.0: %w", doing, err)
	}
	return kube.Explained(err, doing, rights)
}

func where(kind string, m cluster.Metadata) string { return fmt.Sprintf("%s %s", kind, m.Name) }
