package main

import (
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestAChannelInTroubleIsListedWithItsCauseAndFailsTheCheck(t *testing.T) {
	f := &fake{answers: map[string]any{
		"ListChannels": []delivery.Listed{
			{Name: "slack", Kind: "slack", Standing: delivery.Standing{LastSuccess: today.Add(-time.Hour), LastFailure: today, Why: "token_revoked"}},
			{Name: "mail", Kind: "email"},
		},
		"channel channel/slack": workflows.Channel{Trouble: delivery.Trouble{Since: today, TryAt: today.Add(time.Hour)}},
		"channel channel/mail":  workflows.Channel{Life: delivery.Life{AskedAt: today.Add(-48 * time.Hour), AnsweredAt: today.Add(-time.Hour), By: "minji"}},
	}}
	code, out, errs := invoke(t, f, nil, "channels")
	wantCode(t, code, exitFailed, errs)
	wantText(t, out, "fails since 2026-06-01 12:00 KST", "token_revoked", "minji 2026-06-01 11:00 KST")
	wantText(t, errs, "in trouble: slack")
}

func TestAProofOfLifeCanBeAnsweredByTyping(t *testing.T) {
	f := &fake{answers: map[string]any{"confirm": workflows.Taken{Text: "sms is proven to be read"}}}
	code, out, errs := invoke(t, f, nil, "channels", "confirm", "sms", "--note", "saw it")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "sms is proven to be read")
	if r := requestOf(t, f); r.By != "minji" || r.Via != "cli" || r.Note != "saw it" || f.updates[0].WorkflowID != "channel/sms" {
		t.Errorf("sent %+v to %s", r, f.updates[0].WorkflowID)
	}
	f.failure = serviceerror.NewNotFound("workflow not found")
	code, _, errs = invoke(t, f, nil, "channels", "confirm", "pigeon")
	wantCode(t, code, exitNotFound, errs)
}
