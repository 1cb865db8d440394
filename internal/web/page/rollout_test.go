package page

import (
	"net/http"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func TestARolloutIsShownTargetByTargetInEveryLanguage(t *testing.T) {
	w := populated()
	s := w.states["vpn"]
	now := w.now()
	s.Rollout = &lifecycle.Rollout{
		Purpose: lifecycle.ForRenewal, Version: "cccccccccccccccc", Began: now.Add(-time.Hour), Ended: now, Outcome: lifecycle.ProofFailed, Batches: 2, Batch: 1,
		Failed: 1, Undone: true, Why: "the canary failed",
		Targets: []lifecycle.Stop{
			{Target: "web-1", Batch: 1, Canary: true, Stage: lifecycle.StageRestored, Since: now, Cause: "it serves <b>the old</b>"},
			{Target: "web-2", Batch: 2, Stage: lifecycle.StageUntouched},
		},
	}
	w.states["vpn"] = s
	base := serve(t, w, nil)
	for language, want := range map[string][]string{
		"en": {"cccccccccccc was undone at ", " after batch 1 of 2", "the canary failed", "web-1", "1, canary", "back on what it had", "&lt;b&gt;the old", "not touched"},
		"ko": {"2개 묶음 중 1번째 뒤", "1, 카나리아", "이전 인증서로 되돌림", "손대지 않음"},
	} {
		r, text := visit(t, base).do(http.MethodGet, "/c/vpn", nil, map[string]string{"Accept-Language": language})
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", language, r.StatusCode)
		}
		contains(t, text, want...)
	}
}
