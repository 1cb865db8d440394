package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
	"github.com/neverlapse/neverlapse/internal/scan/source/kubernetes"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func TestKubernetesKeepsTheContract(t *testing.T) {
	w := newWorld(t)
	want := map[string]cert.Fingerprint{}
	pair := targettest.Fresh(t, "shop.test")
	for i := range 130 { // more than a page
		name := fmt.Sprintf("web-%03d", i)
		w.tls(t, w.a, name, pair)
		want["secret:prod/"+w.a+"/"+name] = targettest.FingerprintOf(pair)
	}
	other := targettest.Fresh(t, "other.test")
	w.put(t, w.b, "bundle", "Opaque", values{"bundle.pem": slices.Concat(other.Key, other.Chain), "password": []byte("opensesame")})
	want["secret:prod/"+w.b+"/bundle!bundle.pem"] = targettest.FingerprintOf(other)
	w.tls(t, w.b, "garbage", cert.Pair{Chain: []byte("\x00\x1b[31m"), Key: []byte("x")})
	want["secret:prod/"+w.b+"/garbage"] = ""
	w.tls(t, w.b, "empty", cert.Pair{Chain: []byte{}, Key: []byte{}})
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source {
			return w.open(t, "admin", func(o *kubernetes.Options) { o.OpaqueKeys = []string{"bundle.pem"} })
		},
		Want: want, Pages: 3,
		Secrets: []string{string(other.Key), base64Of(pair.Key), base64Of(other.Key), "opensesame", base64Of([]byte("opensesame"))},
	})
}

func TestASecretSaysWhoseItIsAndWhoRenewsIt(t *testing.T) {
	w := newWorld(t)
	w.tls(t, w.a, "plain", targettest.Fresh(t, "a.test"))
	w.tls(t, w.a, "told", targettest.Fresh(t, "b.test"), map[string]any{
		"annotations": map[string]any{"owner": "kim\x1b[31m", "cert-manager.io/certificate-name": "shop"},
		"labels":      map[string]any{"world": w.label, "team": "web", "environment": "dev"},
	})
	w.tls(t, w.a, "ours", targettest.Fresh(t, "c.test"), map[string]any{"labels": map[string]any{"world": w.label, "app.kubernetes.io/managed-by": "neverlapse", "squad": "ops"}})
	seen, _ := sourcetest.Look(t, w.open(t, "admin"))
	at := func(name string) source.Sighting { return seen["secret:prod/"+w.a+"/"+name] }
	if s := at("plain"); !s.Seen() || s.Host != "prod" || s.RenewedBy+s.Owner+s.Team != "" || s.Version.Names[0] != "a.test" {
		t.Errorf("plain: %+v", s)
	}
	if s := at("told"); s.Owner != "kim?[31m" || s.Team != "web" || s.Environment != "dev" || s.RenewedBy != "cert-manager, Certificate "+w.a+"/shop" {
		t.Errorf("told: %+v", s)
	}
	if !slices.ContainsFunc(at("plain").Findings, func(f cert.Finding) bool { return f.Code == cert.UntrustedRoot || f.Code == cert.ChainIncomplete }) {
		t.Errorf("nothing is found at a certificate of nobody's CA: %v", at("plain").Findings)
	}
	seen, _ = sourcetest.Look(t, w.open(t, "admin", func(o *kubernetes.Options) { o.Team = "squad" }))
	if s := at("ours"); s.RenewedBy != "Neverlapse" || s.Team != "ops" {
		t.Errorf("ours: %+v", s)
	}
}

func TestWhatDidNotChangeIsNotSentAgain(t *testing.T) {
	w := newWorld(t)
	pair := targettest.Fresh(t, "a.test")
	for i := range 30 {
		w.tls(t, w.a, fmt.Sprintf("web-%02d", i), pair)
	}
	proxy := w.between(t)
	s := w.open(t, "admin", through(t, proxy))
	first, _ := sourcetest.Look(t, s)
	whole, _ := proxy.took()
	again, _ := sourcetest.Look(t, s)
	unchanged, asked := proxy.took()
	if len(first) != 30 || !maps.EqualFunc(first, again, func(a, b source.Sighting) bool { return a.Version.Fingerprint == b.Version.Fingerprint }) {
		t.Errorf("%d places, and then %d", len(first), len(again))
	}
	if unchanged*3 > whole || len(asked) != 1 {
		t.Errorf("unchanged Secrets cost %d bytes by %q; all of them cost %d", unchanged, asked, whole)
	}
	renewed := targettest.Fresh(t, "a.test")
	w.Do(t, http.MethodPatch, "/api/v1/namespaces/"+w.a+"/secrets/web-07", map[string]any{"data": values{"tls.crt": renewed.Chain, "tls.key": renewed.Key}})
	w.Do(t, http.MethodDelete, "/api/v1/namespaces/"+w.a+"/secrets/web-08", nil)
	now, _ := sourcetest.Look(t, s)
	if _, asked := proxy.took(); len(now) != 29 || len(asked) != 2 || now["secret:prod/"+w.a+"/web-07"].Version.Fingerprint != targettest.FingerprintOf(renewed) {
		t.Errorf("%d places by %q; web-07 is %s", len(now), asked, now["secret:prod/"+w.a+"/web-07"].Version.Fingerprint.Short())
	}
	for i := range 20 { // too many to ask for one by one
		w.Do(t, http.MethodPatch, fmt.Sprintf("/api/v1/namespaces/%s/secrets/web-%02d", w.a, i+9), map[string]any{"data": values{"tls.crt": renewed.Chain, "tls.key": renewed.Key}})
	}
	now, _ = sourcetest.Look(t, s)
	if _, asked := proxy.took(); len(asked) != 2 || now["secret:prod/"+w.a+"/web-20"].Version.Fingerprint != targettest.FingerprintOf(renewed) {
		t.Errorf("by %q", asked)
	}
}

