package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/test/harness"
)

// renewedCanary waits until the canary was renewed once more than when it had
// that serial, and gives the one that it has now.
func (w *world) renewedCanary(before string) string {
	w.t.Helper()
	var v struct {
		Serial  string
		Failing bool
	}
	w.eventually("the canary to be renewed", func() bool {
		ctx, cancel := w.patience()
		defer cancel()
		out, code := w.CLI(ctx, "canary", "-o", "json")
		return code == 0 && json.Unmarshal([]byte(out), &v) == nil && v.Serial != "" && v.Serial != before && !v.Failing
	})
	return v.Serial
}

func TestTheCanaryIsRenewedAgainAndAgainOnItsTargetAndToldWhenItCannotBe(t *testing.T) {
	t.Parallel()
	o := harness.Options{Nginx: sites(site(t, "canary.shop.test", 60*24*time.Hour))}
	o.Sections = "metrics: {every: 1s}\nwatchman: {every: 1s}\ncanary: {ca: pebble, names: [canary.shop.test], every: 10s, staging: true, target: canary.shop.test, team: platform}"
	w := enter(t, o)
	before := w.served(0)
	first := w.renewedCanary("")
	if w.served(0) == before {
		t.Error("the server still shows what it had")
	}
	second := w.renewedCanary(first)
	if p := w.patrol(); p.Guarded != 0 || len(p.Unguarded) != 0 {
		t.Errorf("a round counts the canary: %+v", p)
	}
	w.cli(4, "enroll", w.Nginx.Addresses[0]+"#canary.shop.test", "--cert-name", "neverlapse-canary", "-d", "canary.shop.test", "--owner", "minji")
	if out := w.cli(4, "enroll", "--cert-name", "thief", "-d", "canary.shop.test", "--manage", "--ca", "pebble", "--target", "canary.shop.test", "--owner", "minji"); !strings.Contains(out, "held by the certificate neverlapse-canary") {
		t.Errorf("its target was not refused for it:\n%s", out)
	}
	w.eventually("the metrics to tell of the canary", func() bool {
		page, _ := get("http://" + w.HTTP + "/metrics")
		return strings.Contains(page, `neverlapse_canary_succeeded_timestamp_seconds{ca="pebble"} 1`) && strings.Contains(page, `neverlapse_canary_failing{ca="pebble"} 0`) &&
			strings.Contains(page, "neverlapse_rounds_timestamp_seconds 1")
	})

	if err := w.Nginx.BreakConfig(); err != nil {
		t.Fatal(err)
	}
	m := w.told(alert.CanaryFailing)
	w.holds(m, "neverlapse canary run", "P3")
	w.eventually("the command to fail", func() bool {
		out, code := w.CLI(t.Context(), "canary")
		return code == 1 && strings.Contains(out, "configuration-refused")
	})
	if err := w.Nginx.RepairConfig(); err != nil {
		t.Fatal(err)
	}
	w.renewedCanary(second)
	w.eventually("the message to say so", func() bool {
		text, _ := json.Marshal(w.opened(alert.CanaryFailing)[0])
		return strings.Contains(string(text), "was renewed again")
	})
	w.told(alert.CanaryFailing)
}

func TestTheCanaryWithoutATargetIsReadBack(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{NoNginx: true, Sections: "canary: {ca: pebble, names: [canary.shop.test], every: 1d, staging: true}"})
	w.eventually("the canary to be planned", func() bool {
		_, code := w.CLI(t.Context(), "canary")
		return code == 0
	})
	w.cli(0, "canary", "run", "--timeout", "90s")
	first := w.renewedCanary("")
	w.cli(0, "canary", "run", "--timeout", "90s")
	second := w.renewedCanary(first)
	if n := w.CA.Issued(); n < 2 || first == second {
		t.Errorf("the CA issued %d certificates, want two", n)
	}
	if out := w.cli(0, "list", "-o", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("it is listed among those of others: %s", out)
	}
}
