package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// TestDaysLeftAreTheSameEverywhere holds list, status and a message about one
// certificate side by side, at the instants where a careless reading differs.
func TestDaysLeftAreTheSameEverywhere(t *testing.T) {
	const day = 24 * time.Hour
	for _, left := range []time.Duration{30 * day, 30*day - 1e9, 2 * day, 2*day - 1e9, day, day - 1e9, 2 * time.Hour, 90 * time.Second, 0, -1e9, -day, -2*day - 1e9} {
		end := today.Add(left)
		l := cert.LeftUntil(today, end)
		s := sample()
		s.State.Live.NotAfter = end
		_, out, _ := invoke(t, &fake{status: []workflows.Status{s}}, nil, "status", "shop")
		if first, _, _ := strings.Cut(out, "\n"); !strings.HasSuffix(first, ", "+l.String()) {
			t.Errorf("%s: status says %q, want %q", left, first, l)
		}
		_, out, _ = invoke(t, &fake{status: []workflows.Status{s}}, nil, "status", "shop", "-o", "json")
		var v view
		if err := json.Unmarshal([]byte(out), &v); err != nil || v.Certificate.DaysLeft != cert.DaysLeft(today, end) {
			t.Errorf("%s: programs read %d days, want %d (%v)", left, v.Certificate.DaysLeft, cert.DaysLeft(today, end), err)
		}
		row := indexed("shop", map[string]any{"state": "healthy", "notAfter": end})
		_, out, _ = invoke(t, &fake{rows: []*workflowpb.WorkflowExecutionInfo{row}}, nil, "list")
		wantText(t, out, " "+l.Short()+" ")
		n := alert.Notice{Certificate: "shop", Reason: alert.Expiring, Severity: alert.P1, Phase: alert.Firing, Version: s.State.Live, At: today}
		words := strings.TrimSuffix(l.String(), " left")
		if l.Passed {
			words = strings.Replace(words, "expired", "EXPIRED", 1)
		}
		if got := alert.Render(n, "en", "UTC").Headline; !strings.Contains(got, words) {
			t.Errorf("%s: the message says %q, want %q", left, got, words)
		}
	}
}
