package lifecycle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

func TestTheDefaultPolicyIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(Default(), Policy{Name: "default"}.WithDefaults(), cmp.Transformer("sorted", sortedEscalations)); diff != "" {
		t.Errorf("an empty policy does not become the default: %s", diff)
	}
}

func sortedEscalations(in []Escalation) map[string]Escalation {
	out := map[string]Escalation{}
	for _, e := range in {
		out[e.Name] = e
	}
	return out
}

func TestDefaultsFillOnlyWhatWasLeftOut(t *testing.T) {
	own := Escalation{Name: "P1", Steps: []Rung{{Roles: []people.Role{people.OnCall}, Reach: alert.PageAll}}}
	p := Policy{Name: "calm", AckFor: span("48h"), Thresholds: []Threshold{{span("20d"), alert.P2}}, Escalations: []Escalation{own}}.WithDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	got, _ := p.escalation("P1")
	if p.AckFor != span("48h") || len(p.Thresholds) != 1 || p.Inform != 0 || cmp.Diff(own, got) != "" {
		t.Errorf("%+v", p)
	}
}

func TestEverythingWrongWithAPolicyIsToldAtOnce(t *testing.T) {
	p := Default()
	p.Name = ""
	p.Thresholds = []Threshold{{span("7d"), alert.P1}, {span("15d"), alert.P4}, {Span{}, "P9"}}
	p.Inform = 4
	p.Escalations = []Escalation{
		{Name: "P1"},
		{Name: "P1", Steps: []Rung{{Reach: "shout"}, {Roles: []people.Role{"boss"}, Reach: alert.Quiet}}},
		{Name: "P5", Steps: []Rung{{Roles: []people.Role{people.Owner}, Reach: alert.Quiet}}},
	}
	p.MaxAttempts = 51
	p.LastSafe = span("1/2")
	p.ObserveEvery = Span{}
	err := p.Validate()
	if err == nil {
		t.Fatal("taken")
	}
	for _, path := range []string{
		"name: ", "thresholds[1].left: ", "thresholds[1].severity: ", "thresholds[2].left: ", "thresholds[2].severity: ", "inform: ",
		"escalations[0].steps: ", "escalations[1].name: ", "escalations[1].steps[0].notify: ", "escalations[1].steps[0].reach: ",
		"escalations[1].steps[1].notify: ", "escalations[2].name: ", "max_attempts: ", "last_safe: ", "observe_every: ",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+path) {
			t.Errorf("nothing about %q in\n%v", path, err)
		}
	}
}

func TestTheHashIsOfTheContent(t *testing.T) {
	a, b := Default(), Default()
	b.Name = "other"
	if a.Hash() != b.Hash() {
		t.Error("the name counts")
	}
	b.AckFor = span("25h")
	if a.Hash() == b.Hash() || len(a.Hash()) != 12 {
		t.Error("the content does not count")
	}
}
