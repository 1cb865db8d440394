package main

import (
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestADryRunShowsWhatWouldChangeBatchByBatchAndChangesNothing(t *testing.T) {
	s := sample()
	s.State.Spec.Policy.Rollout = lifecycle.RolloutPolicy{Canary: "1", MayFail: "1"}
	old, live := s.State.Previous, s.State.Live
	answer := []cert.Rehearsal{
		{Target: "web-2", Has: live, Gets: live},
		{Target: "web-1", Has: old, Gets: live, Steps: &cert.Steps{Writes: []string{"/etc/tls/live"}, Check: "nginx -t", Reload: "nginx -s reload"}},
	}
	f := &fake{status: []workflows.Status{s}, answers: map[string]any{"rehearsal": answer}}
	code, out, errs := invoke(t, f, nil, "deploy", "shop", "--dry-run", "--as", "hana", "--note", "before the freeze")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "shop: deploying aaaaaaaaaaaa to 2 targets, in 2 batches, of which 1 target may fail; nothing was changed", "\nweb-1 (batch 1, the canary)", "has           bbbbbbbbbbbb",
		"would get     aaaaaaaaaaaa", "writes        /etc/tls/live", "check         nginx -t", "reload        nginx -s reload", "reversible    yes", "\nweb-2 (batch 2)", "would get     the same", "does not say")
	in, ok := f.answers["input"].(workflows.RehearsalInput)
	if !ok || in.By != "hana" || in.Note != "before the freeze" || in.Version != live.Fingerprint || len(in.Targets) != 2 || len(f.updates) != 0 {
		t.Errorf("asked: %+v; sent: %v", in, f.updates)
	}
}

func TestADryRunFailsWhereSomethingStandsInTheWay(t *testing.T) {
	answer := []cert.Rehearsal{{Target: "web-1", Trouble: "the configuration was already broken\x1b[2J"}, {Target: "web-2", Refused: "it does not cover shop.test"}}
	for _, format := range []string{"text", "json"} {
		f := &fake{status: []workflows.Status{sample()}, answers: map[string]any{"rehearsal": answer}}
		code, out, errs := invoke(t, f, nil, "deploy", "shop", "--dry-run", "-o", format)
		wantCode(t, code, exitFailed, errs)
		wantText(t, out, "already broken", "does not cover")
		wantText(t, errs, "2 of 2 targets could not be deployed to as things are; nothing was changed")
	}
}
