package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/workflows"
)

func notArrived() delivery.List {
	return delivery.List{
		Letters: []delivery.Undelivered{
			{ID: "0f3a5c7e9b1d", At: today, Certificate: "shop", Severity: alert.P2, Reason: alert.Expiring, To: "minji", Channel: "slack", Kind: "slack", Address: "U1", About: delivery.Address, Why: "user_not_found\x1b[2J", Instead: []string{"minji by mail"}},
			{ID: "aaaaaaaaaaaa", At: today.Add(-time.Hour), Certificate: "api", About: delivery.Nobody, Why: "no channel", Seen: &delivery.Seen{By: "jun", At: today, Note: "mended"}},
		},
		Broken: []delivery.Broken{{Kind: "slack", Address: "U1", Owner: "minji", Since: today, Why: "user_not_found"}},
	}
}

func TestWhatDidNotArriveIsListedWithWhereItWentInstead(t *testing.T) {
	f := &fake{answers: map[string]any{"ListUndelivered": notArrived()}}
	code, out, errs := invoke(t, f, nil, "undelivered", "--all")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "0f3a5c7e9b1d", "shop", "minji by mail", "user_not_found", "seen by jun", "mended", "BROKEN ADDRESS", "U1")
	if strings.Contains(out, "\x1b") {
		t.Errorf("a terminal is told what a server said: %q", out)
	}
	code, out, errs = invoke(t, f, nil, "undelivered", "-o", "json")
	wantCode(t, code, exitOK, errs)
	var got delivery.List
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Letters) != 2 {
		t.Errorf("%v: %s", err, out)
	}
	code, _, errs = invoke(t, &fake{answers: map[string]any{"ListUndelivered": delivery.List{}}}, nil, "undelivered")
	wantCode(t, code, exitOK, errs)
	wantText(t, errs, "every message arrived")
}

func TestWhoHasSeenADeadLetterIsOnRecord(t *testing.T) {
	f := &fake{answers: map[string]any{"ListUndelivered": notArrived(), "MarkSeen": 1}}
	code, out, errs := invoke(t, f, nil, "undelivered", "--seen", "all", "--note", "told her", "-o", "json")
	wantCode(t, code, exitOK, errs)
	var got delivery.Marking
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, delivery.Marking{IDs: []string{"0f3a5c7e9b1d"}, Seen: delivery.Seen{By: "minji", Via: "cli", At: today, Note: "told her"}})
	for _, args := range [][]string{{"--seen", "nonsense"}, {"--note", "but what"}} {
		code, _, errs := invoke(t, f, nil, append([]string{"undelivered"}, args...)...)
		wantCode(t, code, exitUsage, errs)
	}
	f.failure = temporal.NewNonRetryableApplicationError("no dead letter has the ID", "not-found", nil)
	code, _, errs = invoke(t, f, nil, "address", "ok", "minji@example.com")
	wantCode(t, code, exitNotFound, errs)
}

func TestAListAndAStatusRemarkThatMessagesDidNotArrive(t *testing.T) {
	f := &fake{answers: map[string]any{"ListUndelivered": notArrived()}, status: []workflows.Status{sample()}}
	_, _, errs := invoke(t, f, nil, "list")
	wantText(t, errs, "2 messages did not arrive and nobody has seen that; see: neverlapse undelivered")
	_, _, errs = invoke(t, f, nil, "status", "shop")
	wantText(t, errs, "1 message about it did not arrive")
	code, _, errs := invoke(t, f, nil, "list", "-o", "json")
	wantCode(t, code, exitOK, errs)
	wantEqual(t, errs, "")
}
