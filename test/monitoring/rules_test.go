// Package monitoring_test holds what watches Neverlapse against what it tells:
// the rules for Prometheus, the runbook and the dashboards.
package monitoring_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"go.yaml.in/yaml/v3"
)

const (
	root    = "../.."
	rules   = root + "/deploy/prometheus/rules/neverlapse.yaml"
	runbook = root + "/deploy/RUNBOOK.md"
	// runbookURL is where the rules say that the runbook is.
	runbookURL = "https://github.com/neverlapse/neverlapse/blob/main/deploy/RUNBOOK.md#"
)

type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) (out []rule) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal([]byte(read(t, rules)), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		out = append(out, g.Rules...)
	}
	if len(out) < 10 {
		t.Fatalf("%d rules", len(out))
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPromtoolFindsTheRulesGoodAndTheirTestsPass(t *testing.T) {
	t.Parallel()
	promtool := targettest.NeedProgram(t, "promtool")
	tests, err := filepath.Glob(root + "/deploy/prometheus/tests/*.yaml")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", rules}, append([]string{"test", "rules"}, tests...)} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestEveryAlertHasItsSectionOfTheRunbookAndATestThatSeesItFire(t *testing.T) {
	var tests string
	files, _ := filepath.Glob(root + "/deploy/prometheus/tests/*.yaml")
	for _, f := range files {
		tests += read(t, f)
	}
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (Neverlapse\w+)$`).FindAllStringSubmatch(read(t, runbook), -1) {
		sections[m[1]] = false
	}
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		if _, ok := sections[r.Alert]; !ok {
			t.Errorf("deploy/RUNBOOK.md has no section %s", r.Alert)
		}
		sections[r.Alert] = true
		if want := runbookURL + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s leads to %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || !slices.Contains([]string{"critical", "warning", "none"}, r.Labels["severity"]) {
			t.Errorf("%s lacks a summary, a description or a severity", r.Alert)
		}
		if !strings.Contains(tests, `alertname="`+r.Alert+`"`) && !strings.Contains(tests, "alertname: "+r.Alert) {
			t.Errorf("no test in deploy/prometheus/tests expects %s", r.Alert)
		}
	}
	for name, used := range sections {
		if !used {
			t.Errorf("deploy/RUNBOOK.md has a section %s, but there is no such alert", name)
		}
	}
}

// A link inside the runbook leads to one of its own sections.
func TestTheRunbookLeadsToSectionsThatItHas(t *testing.T) {
	body := read(t, runbook)
	anchors := map[string]bool{}
	punctuation := regexp.MustCompile(`[^a-z0-9_ -]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(body, -1) {
		anchors[strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	found := regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(body, -1)
	for _, m := range found {
		if !anchors[m[1]] {
			t.Errorf("there is no section #%s", m[1])
		}
	}
	if len(found) == 0 {
		t.Error("no link was found")
	}
}

func TestTheRulesAskOnlyForMetricsThatAreTold(t *testing.T) {
	known := told(t)
	for _, r := range readRules(t) {
		for _, name := range asked(r.Expr) {
			if !known[name] {
				t.Errorf("%s%s asks for %s, which nobody tells", r.Alert, r.Record, name)
			}
		}
	}
}

// asked finds the metrics of an expression. Labels and functions are called
// otherwise.
func asked(expr string) []string {
	return regexp.MustCompile(`\b(?:neverlapse|temporal|process|go)_[a-z0-9_]+`).FindAllString(strings.ReplaceAll(expr, "certificate:neverlapse", ""), -1)
}

// told are the names under which a worker tells something.
func told(t *testing.T) map[string]bool {
	t.Helper()
	m, err := metrics.New(metrics.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(metrics.Sources{Every: time.Second})
	out := map[string]bool{}
	for _, f := range m.Families() {
		out[f.Name] = true
		if f.Type == "histogram" {
			out[f.Name+"_bucket"], out[f.Name+"_sum"], out[f.Name+"_count"] = true, true, true
		}
	}
	there, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range there { // the process's own
		out[f.GetName()] = true
	}
	return out
}
