package main

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// rolling is the sample while a version goes to its targets.
func rolling() workflows.Status {
	s := sample()
	s.Running = &lifecycle.Rollout{
		Purpose: lifecycle.ForRenewal, Version: "cccccccccccccccc", Began: today.Add(-time.Hour), Batches: 2, Batch: 1, Doing: lifecycle.Baking, Until: today.Add(time.Hour),
		Targets: []lifecycle.Stop{
			{Target: "web-1", Batch: 1, Canary: true, Stage: lifecycle.StageProven, Since: today.Add(-30 * time.Minute)},
			{Target: "web-2", Batch: 2, Stage: lifecycle.StageWaiting},
		},
	}
	return s
}

func undone() workflows.Status {
	s := rolling()
	r := s.Running
	s.Running, s.State.Rollout = nil, r
	r.Ended, r.Doing, r.Until, r.Outcome, r.Failed, r.Undone, r.Why = today, "", time.Time{}, lifecycle.ProofFailed, 1, true, "the canary failed"
	r.Targets[0].Stage, r.Targets[0].Cause = lifecycle.StageRestored, "it serves\x1b[2J the old"
	r.Targets[1].Stage = lifecycle.StageUntouched
	return s
}

func TestStatusShowsARolloutTargetByTargetDuringAndAfter(t *testing.T) {
	for name, c := range map[string]struct {
		status workflows.Status
		want   []string
	}{
		"during": {rolling(), []string{"\nRollout: renew of cccccccccccc: batch 1 of 2 is left alone until ", "web-1   1 (canary)  proven", "web-2   2           waiting"}},
		"after":  {undone(), []string{"\nLast rollout: renew of cccccccccccc, undone at ", " after batch 1 of 2: the canary failed", "restored", "untouched", "it serves"}},
	} {
		code, out, errs := invoke(t, &fake{status: []workflows.Status{c.status}}, nil, "status", "shop")
		wantCode(t, code, exitOK, errs)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: the status does not say %q:\n%s", name, want, out)
			}
		}
		if strings.ContainsRune(out, '\x1b') {
			t.Errorf("%s: control characters got through: %q", name, out)
		}
	}
}

func TestExplainSaysHowFarARolloutIsAndWhyItWasUndone(t *testing.T) {
	s := rolling()
	s.State.Flights = []lifecycle.Flight{{Kind: lifecycle.FlyRenewal, ID: "renew", At: today.Add(-time.Hour)}}
	for want, status := range map[string]workflows.Status{"a run (renew) is under way since ": s, "the rollout of cccccccccccc was undone at ": undone(), "; renew of cccccccccccc: batch 1 of 2 is left alone": s} {
		code, out, errs := invoke(t, &fake{status: []workflows.Status{status}}, nil, "explain", "shop")
		wantCode(t, code, exitOK, errs)
		if !strings.Contains(out, want) {
			t.Errorf("explain does not say %q:\n%s", want, out)
		}
	}
}
