package main

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestWhatNobodyGuardsIsListedWithWhatToTypeAndFailsTheCheck(t *testing.T) {
	at := today.Add(-10 * time.Minute)
	f := &fake{rounds: &workflows.RoundsOutput{
		Round: activities.Round{At: at, Guarded: 7, Unguarded: []workflows.Unguarded{
			{Name: "api", How: activities.GuardGone, Why: "enrolled, watched, for api.test", Episode: "one"},
			{Name: "shop", How: activities.GuardEnded, Why: "its workflow was terminated by ops: \x1b[31mtidied up", Since: at, Episode: "two"},
			{Name: "www", How: activities.GuardStuck, Why: "its workflow task fails: panic", Episode: "two"},
		}},
		Alerts: []workflows.Event{{Reason: alert.Unguarded, Subject: "two", Receipts: []alert.Receipt{{At: at}}}},
	}}
	code, out, errs := invoke(t, f, nil, "watchman")
	out += errs
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"7 certificates guarded, and 3 that nobody guards", "neverlapse restore shop", "neverlapse history api", "terminated by ops", "the journal says: enrolled, watched, for api.test", "cannot go on", "every 30m", "nobody guards 3 certificates"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b[31mtidied") {
		t.Error("what a stranger wrote colours the terminal")
	}
	if _, _, said := invoke(t, f, nil, "list"); !strings.Contains(said, "3 certificates are enrolled and guarded by nobody; see: neverlapse watchman") {
		t.Errorf("list says:\n%s", said)
	}
}

func TestRoundsThatAreNotMadeFailTheCheck(t *testing.T) {
	for after, want := range map[time.Duration]int{time.Minute: exitOK, 50 * time.Minute: exitOK, 62 * time.Minute: exitFailed} {
		f := &fake{rounds: &workflows.RoundsOutput{Round: activities.Round{At: today.Add(-after), Guarded: 1}}}
		if code, out, _ := invoke(t, f, nil, "watchman"); code != want {
			t.Errorf("%s after the latest round the exit code is %d, want %d\n%s", after, code, want, out)
		}
	}
	if code, out, _ := invoke(t, &fake{}, nil, "watchman"); code != exitFailed || !strings.Contains(out, "no round has ended") {
		t.Errorf("without any round: %d\n%s", code, out)
	}
}

func TestACanaryThatFailsOrIsLateFailsTheCheck(t *testing.T) {
	failing := []workflows.Event{{Reason: alert.CanaryFailing}}
	for name, tc := range map[string]struct {
		canary *workflows.CanaryOutput
		code   int
		says   string
	}{
		"renewed":     {&workflows.CanaryOutput{CA: "le-staging", At: today, Outcome: "proven", Succeeded: today}, exitOK, "canary certificate at le-staging, renewed every 30m"},
		"failing":     {&workflows.CanaryOutput{CA: "le-staging", At: today, Outcome: "validation-failed", Cause: "a.test: refused", Succeeded: today.Add(-time.Hour), Alerts: failing}, exitFailed, "a.test: refused"},
		"late":        {&workflows.CanaryOutput{CA: "le-staging", At: today.Add(-3 * time.Hour), Outcome: "proven", Succeeded: today.Add(-3 * time.Hour)}, exitFailed, "was not renewed for two intervals"},
		"not yet":     {&workflows.CanaryOutput{}, exitOK, "was not renewed yet"},
		"not planned": {nil, exitNotFound, "no canary is configured"},
	} {
		if code, out, errs := invoke(t, &fake{canary: tc.canary}, nil, "canary"); code != tc.code || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s%s", name, code, tc.code, tc.says, out, errs)
		}
	}
}
