package activities_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
)

// door admits everything.
type door struct{ targets map[string][]string } // of what is enrolled

func (d door) Admit(context.Context, activities.AdmitRequest) (json.RawMessage, error) {
	return json.RawMessage("{}"), nil
}

func (d door) Enrolled(_ context.Context, name string) (bool, error) {
	return d.targets[name] != nil, nil
}

func (d door) Targets(_ context.Context, name string) ([]string, error) { return d.targets[name], nil }

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
