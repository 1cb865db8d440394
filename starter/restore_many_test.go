package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/workflows"
)

func lostView(name, how string, kept time.Time) unguardedView {
	return unguardedView{Unguarded: workflows.Unguarded{Name: name, How: how, Kept: kept, Why: "enrolled"}}
}

func TestWhatCannotBeRestoredIsNamedAndHoldsUpNoOther(t *testing.T) {
	var all restored
	found := []unguardedView{lostView("api", activities.GuardEnded, time.Time{}), lostView("old", activities.GuardGone, time.Time{}),
		lostView("shop", activities.GuardGone, today), lostView("www", activities.GuardStuck, time.Time{})}
	todo := all.sort(found)
	if len(todo) != 2 || todo[0].Name != "api" || todo[1].Name != "shop" {
		t.Fatalf("to be restored: %+v", todo)
	}
	all.add(restoredView{Name: "shop", Outcome: restoredIt})
	all.add(restoredView{Name: "api", Outcome: guardedIt})
	if again := all.sort(found); len(again) != 0 {
		t.Errorf("tried again: %+v", again)
	}
	var out, errs bytes.Buffer
	c := newCLI(nil, &out, &errs)
	err := all.ended(t.Context(), c, nil)
	p, ok := err.(problem)
	if !ok || p.code != exitRefused {
		t.Errorf("it ends with %v", err)
	}
	for _, want := range []string{"old was not restored", "neverlapse history old", "www was not restored", "cannot go on", "1 restored, 1 guarded already, 2 could not be restored"} {
		if text := out.String() + errs.String(); !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}