// A run that takes longer than the API server remembers goes on all the same.
func TestAListThatWasForgottenGoesOn(t *testing.T) {
	w := newWorld(t)
	pair := targettest.Fresh(t, "a.test")
	for i := range 110 {
		w.tls(t, w.a, fmt.Sprintf("web-%03d", i), pair)
	}
	s := w.open(t, "admin")
	first, err := s.Look(t.Context(), nil, func(string) {})
	must(t, err)
	w.Forget(t)
	rest, anew := map[string]bool{}, false
	for page := old(t, first.Next); page != nil; {
		p, err := s.Look(t.Context(), page, func(string) {})
		must(t, err)
		anew = anew || strings.Contains(string(p.Next), `"anew":1`)
		for _, x := range p.Sightings {
			rest[x.Place] = true
		}
		page = p.Next
	}
	for _, x := range first.Sightings {
		rest[x.Place] = true
	}
	if len(rest) != 110 || !anew {
		t.Errorf("%d places, want 110; the API server had forgotten: %t", len(rest), anew)
	}
}

// old makes a page's token one of the cluster's first moment.
func old(t testing.TB, page []byte) []byte {
	t.Helper()
	var ours, theirs map[string]any
	must(t, json.Unmarshal(page, &ours))
	raw, err := decodeToken(ours["continue"].(string))
	must(t, err)
	must(t, json.Unmarshal(raw, &theirs))
	theirs["rv"] = 2
	raw, err = json.Marshal(theirs)
	must(t, err)
	ours["continue"] = encodeToken(raw)
	page, err = json.Marshal(ours)
	must(t, err)
	return page
}

func list(namespaces ...string) func(*kubernetes.Options) {
	return func(o *kubernetes.Options) { o.Namespaces = namespaces }
}

// documented gives the rules that docs/sources-cloud.md calls enough.
func documented(t testing.TB) []map[string]any {
	t.Helper()
	page, err := os.ReadFile("../../../../docs/sources-cloud.md")
	must(t, err)
	_, after, _ := strings.Cut(string(page), "<!-- source-role:begin -->\n```yaml\n")
	text, _, found := strings.Cut(after, "```\n<!-- source-role:end -->")
	if !found {
		t.Fatal("docs/sources-cloud.md has no ClusterRole")
	}
	var role struct{ Rules []map[string]any }
	must(t, yaml.Unmarshal([]byte(text), &role))
	return role.Rules
}

func TestAMissingRightIsToldWithTheRuleThatMendsIt(t *testing.T) {
	w := newWorld(t)
	w.tls(t, w.a, "web", targettest.Fresh(t, "a.test"))
	w.Allow(t, w.a, "reader", documented(t)...)
	_, err := w.open(t, "stranger").Look(t.Context(), nil, func(string) {})
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), `{apiGroups: [""], resources: [secrets], verbs: [list]}`) {
		t.Errorf("Look = %v", err)
	}
	deadline := time.Now().Add(time.Minute) // a Role counts after a moment
	for {
		seen, failed := sourcetest.Look(t, w.open(t, "reader", list(w.a, w.b)))
		if len(seen) == 1 && len(failed) == 1 && failed[0].Places == "secret:prod/"+w.b+"/" && strings.Contains(failed[0].Why, "verbs: [list]") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, failed %v", seen, failed)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	for says, o := range map[string]kubernetes.Options{
		"namespaces[0]:":         {Where: cluster.Where{Namespaces: []string{"a/b"}}},
		"labels:":                {Where: cluster.Where{Labels: "=="}},
		"opaque_keys[0]:":        {OpaqueKeys: []string{"a/b"}},
		"private key, and those": {OpaqueKeys: []string{"tls.key"}},
		"cluster:":               {Where: cluster.Where{Cluster: "a/b"}},
		"timeout:":               {Where: cluster.Where{Timeout: time.Hour}},
		"context: goes with":     {Where: cluster.Where{Access: kube.Access{Context: "x"}}},
		"no such file":           {Where: cluster.Where{Access: kube.Access{Kubeconfig: filepath.Join(t.TempDir(), "gone")}}},
	} {
		if _, err := kubernetes.New("x", o, scan.New(scan.Options{})); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
}
