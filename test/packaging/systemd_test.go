package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var (
	program = regexp.MustCompile(`/usr/bin/(neverlapse-[a-z]+)`)
	flag    = regexp.MustCompile(`--([a-z-]+)`)
)

// parsers are the files that declare the flags of a program.
var parsers = map[string]string{"neverlapse-worker": "worker/main.go", "neverlapse-engine": "deploy/engine/flags.go"}

// units gives the units as they lie in a folder of the test, with programs that exist.
func units(t *testing.T) (dir string, files map[string]string) {
	t.Helper()
	dir, files = t.TempDir(), map[string]string{}
	found, err := filepath.Glob(filepath.Join(root, "deploy/systemd/*.service"))
	if err != nil || len(found) < 3 {
		t.Fatalf("units: %v, %v", found, err)
	}
	for _, f := range found {
		name := strings.Replace(filepath.Base(f), "@.", "@web7.", 1)
		files[name] = text(t, "deploy/systemd/"+filepath.Base(f))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(program.ReplaceAllString(files[name], "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, files
}

func TestSystemdUnderstandsTheUnits(t *testing.T) {
	analyze := targettest.NeedProgram(t, "systemd-analyze")
	dir, files := units(t)
	for name := range files {
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", filepath.Join(dir, name)).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	broken := filepath.Join(dir, "broken.service")
	if err := os.WriteFile(broken, []byte("[Service]\nExecStart=/nowhere/to/be/found\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", broken).CombinedOutput(); err == nil {
		t.Errorf("a unit without a program passes, so the check checks nothing:\n%s", out)
	}
}

// Exposure is systemd's own figure from 0 to 10, here times ten; 30 is where it begins to be "medium" for a service.
func TestTheUnitsThatNeedNoRootAreConfined(t *testing.T) {
	analyze := targettest.NeedProgram(t, "systemd-analyze")
	dir, _ := units(t)
	for _, name := range []string{"neverlapse-worker.service", "neverlapse-engine.service"} {
		if out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=25", "--no-pager", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestTheUnitsGiveFlagsThatTheProgramsKnow(t *testing.T) {
	_, files := units(t)
	for name, unit := range files {
		for _, line := range strings.Split(unit, "\n") {
			called := program.FindStringSubmatch(line)
			if called == nil || !strings.HasPrefix(line, "Exec") {
				continue
			}
			declared := text(t, parsers[called[1]])
			for _, f := range flag.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(declared, `"`+f[1]+`"`) {
					t.Errorf("%s: %s knows no --%s", name, called[1], f[1])
				}
			}
		}
	}
}
