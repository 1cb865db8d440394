package packaging_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pinned is an image with a version that names at least major and minor.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+`)

func TestEveryImageHasAVersion(t *testing.T) {
	for name, s := range compose(t).Services {
		if s.Build.Context == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: %q names no version", name, s.Image)
		}
	}
	for _, line := range strings.Split(text(t, "deploy/Dockerfile"), "\n") {
		f := strings.Fields(line)
		if len(f) > 1 && f[0] == "FROM" && f[1] != "scratch" && !pinned.MatchString(f[1]) {
			t.Errorf("Dockerfile: %q names no version", f[1])
		}
	}
}

// Server, schema and UI belong together, and the compose file runs the server
// that the tests run.
func TestTheVersionsOfTemporalBelongTogether(t *testing.T) {
	services, engine := compose(t).Services, text(t, "deploy/engine/go.mod")
	for name, module := range map[string]string{
		"schema": "go.temporal.io/server", "temporal": "go.temporal.io/server", "namespace": "go.temporal.io/server", "ui": "github.com/temporalio/ui-server/v2",
	} {
		_, version, _ := strings.Cut(services[name].Image, ":")
		if !strings.Contains(engine, module+" v"+version+"\n") {
			t.Errorf("%s runs %q; deploy/engine/go.mod has another version of %s", name, version, module)
		}
	}
}

func TestNothingListensForOthers(t *testing.T) {
	published := 0
	for name, s := range compose(t).Services {
		for _, p := range s.Ports {
			published++
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %q is open to others", name, p)
			}
		}
	}
	if published != 5 {
		t.Errorf("%d ports are published; want those of the Web UI, a worker, Prometheus, Alertmanager and Grafana", published)
	}
}

// assigned finds a value given to something that is called like a secret.
var assigned = regexp.MustCompile(`(?i)(password|passwd|_pwd|secret|token|api_?key)\w*["']?\s*[:=]\s*["']?[^\s"'{\[$|]`)

func TestNoSecretIsInAFile(t *testing.T) {
	for line, want := range map[string]bool{
		"POSTGRES_PASSWORD: temporal": true, "token=xoxb-1": true, "POSTGRES_PASSWORD_FILE: /run/x": true,
		"secrets: [postgres_password]": false, "POSTGRES_PWD=$(cat x)": false,
	} {
		if assigned.MatchString(line) != want {
			t.Errorf("%q: want %v", line, want)
		}
	}
	for _, file := range append(shipped(t), "docker-compose.yml", "deploy/Dockerfile") {
		for i, line := range strings.Split(text(t, file), "\n") {
			code, _, _ := strings.Cut(line, "#")
			if m := assigned.FindString(code); m != "" && !strings.Contains(strings.ToLower(code), "_file") && !strings.Contains(code, "/run/secrets/") {
				t.Errorf("%s:%d: %q looks like a secret", file, i+1, strings.TrimSpace(code))
			}
		}
	}
}

// shipped are the files of deploy/compose that are committed.
func shipped(t *testing.T) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "deploy", "compose"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			out = append(out, "deploy/compose/"+e.Name())
		}
	}
	return out
}

func TestNoContainerMayDoMoreThanItNeeds(t *testing.T) {
	for name, s := range compose(t).Services {
		if !s.ReadOnly || s.Privileged || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: wants read_only, no-new-privileges and no privileged", name)
		}
		// The image of PostgreSQL begins as root, to take over its folder.
		if name != "postgres" && (s.User == "" || strings.HasPrefix(s.User, "0") || s.User == "root" || !slices.Contains(s.CapDrop, "ALL")) {
			t.Errorf("%s: wants a user and no capabilities", name)
		}
	}
}

func TestEveryServiceStartsAfterWhatItNeeds(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		for other, d := range s.DependsOn {
			needed, ok := c.Services[other]
			switch {
			case !ok:
				t.Errorf("%s needs %s, which is no service", name, other)
			case d.Condition == "service_healthy" && len(needed.Healthcheck.Test) == 0:
				t.Errorf("%s waits for %s to be healthy, which has no healthcheck", name, other)
			case d.Condition == "service_completed_successfully" && !strings.HasPrefix(needed.Restart, "on-failure"):
				t.Errorf("%s waits for %s to end, which is restarted: %q", name, other, needed.Restart)
			case d.Condition != "service_healthy" && d.Condition != "service_completed_successfully":
				t.Errorf("%s needs %s under the condition %q", name, other, d.Condition)
			}
		}
		for _, n := range s.Networks {
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s: there is no network %s", name, n)
			}
		}
		for _, x := range s.Secrets {
			if _, ok := c.Secrets[x]; !ok {
				t.Errorf("%s: there is no secret %s", name, x)
			}
		}
	}
	if !c.Networks["database"].Internal || !c.Networks["temporal"].Internal || !c.Networks["monitoring"].Internal {
		t.Error("the networks of the database, of Temporal and of the metrics reach outside")
	}
}

func TestEveryMountedFileExists(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(from, "./") {
				if _, err := os.Stat(filepath.Join(root, from)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[from]; !ok {
				t.Errorf("%s: there is no volume %s", name, from)
			}
		}
	}
}
