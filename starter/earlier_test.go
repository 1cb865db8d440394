package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// resting is watched, and two of its thresholds fall on days off in Seoul.
func resting() workflows.Status {
	s := sample()
	st := &s.State
	p := lifecycle.Default()
	p.Workdays = lifecycle.Workdays{Holidays: []string{"2026-06-03", "2026-06-06 Memorial \u202eDay"}, TimeZone: "Asia/Seoul"}
	st.Spec.Managed, st.Spec.Policy, st.Alerts, st.Renewal = false, p, nil, lifecycle.Renewal{}
	st.Live.NotAfter = today.Add(35*24*time.Hour - time.Second)
	st.Live.NotBefore = st.Live.NotAfter.Add(-90 * 24 * time.Hour)
	st.Previous, st.Installed = cert.Version{}, nil
	st.Sight.Observations = []cert.Observation{{Endpoint: st.Sight.Observations[0].Endpoint, Version: st.Live, At: today}}
	s.Plan = st.Plan()
	s.Upcoming = nil
	for _, t := range s.Plan.Thresholds {
		s.Upcoming = append(s.Upcoming, lifecycle.Event{At: t.At, Reason: lifecycle.UntilThreshold})
	}
	return s
}

func TestExplainSaysWhoIsInQuietHours(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "neverlapse.yaml"), []byte(strings.Replace(directory, "{id: minji,", "{id: minji, timezone: Asia/Seoul, quiet: [{from: \"08:00\", until: \"20:00\"}],", 1)))
	_, out, _ := invoke(t, &fake{status: []workflows.Status{resting()}}, nil, "explain", "shop", "--config", file)
	wantText(t, out, "P4 expiring to owner (minji, in quiet hours until 2026-06-05 20:00 KST (11:00 UTC)), moved", "P2 expiring to owner (minji) and team (minji), and again")
}

func TestStatusAndExplainSayWhyAThresholdComesEarlier(t *testing.T) {
	f := &fake{status: []workflows.Status{resting()}}
	holiday, weekend := `moved earlier from 2026-06-06, a holiday: Memorial \u202eDay`, "moved earlier from Sunday 2026-06-21"
	_, out, _ := invoke(t, f, nil, "status", "shop")
	wantText(t, out, "P4, 31d left, "+holiday, "P3, 17d left, "+weekend, "P2, 7d left\n")
	_, out, _ = invoke(t, f, nil, "explain", "shop")
	wantText(t, out, "P4 expiring to owner, "+holiday, "P3 expiring to owner, "+weekend, "P2 expiring to owner and team, and again")
	_, out, _ = invoke(t, f, nil, "explain", "shop", "-o", "json")
	wantText(t, out, `"because": "holiday"`, `"from": "2026-06-06T`, `"because": "day-off"`)
}
