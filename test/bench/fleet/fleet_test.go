package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
)

// It holds that what is measured is measured, and nothing about speed.
func TestASmallFleetGoesThroughEverything(t *testing.T) {
	if os.Getenv("NEVERLAPSE_ENGINE") == "" && os.Getenv("NEVERLAPSE_REQUIRE_SERVERS") == "" {
		t.Skip("NEVERLAPSE_ENGINE names no engine; set it to what test/servers/build-engine.sh prints")
	}
	t.Chdir("../../..")
	for _, engine := range []string{embedded, postgresql} {
		t.Run(engine, func(t *testing.T) {
			if engine == postgresql {
				postgrestest.Need(t)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // so that what it waits for is said
			defer cancel()
			r, err := round(ctx, engine, 12, 6, 3*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if r.told != 6 || r.alerts.p50 <= 0 || r.alerts.p99 < r.alerts.p50 || r.answers.p50 <= 0 || r.whole < r.ready || r.ready <= 0 || r.restored <= 0 {
				t.Errorf("%+v", r)
			}
			if r.each <= 0 || r.worker < 10<<20 || r.server < 10<<20 || (r.data > 0) != (engine == postgresql) {
				t.Errorf("sizes: %+v", r)
			}
			if text := table([]row{r}); !strings.Contains(text, "| "+engine+" | 12 |") {
				t.Errorf("the table does not show it:\n%s", text)
			}
		})
	}
}

// A year holds as many renewals as its lifetime asks for: at two thirds of each.
func TestAYearIsCounted(t *testing.T) {
	years, err := allYears()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{6, 11} { // 365 days by 60, by 31 and a third
		y := years[i]
		if y.renewals < want-1 || y.renewals > want+1 {
			t.Errorf("%s: %d renewals, want about %d", y.lifetime, y.renewals, want)
		}
		if y.counts["child"] != y.renewals || y.counts["activity"] < 6*y.renewals || y.counts["timer"] == 0 || y.counts["decision"] == 0 {
			t.Errorf("%s: %v", y.lifetime, y.counts)
		}
		if y.counts["run begun"] != y.counts["run ended"]+1 { // that of the certificate goes on
			t.Errorf("%s: %d runs begun, %d ended", y.lifetime, y.counts["run begun"], y.counts["run ended"])
		}
	}
	t.Log("\n" + yearTable(years))
}
