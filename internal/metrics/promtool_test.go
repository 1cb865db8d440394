package metrics_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func TestPromtoolFindsNothingToComplainAbout(t *testing.T) {
	d := newDesk(t)
	d.Watch(everySource())
	handler := d.SDK().WithTags(map[string]string{"namespace": "default"})
	for name, kind := range metrics.SDKInstruments() {
		switch kind {
		case "counter":
			handler.Counter(name).Inc(1)
		case "gauge":
			handler.Gauge(name).Update(1)
		default:
			handler.Timer(name).Record(1)
		}
	}
	page := d.page()
	for _, f := range d.Families() {
		if !strings.HasPrefix(f.Name, "temporal_") {
			continue
		}
		if !strings.Contains(page, "# TYPE "+f.Name+" "+f.Type+"\n") || !strings.Contains(page, "# HELP "+f.Name+" "+f.Help+"\n") {
			t.Errorf("%s is not told as the %s that is promised:\n%s", f.Name, f.Type, grep(page, f.Name))
		}
	}
	cmd := exec.Command(targettest.NeedProgram(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
