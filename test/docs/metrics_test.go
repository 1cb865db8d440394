package docs_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/metrics"
)

func TestTheMetricsThatAreDocumentedAreThoseThatAreTold(t *testing.T) {
	hold(t, "docs/monitoring.md", map[string]string{"metrics": table("Metric|Type|Labels|Means", metricRows(t))})
}

// metricRows are Neverlapse's own metrics, as it declares them.
func metricRows(t *testing.T) (out [][]string) {
	m, err := metrics.New(metrics.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(metrics.Sources{Every: time.Second})
	for _, f := range m.Families() {
		if !strings.HasPrefix(f.Name, "neverlapse_") {
			continue
		}
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "` `") + "`"
		}
		out = append(out, []string{"`" + f.Name + "`", f.Type, labels, f.Help})
	}
	return out
}
