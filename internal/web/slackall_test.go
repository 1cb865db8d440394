package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// AcknowledgeAll takes the answer as an inbox would.
func (d *desk) AcknowledgeAll(ctx context.Context, a Answer) (func(context.Context) (alert.Tally, error), error) {
	if err := d.Answer(ctx, a); err != nil {
		return nil, err
	}
	return func(context.Context) (alert.Tally, error) {
		return alert.Tally{Taken: 17, Had: 2, Over: 1, Refused: 1, Failed: 3, May: "sre"}, d.signalErr
	}, nil
}

func TestWhoAnswersManyAtOnceIsToldHowManyWereTaken(t *testing.T) {
	b := newBench(t)
	all := notifytest.WithValue(`{"certificate":"","alertID":"inbox:minji/1-1"}`)
	if status, _ := b.click(t, alert.ActAckAll, "U0MINJI", all); status != http.StatusOK {
		t.Fatal(status)
	}
	if a := b.answers[0]; a.AlertID != "inbox:minji/1-1" || a.Certificate != "" || a.Person.ID != "minji" || a.ID == "" {
		t.Errorf("%+v", a)
	}
	told := b.told(t).Text
	for _, want := range []string{"24건 가운데 17건", "2건은 이미", "1건은 더 이상", "1건은 거부", "sre", "3건은 연결되지"} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in %q", want, told)
		}
	}
	b.signalErr = fault.New(fault.Invalid, "too old to be kept")
	b.click(t, alert.ActAckAll, "U0MINJI", all)
	if told := b.told(t).Text; !strings.Contains(told, "too old to be kept") {
		t.Errorf("%q", told)
	}
	b.err = fault.New(fault.Unavailable, "away")
	if status, _ := b.click(t, alert.ActAckAll, "U0MINJI", all); status != http.StatusInternalServerError {
		t.Errorf("Temporal is away: %d", status)
	}
	for name, value := range map[string]string{"a certificate": `{"certificate":"shop","alertID":"inbox:minji/1-1"}`, "nobody's": `{"certificate":"","alertID":"inbox:/1"}`} {
		if status, _ := b.click(t, alert.ActAckAll, "U0MINJI", notifytest.WithValue(value)); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
}
