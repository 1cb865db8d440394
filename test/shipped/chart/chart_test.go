// Package chart_test judges the chart of deploy/helm by those who read it: Helm's
// own library renders and lints it, the types and the server of Kubernetes take
// the manifests, and the worker takes its configuration.
package chart_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
)

const (
	root      = "../../.."
	chartPath = root + "/deploy/helm/neverlapse"
	release   = "neverlapse"
	namespace = "certificates"
)

func TestMain(m *testing.M) {
	slog.SetLogLoggerLevel(slog.LevelError) // Helm tells of every link, and of every value that lint does without
	kubetest.Main(m)
}

// installations are the values of testdata, by name.
func installations(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("testdata has no values")
	}
	out := map[string]map[string]any{}
	for _, file := range files {
		out[strings.TrimSuffix(filepath.Base(file), ".yaml")] = values(t, file)
	}
	return out
}

func values(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	return parse(t, string(data))
}

func parse(t *testing.T, text string) (out map[string]any) {
	t.Helper()
	must(t, yaml.Unmarshal([]byte(text), &out))
	return out
}

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartPath)
	must(t, err)
	return c
}

// render gives what Helm would send to a cluster, and the notes.
func render(t *testing.T, values map[string]any) (objects []*unstructured.Unstructured, notes string) {
	t.Helper()
	files, err := rendered(t, values)
	must(t, err)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			notes = files[name]
			continue
		}
		objects = append(objects, documents(t, name, files[name])...)
	}
	return objects, notes
}

func rendered(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	c := load(t)
	v, err := util.ToRenderValues(c, values, common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(c, v)
}

func documents(t *testing.T, name, text string) (out []*unstructured.Unstructured) {
	t.Helper()
	reader := k8syaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		must(t, err)
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &o.Object); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, document)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// one is the object of a kind and name, which must be there.
func one(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

func at(t *testing.T, o *unstructured.Unstructured, fields ...string) string {
	t.Helper()
	s, found, err := unstructured.NestedString(o.Object, fields...)
	must(t, err)
	if !found {
		t.Fatalf("%s %s has no %s", o.GetKind(), o.GetName(), strings.Join(fields, "."))
	}
	return s
}

func TestHelmFindsNoFaultWithTheChart(t *testing.T) {
	all := installations(t)
	all["what it brings"] = nil
	for name, values := range all {
		for _, m := range lint.RunAll(chartPath, values, namespace).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

// What the chart shows of deploy/ is there once, and links lead to it.
func TestTheChartCarriesWhatIsKeptElsewhereInDeploy(t *testing.T) {
	inChart := map[string]string{}
	for _, f := range load(t).Files {
		inChart[f.Name] = string(f.Data)
	}
	seen := 0
	for link, glob := range map[string]string{"files/rules": "prometheus/rules/*", "files/dashboards": "grafana/*", "files/namespace.sh": "compose/namespace.sh", "files/search-attributes": "compose/search-attributes"} {
		if info, err := os.Lstat(filepath.Join(chartPath, link)); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link: %v", link, err)
		}
		originals, err := filepath.Glob(filepath.Join(root, "deploy", glob))
		must(t, err)
		for _, original := range originals {
			seen++
			data, err := os.ReadFile(original)
			must(t, err)
			name := link
			if filepath.Base(link) != filepath.Base(original) {
				name += "/" + filepath.Base(original)
			}
			if inChart[name] != string(data) {
				t.Errorf("%s of the chart is not %s", name, original)
			}
		}
	}
	if seen < 7 {
		t.Errorf("only %d files were compared", seen)
	}
	objects, _ := render(t, installations(t)["postgres"])
	rules := values(t, filepath.Join(root, "deploy/prometheus/rules/neverlapse.yaml"))
	if got := one(t, objects, "PrometheusRule", "neverlapse-neverlapse").Object["spec"]; !same(t, got, rules) {
		t.Error("the PrometheusRule has other rules than deploy/prometheus/rules")
	}
	board, err := os.ReadFile(filepath.Join(root, "deploy/grafana/neverlapse-fleet.json"))
	must(t, err)
	if got := at(t, one(t, objects, "ConfigMap", "neverlapse-neverlapse-fleet"), "data", "neverlapse-fleet.json"); strings.TrimSpace(got) != strings.TrimSpace(string(board)) {
		t.Error("the dashboard is not that of deploy/grafana")
	}
	script, err := os.ReadFile(filepath.Join(root, "deploy/compose/namespace.sh"))
	must(t, err)
	if got := at(t, one(t, objects, "ConfigMap", "neverlapse-namespace"), "data", "namespace.sh"); strings.TrimSpace(got) != strings.TrimSpace(string(script)) {
		t.Errorf("the Job runs another script:\n%s", got)
	}
}

func TestNonsenseIsRefusedAndSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"replicas: three":       "got string, want integer",
		"replicas: -1":          "minimum",
		"replica: 2":            "additional properties 'replica' not allowed",
		"store: {kind: sqlite}": "value must be one of 'files', 'postgres', 's3'",
		"temporal: {address: 'https://temporal:7233'}": "does not match pattern",
		"secrets: [a, a]":                           "items at 0 and 1 are equal",
		"secrets: [../etc]":                         "does not match pattern",
		"temporal: {tls: {cert: x}}":                "additional properties 'cert' not allowed",
		"metrics: {serviceMonitor: {interval: 30}}": "want string",
		"image: {repository: ''}":                   "image.repository: missing; build the image",
		"temporal: {address: ''}":                   "temporal.address: missing",
		"store: {secretName: ''}":                   "store.secretName: missing",
		"replicas: 2":                               "2 workers cannot share a store of the kind files",
		"config: {data: /tmp}":                      "config.data: the chart sets it",
		"config: {temporal: {tls: {}}}":             "config.temporal.tls: the chart sets it; take it out of config, and use of the chart's values: temporal.tls",
		"config: {store: {kind: s3}}":               "config.store: the chart sets it",
		"config: {acme_http: {peers: [x]}}":         "config.acme_http.peers: the chart sets it",
		"files: {neverlapse.yaml: x}":               "neverlapse.yaml is the configuration itself",
		"files: {../x: y}":                          "does not match pattern",
		"ingress: {enabled: true}":                  "ingress.host: missing",
		"serviceAccount: {create: false}":           "serviceAccount.name: missing",
		"{acmeHTTP: {enabled: false}, acmeIngress: {hosts: [a.example.com]}}": "nothing answers challenges",
		"{metrics: {enabled: false, serviceMonitor: {enabled: true}}}":        "there is nothing to scrape",
	} {
		v := util.CoalesceTables(parse(t, text), installations(t)["files"])
		if _, err := rendered(t, v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestTheNotesNameWhatToDoNext(t *testing.T) {
	_, notes := render(t, installations(t)["files"])
	for _, want := range []string{"temporal-frontend.temporal:7233", "kubectl -n certificates rollout status deployment/neverlapse", "Keep a copy of the Secret neverlapse-store", "for one worker", "page.secretName"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	_, notes = render(t, installations(t)["s3"])
	if !strings.Contains(notes, "yours to make") || strings.Contains(notes, "for one worker") {
		t.Errorf("the notes:\n%s", notes)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same tells whether two values are the same once they are written.
func same(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := yaml.Marshal(a)
	must(t, err)
	y, err := yaml.Marshal(b)
	must(t, err)
	return bytes.Equal(x, y)
}
