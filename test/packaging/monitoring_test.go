package packaging_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// here gives what a service mounts, as it lies in this tree.
func (s service) here(t *testing.T, path string) string {
	t.Helper()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Volumes {
		f := strings.Split(v, ":")
		if rest, ok := strings.CutPrefix(path, f[1]); ok && strings.HasPrefix(f[0], "./") {
			return filepath.Join(top, f[0]) + rest
		}
	}
	return path
}

// The Prometheus of the compose file is started by its own command with its own
// files: it takes the rules, and asks the worker where the worker tells.
func TestThePrometheusOfTheComposeFileTakesItsRulesAndAsksTheWorker(t *testing.T) {
	program := targettest.NeedProgram(t, "prometheus")
	s, dir := compose(t).Services["prometheus"], t.TempDir()
	file := filepath.Join(dir, "prometheus.yaml")
	written := strings.ReplaceAll(text(t, "deploy/compose/prometheus.yaml"), "/etc/prometheus/rules", s.here(t, "/etc/prometheus/rules"))
	if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	at := free(t)
	args := []string{"--web.listen-address=" + at}
	for _, a := range s.Command {
		a = strings.Replace(a, "=/etc/prometheus/prometheus.yaml", "="+file, 1)
		args = append(args, strings.Replace(a, "=/prometheus", "="+filepath.Join(dir, "tsdb"), 1))
	}
	start(t, program, args...)
	var rules struct {
		Data struct {
			Groups []struct{ Rules []struct{ Name string } }
		}
	}
	until(t, "http://"+at+"/api/v1/rules", &rules, func() bool { return len(rules.Data.Groups) > 0 })
	n := 0
	for _, g := range rules.Data.Groups {
		n += len(g.Rules)
	}
	if want := strings.Count(text(t, "deploy/prometheus/rules/neverlapse.yaml"), "- alert: "); n < want || want == 0 {
		t.Errorf("%d rules are taken, want %d", n, want)
	}
	var targets struct {
		Data struct {
			ActiveTargets []struct{ ScrapeURL string }
		}
	}
	until(t, "http://"+at+"/api/v1/targets", &targets, func() bool { return len(targets.Data.ActiveTargets) == 2 })
	c, err := config.Load(filepath.Join(root, "deploy/compose/neverlapse.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, worker := range []string{"worker", "worker-2"} {
		if want := "http://" + worker + c.Metrics.Listen + "/metrics"; !slices.ContainsFunc(targets.Data.ActiveTargets, func(a struct{ ScrapeURL string }) bool { return a.ScrapeURL == want }) {
			t.Errorf("%s tells at %s; asked are %v", worker, want, targets.Data.ActiveTargets)
		}
	}
}

// Alertmanager takes its file, and is where Prometheus looks for it.
func TestTheAlertmanagerOfTheComposeFileTakesItsFileAndPrometheusFindsIt(t *testing.T) {
	s := compose(t).Services["alertmanager"]
	file := s.here(t, strings.TrimPrefix(s.Command[0], "--config.file="))
	if out, err := exec.CommandContext(t.Context(), targettest.NeedProgram(t, "amtool"), "check-config", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	var written struct {
		Alerting struct {
			Alertmanagers []struct {
				StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
			}
		}
	}
	read(t, filepath.Join(root, "deploy/compose/prometheus.yaml"), &written)
	if got := written.Alerting.Alertmanagers[0].StaticConfigs[0].Targets; !slices.Equal(got, []string{"alertmanager:9093"}) {
		t.Errorf("Prometheus looks for Alertmanager at %q", got)
	}
}

// Grafana finds its dashboards and Prometheus: what is provisioned is mounted.
func TestTheGrafanaOfTheComposeFileHasItsDashboardsAndItsPrometheus(t *testing.T) {
	services := compose(t).Services
	s := services["grafana"]
	var provided struct {
		Providers []struct{ Options struct{ Path string } }
	}
	read(t, s.here(t, "/etc/grafana/provisioning/dashboards/neverlapse.yaml"), &provided)
	found, err := filepath.Glob(s.here(t, provided.Providers[0].Options.Path) + "/*.json")
	if err != nil || len(found) < 4 {
		t.Errorf("dashboards at %s: %v, %v", provided.Providers[0].Options.Path, found, err)
	}
	var sources struct{ Datasources []struct{ Type, URL string } }
	read(t, s.here(t, "/etc/grafana/provisioning/datasources/neverlapse.yaml"), &sources)
	if d := sources.Datasources[0]; d.Type != "prometheus" || d.URL != "http://prometheus:9090" || !slices.Contains(services["prometheus"].Networks, s.Networks[0]) {
		t.Errorf("Prometheus is looked for at %+v", d)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func start(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
}

// until asks for JSON until it says what is waited for.
func until(t *testing.T, url string, into any, done func() bool) {
	t.Helper()
	ask := func() error {
		r, err := http.Get(url)
		if err != nil {
			return err
		}
		defer func() { _ = r.Body.Close() }()
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", r.Status)
		}
		return json.NewDecoder(r.Body).Decode(into)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := ask()
		if err == nil && done() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v, %+v", url, err, into)
		}
	}
}
