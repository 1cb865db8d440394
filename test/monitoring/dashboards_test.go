package monitoring_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var update = flag.Bool("update", false, "write deploy/grafana")

// The kinds of panels, as Grafana calls them.
const (
	stat   = "stat"
	series = "timeseries"
	table  = "table"
)

type query struct{ expr, legend string }

// panel is one picture. A unit is one of Grafana's.
type panel struct {
	title, kind, unit string
	width             int // of 24
	about             string
	queries           []query
}

type dashboard struct {
	uid, title, about string
	panels            []panel
}

func (d dashboard) file() string { return root + "/deploy/grafana/" + d.uid + ".json" }

// encode gives a dashboard as Grafana imports it.
func (d dashboard) encode() ([]byte, error) {
	type object = map[string]any
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var panels []object
	x, y, row := 0, 0, 0 // row is the height of the current one
	for i, p := range d.panels {
		height := 8
		if p.kind == stat {
			height = 4
		}
		if x+p.width > 24 {
			x, y, row = 0, y+row, 0
		}
		row = max(row, height)
		var targets []object
		for j, q := range p.queries {
			t := object{"refId": string(rune('A' + j)), "datasource": source, "expr": q.expr, "legendFormat": q.legend}
			if p.kind != series {
				t["instant"] = true
			}
			if p.kind == table {
				t["format"] = "table"
			}
			targets = append(targets, t)
		}
		panels = append(panels, object{
			"id": i + 1, "type": p.kind, "title": p.title, "description": p.about, "datasource": source, "targets": targets,
			"gridPos":     object{"h": height, "w": p.width, "x": x, "y": y},
			"fieldConfig": object{"defaults": object{"unit": p.unit}, "overrides": []any{}},
		})
		x += p.width
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"uid": d.uid, "title": d.title, "description": d.about, "tags": []string{"neverlapse"}, "schemaVersion": 39, "version": 1, "editable": true,
		"refresh": "30s", "timezone": "browser", "time": object{"from": "now-24h", "to": "now"},
		"templating": object{"list": []object{{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}}},
		"links":      []object{{"type": "dashboards", "title": "Neverlapse", "tags": []string{"neverlapse"}, "asDropdown": true}},
		"panels":     panels,
	})
	return b.Bytes(), err
}

func TestTheDashboardsThatAreShippedAreThoseThatAreWrittenHere(t *testing.T) {
	for _, d := range dashboards {
		want, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(d.file(), want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(d.file()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is another one (%v); run: go test ./test/monitoring -update", d.file(), err)
		}
	}
	there, err := filepath.Glob(root + "/deploy/grafana/*.json")
	if err != nil || len(there) != len(dashboards) {
		t.Errorf("%d files for %d dashboards: %v", len(there), len(dashboards), err)
	}
}

func TestADashboardAsksOnlyForMetricsThatAreToldAndSaysWhatItShows(t *testing.T) {
	known := told(t)
	for _, d := range dashboards {
		for _, p := range d.panels {
			if p.about == "" || p.unit == "" || len(p.queries) == 0 || p.width == 0 {
				t.Errorf("%s, %s: no description, unit, width or query", d.title, p.title)
			}
			for _, q := range p.queries {
				names := asked(q.expr)
				if len(names) == 0 && !strings.Contains(q.expr, "certificate:neverlapse") {
					t.Errorf("%s, %s asks for nothing of ours: %s", d.title, p.title, q.expr)
				}
				for _, name := range names {
					if !known[name] {
						t.Errorf("%s, %s asks for %s, which nobody tells", d.title, p.title, name)
					}
				}
			}
		}
	}
}

// promtool reads every expression, as a rule of its own, beside the rules that
// some of them lean on.
func TestPromtoolUnderstandsEveryExpressionOfTheDashboards(t *testing.T) {
	promtool := targettest.NeedProgram(t, "promtool")
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboards\n  rules:\n")
	n := 0
	for _, d := range dashboards {
		for _, p := range d.panels {
			for _, q := range p.queries {
				n++
				fmt.Fprintf(&b, "  - record: dashboard:expression%d\n    expr: %q\n", n, strings.NewReplacer("$__rate_interval", "5m", "$__range", "1d").Replace(q.expr))
			}
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n < 30 {
		t.Errorf("%d expressions", n)
	}
}
