package activities_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/people"
)

// door admits everything.
type door struct{ targets map[string][]string } // of what is enrolled; it is kim's

func (d door) Admit(context.Context, activities.AdmitRequest) (json.RawMessage, error) {
	return json.RawMessage("{}"), nil
}

func (d door) Enrolled(_ context.Context, name string) (bool, error) {
	return d.targets[name] != nil, nil
}

func (d door) Holding(_ context.Context, name string) (activities.Holding, error) {
	return activities.Holding{Owner: "kim", Targets: d.targets[name]}, nil
}

// spot is a target that only has an identity.
type spot struct {
	slot
	at string
}

func (s *spot) Identity() []string { return []string{s.at} }

func TestAChangeHoldsTheOldPlacesUntilItIsTaken(t *testing.T) {
	w := begin(t)
	enrolled := door{map[string][]string{}}
	w.Admission = enrolled
	w.Targets["old"], w.Targets["new"] = &spot{at: "host:/old"}, &spot{at: "host:/new"}
	admit := func(r activities.AdmitRequest) error {
		_, err := do[activities.Admitted](w, w.Admit, r)
		return err
	}
	if err := admit(activities.AdmitRequest{Name: "shop", Targets: []string{"old"}}); err != nil {
		t.Fatal(err)
	}
	enrolled.targets["shop"] = []string{"old"}
	if err := admit(activities.AdmitRequest{Name: "shop", Targets: []string{"new"}, Change: true}); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"old", "new"} {
		if admit(activities.AdmitRequest{Name: "thief", Targets: []string{target}}) == nil {
			t.Errorf("%s was given away while shop may write there", target)
		}
	}
	must[any](w, w.Claim, activities.ClaimInput{Name: "shop", Targets: []string{"new"}}) // the entity took it
	if err := admit(activities.AdmitRequest{Name: "heir", Targets: []string{"old"}}); err != nil {
		t.Errorf("what shop left is still held: %v", err)
	}
	must[any](w, w.Abandon, "heir")
	must[any](w, w.Abandon, "shop") // is enrolled and keeps its places
	if admit(activities.AdmitRequest{Name: "thief", Targets: []string{"new"}}) == nil {
		t.Error("an enrolled certificate lost its place")
	}
	if err := admit(activities.AdmitRequest{Name: "shop", Targets: []string{"old"}}); err == nil {
		t.Error("enrolled twice")
	}
}

func TestManyAreAdmittedEachByItself(t *testing.T) {
	w := begin(t)
	w.Admission = door{map[string][]string{}}
	watched := activities.AdmitRequest{Name: "a"}
	got, err := do[[]activities.Verdict](w, w.AdmitWatched, []activities.AdmitRequest{watched, {Name: "not a name"}, {Name: "b", Managed: true}, {Name: "c", Change: true}})
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v %v", got, err)
	}
	for i, v := range got {
		if refused := i > 0; refused != (v.Refused != "") || refused == (string(v.Policy) == "{}") {
			t.Errorf("row %d: %+v", i, v)
		}
	}
}

func TestEverybodyEnrollsWhatWillBeTheirsToOperate(t *testing.T) {
	w := begin(t)
	w.Admission = door{map[string][]string{"shop": {}}}
	directory := people.Directory{
		People: []people.Person{{ID: "kim"}, {ID: "lee"}, {ID: "ops"}}, CatchAll: "ops",
		Teams: []people.Team{{ID: "ops", Members: []string{"ops"}}, {ID: "web", Members: []string{"lee"}}, {ID: "pay", Members: []string{"kim"}}},
	}
	operators := people.Permissions{Operate: []string{people.TheOperators}}
	for name, c := range map[string]struct {
		in      activities.AdmitRequest
		given   people.Permissions
		nobody  bool // there is no directory
		refused string
	}{
		"what will be one's own":       {in: activities.AdmitRequest{By: "lee", Owner: "lee"}},
		"what will be one's team's":    {in: activities.AdmitRequest{By: "lee", Team: "web"}},
		"an operator, anything":        {in: activities.AdmitRequest{By: "ops", Owner: "kim"}},
		"a stranger, who types":        {in: activities.AdmitRequest{By: "root", Owner: "kim"}},
		"whoever, without people":      {in: activities.AdmitRequest{By: "lee", Owner: "kim"}, nobody: true},
		"in the name of another":       {in: activities.AdmitRequest{By: "lee", Owner: "kim"}, refused: "lee may not enroll new; kim, ops may (permissions in the worker's configuration); ask one of them, or enroll it as your own (owner lee)"},
		"for another team":             {in: activities.AdmitRequest{By: "lee", Team: "pay"}, refused: "lee may not enroll new; kim, ops may"},
		"for nobody":                   {in: activities.AdmitRequest{By: "lee"}, refused: "lee may not enroll new; ops may"},
		"where operators alone may":    {in: activities.AdmitRequest{By: "lee", Owner: "lee"}, given: operators, refused: "lee may not enroll new; ops may (permissions in the worker's configuration); ask one of them"},
		"a change by the owner":        {in: activities.AdmitRequest{Name: "shop", By: "kim", Owner: "lee", Change: true}},
		"a change by who would get it": {in: activities.AdmitRequest{Name: "shop", By: "lee", Owner: "lee", Change: true}, refused: "lee may not set-spec shop; kim, ops may"},
	} {
		d := directory
		if d.Permissions = c.given; c.nobody {
			d = people.Directory{}
		}
		w.Directory = func() people.Directory { return d }
		if c.in.Name == "" {
			c.in.Name = "new"
		}
		told := func(text string) {
			if c.refused == "" && text != "" || !strings.HasPrefix(text, c.refused) {
				t.Errorf("%s: %q, want %q", name, text, c.refused)
			}
		}
		told(whyNot(do[activities.Admitted](w, w.Admit, c.in)))
		if c.in.Change {
			continue
		}
		got, err := do[[]activities.Verdict](w, w.AdmitWatched, []activities.AdmitRequest{c.in})
		if err != nil || len(got) != 1 {
			t.Fatal(err)
		}
		told(got[0].Refused)
	}
}

// whyNot is the text of a refusal; empty if it was admitted.
func whyNot(_ activities.Admitted, err error) string {
	if err == nil {
		return ""
	}
	_, text := activities.FailureOf(err)
	return text
}
