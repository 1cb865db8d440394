package certmanager_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/certmanager"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster/clustertest"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var worlds atomic.Int64

// world is a namespace of a cluster with the published definitions of
// cert-manager. Tests write what its controllers would write.
type world struct {
	*kubetest.Cluster
	namespace string
	label     string
}

func newWorld(t testing.TB) world {
	t.Helper()
	c := kubetest.Shared(t)
	crds, err := filepath.Glob("testdata/crds/*.yaml")
	must(t, err)
	c.Define(t, crds...)
	n := worlds.Add(1)
	w := world{c, fmt.Sprintf("cm%d", n), fmt.Sprintf("w%d", n)}
	w.Namespace(t, w.namespace)
	return w
}

type object = map[string]any

const (
	certManager = "/apis/cert-manager.io/v1/namespaces/"
	acme        = "/apis/acme.cert-manager.io/v1/namespaces/"
)

// make makes an object and writes its status; it gives the object's UID.
func (w world) make(t testing.TB, api, plural string, meta, spec, status object) string {
	t.Helper()
	at := api + w.namespace + "/" + plural
	var made struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	kind := map[string]string{"certificates": "Certificate", "certificaterequests": "CertificateRequest", "orders": "Order", "challenges": "Challenge"}[plural]
	version := "cert-manager.io/v1"
	if api == acme {
		version = "acme." + version
	}
	raw := w.Do(t, http.MethodPost, at, object{"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec})
	must(t, json.Unmarshal(raw, &made))
	if status != nil {
		w.Do(t, http.MethodPatch, fmt.Sprintf("%s/%s/status", at, meta["name"]), object{"status": status})
	}
	return made.Metadata.UID
}

// certificate makes one with a status.
func (w world) certificate(t testing.TB, name string, status object, meta ...object) string {
	t.Helper()
	m := object{"name": name, "labels": object{"world": w.label}}
	for _, x := range meta {
		for k, v := range x {
			m[k] = v
		}
	}
	return w.make(t, certManager, "certificates", m, object{"secretName": name + "-tls", "dnsNames": []string{name + ".test"}, "issuerRef": object{"name": "letsencrypt"}}, status)
}

func owner(kind, name, uid string) []any {
	version := "cert-manager.io/v1"
	if kind == "Order" {
		version = "acme." + version
	}
	return []any{object{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true}}
}

// request makes a CertificateRequest of a Certificate, with a certificate or a condition.
func (w world) request(t testing.TB, name, uid string, revision int, status object) string {
	t.Helper()
	return w.make(t, certManager, "certificaterequests", object{
		"name": fmt.Sprintf("%s-%d", name, revision), "ownerReferences": owner("Certificate", name, uid),
		"annotations": object{"cert-manager.io/certificate-name": name, "cert-manager.io/certificate-revision": fmt.Sprint(revision)},
	}, object{"request": []byte("a CSR"), "issuerRef": object{"name": "letsencrypt"}}, status)
}

func cond(kind, status, reason, message string, since time.Time) object {
	return object{"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since.UTC().Format(time.RFC3339)}
}

func issued(pair cert.Pair) object {
	return object{"certificate": pair.Chain, "conditions": []any{cond("Ready", "True", "Issued", "Certificate fetched from issuer successfully", time.Now())}}
}

func (w world) open(t testing.TB, user string, change ...func(*certmanager.Options)) *certmanager.Source {
	t.Helper()
	o := certmanager.Options{Where: clustertest.Where(t, w.Cluster, user, w.label)}
	for _, f := range change {
		f(&o)
	}
	s, err := certmanager.New("cm", o, scan.New(scan.Options{}))
	must(t, err)
	return s
}

func look(t testing.TB, s source.Source) map[string]source.Sighting {
	t.Helper()
	seen, _ := sourcetest.Look(t, s)
	return seen
}

func (w world) place(name string) string { return "cert-manager:prod/" + w.namespace + "/" + name }
