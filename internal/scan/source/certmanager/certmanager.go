// Package certmanager is the source of the kind cert-manager: the Certificates
// that cert-manager keeps in a cluster, and how their renewals are getting on. It
// also has cert-manager renew one, as its own tool cmctl does. app builds it from
// the options.
//
// The certificate is taken from its CertificateRequest, so Secrets are neither
// read nor written. What cert-manager does it leaves to cert-manager.
package certmanager

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/chains"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// Kind is the name of the kind in configurations, and of its places.
const Kind = "cert-manager"

const certificates = "certificates"

// Source is cert-manager in a cluster, or in some namespaces of one.
type Source struct {
	name   string
	where  cluster.Where
	grace  time.Duration
	client *rest.RESTClient
	judge  *scan.Scanner
}

// New makes a source of the kind cert-manager. It reads the kubeconfig and dials nobody.
func New(name string, o Options, judge *scan.Scanner) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	client, err := o.Client()
	if err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	return &Source{name: name, where: o.WithDefaults(name), grace: o.grace(), client: client, judge: judge}, nil
}

// Look lists up to a hundred Certificates of one namespace, or of all.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	t, err := cluster.ReadToken(page, len(s.where.Namespaces))
	if err != nil {
		return source.Page{}, fmt.Errorf("source %q: %w", s.name, err)
	}
	namespace := s.where.Namespaces[t.Part]
	about := "Certificates in all namespaces"
	if namespace != "" {
		about = "Certificates in the namespace " + namespace
	}
	progress(about)
	out := source.Page{About: about}
	next, err := s.look(ctx, namespace, t, &out, progress)
	switch {
	case err == nil:
	case len(s.where.Namespaces) > 1 && apierrors.IsForbidden(err):
		next = t.Behind("")
		out = source.Page{About: about, Failed: []source.Failure{{Places: s.where.Place(Kind, namespace, ""), Why: scan.Clean(err.Error())}}}
	default:
		return source.Page{}, fmt.Errorf("source %q: %s: %w", s.name, about, err)
	}
	out.Next, err = next.Bytes(len(s.where.Namespaces))
	return out, err
}

func (s *Source) look(ctx context.Context, namespace string, t cluster.Token, out *source.Page, progress func(string)) (cluster.Token, error) {
	listed, rest, err := list[certificate](ctx, s, group, namespace, certificates, "", &t.Continue)
	if again, forgotten := t.Forgotten(err); forgotten {
		return again, nil
	}
	if err != nil {
		return t, err
	}
	slices.SortStableFunc(listed, func(a, b certificate) int {
		return compare(a.Metadata.Namespace, b.Metadata.Namespace)
	})
	var in string
	var requests []request
	for i, c := range listed {
		if i == 0 || c.Metadata.Namespace != in {
			in = c.Metadata.Namespace
			progress("CertificateRequests in the namespace " + in)
			if requests, _, err = list[request](ctx, s, group, in, "certificaterequests", "", nil); err != nil {
				return t, err
			}
		}
		x, err := s.sighting(ctx, c, requests)
		if err != nil {
			return t, err
		}
		out.Sightings = append(out.Sightings, x)
	}
	return t.Behind(rest), nil
}

// sighting is what a Certificate has, and what its renewal lacks.
func (s *Source) sighting(ctx context.Context, c certificate, requests []request) (source.Sighting, error) {
	at := s.where.At(Kind, c.Metadata)
	at.RenewedBy = Kind
	present, under := of(c, requests)
	code, why := c.trouble(s.judge.Now(), s.grace)
	if code != "" {
		story, err := s.story(ctx, c, under)
		if err != nil {
			return at, err
		}
		why = cut(why + story)
	}
	certs, err := chains.Public(present.Status.Certificate)
	if err == nil && len(certs) > 0 {
		at = certs.Sightings(s.judge, at)[0]
	} else if at = chains.Troubled(at, unknown(c, err)); code != "" {
		at.Trouble = why
	}
	if code != "" {
		at.Findings = append([]cert.Finding{cert.Find(code, why)}, at.Findings...)
	}
	return at, nil
}

// unknown says why there is no certificate to show.
func unknown(c certificate, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("the CertificateRequest of revision %d holds no certificate: %v", c.Status.Revision, err)
	case c.Status.Revision == 0:
		return "cert-manager has not issued it yet"
	}
	return fmt.Sprintf("the CertificateRequest of revision %d is gone, and Secrets are not read here; a source of the kind kubernetes shows what is in the Secret %s", c.Status.Revision, c.Spec.SecretName)
}

// of finds the request that the present certificate came from, and the one that
// is under way or failed behind it, if there is one.
func of(c certificate, all []request) (present, under request) {
	for _, r := range all {
		if r.Metadata.Annotations[nameKey] != c.Metadata.Name || !r.belongs(c) {
			continue
		}
		switch n := r.revision(); {
		case n == c.Status.Revision && n > 0:
			present = r
		case n > c.Status.Revision && n >= under.revision():
			under = r
		}
	}
	return present, under
}

// belongs: a request of a Certificate that was deleted and made anew is not its.
func (r request) belongs(c certificate) bool {
	return slices.ContainsFunc(r.Metadata.OwnerReferences, func(o cluster.Owner) bool { return o.UID == c.Metadata.UID })
}
