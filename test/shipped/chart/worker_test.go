package chart_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/neverlapse/neverlapse/internal/config"
)

// worker is the program, as the image has it.
func worker(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "neverlapse-worker")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./worker")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// mounted lays out below a folder what a worker's pod finds, and gives the path
// of its configuration.
func mounted(t *testing.T, values map[string]any, secrets map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	objects, _ := render(t, values)
	files, _, err := unstructured.NestedStringMap(one(t, objects, "ConfigMap", release).Object, "data")
	must(t, err)
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, path), []byte(text), mode))
	}
	for name, text := range files {
		write("etc/neverlapse/"+name, strings.NewReplacer("/etc/neverlapse/", dir+"/etc/neverlapse/", "/run/neverlapse/", dir+"/run/neverlapse/", "/var/lib/neverlapse", dir+"/data").Replace(text), 0o644)
	}
	write("kubeconfig", kubeconfig, 0o600)
	config := filepath.Join(dir, "etc/neverlapse/neverlapse.yaml")
	written, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, []byte(withoutAnAccount(t, string(written), filepath.Join(dir, "kubeconfig"))), 0o600))
	for path, text := range secrets {
		write("run/neverlapse/secrets/"+path, text, 0o440)
	}
	return config
}

// A worker in a pod uses the pod's account; a worker beside the test has none.
const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:6443"}}]
users: [{name: test, user: {token: test}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`

// withoutAnAccount has the kinds that use the pod's account use a kubeconfig.
func withoutAnAccount(t *testing.T, text, kubeconfig string) string {
	t.Helper()
	c := parse(t, text)
	for _, section := range []string{"targets", "sources"} {
		list, _ := c[section].([]any)
		for _, entry := range list {
			options := entry.(map[string]any)["options"].(map[string]any)
			if _, named := options["kubeconfig"]; !named {
				options["kubeconfig"] = kubeconfig
			}
		}
	}
	out, err := yaml.Marshal(c)
	must(t, err)
	return string(out)
}

var secretsOf = map[string]map[string]string{
	"files": {"neverlapse-store/store.key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"},
	"postgres": {
		"neverlapse-store/store.key":    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"neverlapse-store/database-url": "postgres://neverlapse:p@db.example.com/neverlapse?sslmode=verify-full",
		"slack/bot-token":               "xoxb-1", "slack/app-token": "xapp-1", "slack/kubeconfig": kubeconfig,
		"temporal-keys/2026-01": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"page-tokens/tokens":    "minji 0123456789abcdefghij\n",
	},
	"s3": {"neverlapse-store/store.key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "temporal-api-key/api-key": "key"},
}

// Whatever the values, the worker finds its configuration good.
func TestTheWorkerTakesTheConfiguration(t *testing.T) {
	program := worker(t)
	for name, values := range installations(t) {
		file := mounted(t, values, secretsOf[name])
		out, err := exec.CommandContext(t.Context(), program, "--config", file, "--check").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "the configuration is good") {
			text, _ := os.ReadFile(file)
			t.Errorf("%s: %v\n%s\nof\n%s", name, err, out, text)
		}
	}
}

// The configuration leads to what the pod has: its ports, volumes and Secrets.
func TestTheConfigurationIsOfThePod(t *testing.T) {
	for name, values := range installations(t) {
		objects, _ := render(t, values)
		text := at(t, one(t, objects, "ConfigMap", release), "data", "neverlapse.yaml")
		pod := pods(t, objects)[release].Spec.Containers[0]
		var c struct {
			Data     string
			Temporal struct{ Machine string }
			HTTP     struct{ Listen string }
			Metrics  struct{ Listen string }
			AcmeHTTP struct {
				Listen string
				Peers  []string
			} `json:"acme_http"`
		}
		must(t, yaml.Unmarshal([]byte(text), &c))
		listens := map[string]string{"http": c.HTTP.Listen, "metrics": c.Metrics.Listen, "acme": c.AcmeHTTP.Listen}
		for _, p := range pod.Ports {
			if want := fmt.Sprintf(":%d", p.ContainerPort); listens[p.Name] != want {
				t.Errorf("%s: %s listens at %q, and the pod has %s", name, p.Name, listens[p.Name], want)
			}
			delete(listens, p.Name)
		}
		for port, listen := range listens {
			if listen != "" {
				t.Errorf("%s: %s listens at %s, which is no port of the pod", name, port, listen)
			}
		}
		var mounts []string
		for _, m := range pod.VolumeMounts {
			mounts = append(mounts, m.MountPath)
		}
		if !slices.Contains(mounts, c.Data) {
			t.Errorf("%s: data %q is on no volume: %q", name, c.Data, mounts)
		}
		for _, word := range strings.Fields(text) {
			if strings.HasPrefix(word, "/run/") && !slices.Contains(mounts, filepath.Dir(word)) {
				t.Errorf("%s: %s is in no Secret that is mounted: %q", name, word, mounts)
			}
		}
		for _, peer := range c.AcmeHTTP.Peers {
			service, _, _ := strings.Cut(peer, ".")
			one(t, objects, "Service", service)
		}
		if alone := strings.Contains(text, "kind: files"); alone != (c.Temporal.Machine != "") {
			t.Errorf("%s: temporal.machine is %q; a worker that is made anew over the same volume keeps its name, and only that", name, c.Temporal.Machine)
		}
	}
}

// What a running worker takes on by itself restarts no pod; all else does.
func TestAPodIsRestartedForWhatCountsFromTheNextStartOnly(t *testing.T) {
	digest := func(section string, changed any) (string, error) {
		v := installations(t)["files"]
		if section != "" {
			v["config"] = map[string]any{section: changed}
		}
		files, err := rendered(t, v)
		if err != nil {
			return "", err
		}
		_, after, _ := strings.Cut(files["neverlapse/templates/deployment.yaml"], "neverlapse/restart-digest: ")
		sum, _, _ := strings.Cut(after, "\n")
		return sum, nil
	}
	before, err := digest("", nil)
	must(t, err)
	if len(before) != 64 {
		t.Fatalf("no digest: %q", before)
	}
	sections, looked := reflect.TypeFor[config.Config](), 0
	for i := range sections.NumField() {
		section := sections.Field(i).Tag.Get("mapstructure")
		changed := any(map[string]any{"changed": true})
		if sections.Field(i).Type.Kind() == reflect.Slice {
			changed = []any{map[string]any{"kind": "changed"}}
		}
		if section == "-" || section == "" || section == "log" { // the chart's own values have a log
			continue
		}
		after, err := digest(section, changed)
		if err != nil && strings.Contains(err.Error(), "the chart sets it") {
			continue
		}
		must(t, err)
		looked++
		if restarts := after != before; restarts == slices.Contains(config.Live(), section) {
			t.Errorf("%s: a change restarts pods: %v", section, restarts)
		}
	}
	if looked < 20 {
		t.Errorf("only %d sections were looked at", looked)
	}
}
