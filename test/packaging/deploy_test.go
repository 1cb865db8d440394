package packaging_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/engine"
)

func TestTheWorkersConfigurationIsGood(t *testing.T) {
	c, err := config.Load(filepath.Join(root, "deploy/compose/neverlapse.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	services := compose(t).Services
	if want := services["namespace"].Environment["TEMPORAL_NAMESPACE"]; c.Temporal.Namespace != want {
		t.Errorf("namespace %q; the compose file makes %q", c.Temporal.Namespace, want)
	}
	if !strings.HasSuffix(services["worker"].Ports[0], c.HTTP.Listen) {
		t.Errorf("http.listen %q is not published: %q", c.HTTP.Listen, services["worker"].Ports)
	}
	if !strings.HasPrefix(c.Temporal.UIURL, "http://"+strings.TrimSuffix(services["ui"].Ports[0], ":8080")) {
		t.Errorf("temporal.ui_url %q is not where the UI is published: %q", c.Temporal.UIURL, services["ui"].Ports)
	}
	if !slices.Contains(services["worker"].Volumes, "data:"+c.Data) {
		t.Errorf("data %q is on no volume: %q", c.Data, services["worker"].Volumes)
	}
}

func TestTheSearchAttributesAreThoseOfTheEngine(t *testing.T) {
	var want []string
	for name, kind := range engine.SearchAttributes() {
		want = append(want, fmt.Sprintf("%s %s", name, kind))
	}
	slices.Sort(want)
	if got := strings.TrimSpace(text(t, "deploy/compose/search-attributes")); got != strings.Join(want, "\n") {
		t.Errorf("deploy/compose/search-attributes has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// The build line of the Dockerfile works, and gives programs that need nothing.
func TestTheImagesProgramsAreBuiltStatically(t *testing.T) {
	m := regexp.MustCompile(`CGO_ENABLED=0 go build (.*) -o /out/ (.*) \\`).FindStringSubmatch(text(t, "deploy/Dockerfile"))
	if m == nil {
		t.Fatal("the build line was not found")
	}
	out := t.TempDir() + "/"
	build := exec.CommandContext(t.Context(), "sh", "-c", "go build "+m[1]+" -o "+out+" "+m[2])
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for program, args := range map[string][]string{"worker": {"--version"}, "starter": {"version"}} {
		cmd := exec.CommandContext(t.Context(), out+program, args...)
		cmd.Env = []string{}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %v: %v\n%s", program, args, err, text)
		}
		if linked, err := exec.CommandContext(t.Context(), "ldd", out+program).CombinedOutput(); err == nil {
			t.Errorf("%s is linked with\n%s", program, linked)
		}
	}
}

// The image is built from these folders only, and they are all it needs.
func TestTheImageIsBuiltFromWhatItNeeds(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}", "./worker", "./starter")
	list.Dir = root
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	ignored := strings.Split(text(t, "deploy/Dockerfile.dockerignore"), "\n")
	if ignored[0] != "*" {
		t.Fatal("the first line should leave everything out")
	}
	for _, p := range strings.Fields(string(packages)) {
		top, _, _ := strings.Cut(strings.TrimPrefix(p, "github.com/neverlapse/neverlapse/"), "/")
		if !slices.Contains(ignored, "!"+top) {
			t.Errorf("%s is needed, and %s is left out by deploy/Dockerfile.dockerignore", p, top)
		}
	}
}

func TestSecretsAreMadeOnceAndForTheOwner(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "secrets")
	made := func() string {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), filepath.Join(root, "deploy/compose/secrets.sh"), folder).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		b, err := os.ReadFile(filepath.Join(folder, "postgres_password"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := made()
	if !regexp.MustCompile(`^[0-9a-f]{48}$`).MatchString(first) {
		t.Errorf("the password has %d characters, want 48 of 0-9a-f", len(first))
	}
	if made() != first {
		t.Error("the second run made another password")
	}
	if i, err := os.Stat(folder); err != nil || i.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v, %v", i.Mode(), err)
	}
}
