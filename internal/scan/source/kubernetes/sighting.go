package kubernetes

import (
	"strings"

	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/chains"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// sightings are what is in one Secret. One that is empty, as a controller makes
// it before it has a certificate, is no place.
func (s *Source) sightings(p part, o object) (out []source.Sighting) {
	for _, key := range p.keys {
		f, there := o.Found[key]
		if !there {
			continue
		}
		at := s.where.At(place, o.Metadata)
		at.RenewedBy = renewedBy(o.Metadata)
		if key != certKey {
			at.Place += "!" + key
		}
		if f.err != nil {
			out = append(out, chains.Troubled(at, key+": "+f.err.Error()))
			continue
		}
		out = append(out, f.certs.Sightings(s.judge, at)...)
	}
	return out[:min(len(out), chains.Most)]
}

const (
	certManagerGroup = "cert-manager.io"
	managedBy        = "app.kubernetes.io/managed-by"
)

// renewedBy tells who writes the Secret: cert-manager by an annotation or owner
// of its group, others by the label that Kubernetes recommends.
func renewedBy(m cluster.Metadata) string {
	if name := m.Annotations[certManagerGroup+"/certificate-name"]; name != "" {
		return "cert-manager, Certificate " + m.Namespace + "/" + scan.Clean(name)
	}
	for _, o := range m.OwnerReferences {
		if group, _, _ := strings.Cut(o.APIVersion, "/"); group == certManagerGroup {
			return "cert-manager, " + scan.Clean(o.Kind+" "+m.Namespace+"/"+o.Name)
		}
	}
	switch by := scan.Clean(m.Labels[managedBy]); strings.ToLower(by) {
	case kube.Us:
		return "Neverlapse"
	case "helm": // it installs the Secret, and renews nothing
		return ""
	default:
		return by
	}
}
