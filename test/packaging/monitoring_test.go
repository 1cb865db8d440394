package packaging_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
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
