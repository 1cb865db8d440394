package app

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
)

// Metrics name certificates and owners: they are for the machine itself, or for
// whoever shows the token.
func TestMetricsAreServedAtALoopbackAddressOrToWhoShowsTheToken(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("correct-horse-battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listen, file, shown string
		want                int
	}{
		{"127.0.0.1:8080", "", "", 200},
		{":8080", "", "", 403},
		{"192.0.2.1:8080", "", "correct-horse-battery", 403},
		{":8080", token, "", 401},
		{":8080", token, "correct-horse-battery", 200},
		{"127.0.0.1:8080", token, "", 401},
	} {
		a := &App{config: config.Config{HTTP: config.HTTP{Listen: c.listen}, Metrics: config.Metrics{TokenFile: c.file}}, logger: slog.New(slog.DiscardHandler)}
		if err := a.measure(); err != nil {
			t.Fatal(err)
		}
		r, w := httptest.NewRequest("GET", "/metrics", nil), httptest.NewRecorder()
		if c.shown != "" {
			r.Header.Set("Authorization", "Bearer "+c.shown)
		}
		a.scraped().ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
		if page := w.Body.String(); c.want == 200 && !strings.Contains(page, "neverlapse_build_info{") {
			t.Errorf("%+v: %s", c, page)
		}
	}
}

func TestAWorkerWithoutItsMetricsTokenIsRefused(t *testing.T) {
	a := &App{config: config.Config{Metrics: config.Metrics{TokenFile: "/does/not/exist"}}, logger: slog.New(slog.DiscardHandler)}
	if err := a.measure(); err == nil || !strings.HasPrefix(err.Error(), "metrics.token_file: ") {
		t.Errorf("%v", err)
	}
}

func TestSpansAreSentWhereTheConfigurationOrTheEnvironmentSays(t *testing.T) {
	for _, c := range []struct {
		endpoint string
		env      []string
		want     bool
	}{
		{"", nil, false},
		{"", []string{"OTEL_EXPORTER_OTLP_ENDPOINT="}, false},
		{"", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}, true},
		{"http://127.0.0.1:1/v1/traces", nil, true},
	} {
		a := &App{config: config.Config{Traces: config.Traces{Endpoint: c.endpoint}, Env: c.env}, logger: slog.New(slog.DiscardHandler)}
		if err := a.measure(); err != nil {
			t.Fatal(err)
		}
		if got := a.traces != nil; got != c.want || len(a.watching().spans) > 0 != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
