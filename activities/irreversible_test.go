package activities_test

import (
	"context"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// vault is a slot that gives no key back.
type vault struct {
	slot
	installed int
}

func (*vault) Irreversible() string { return "it keeps its keys" }

func (v *vault) Install(ctx context.Context, p cert.Pair, before []byte) error {
	v.installed++
	return v.slot.Install(ctx, p, before)
}

func (v *vault) Restore(context.Context, []byte) error {
	return fault.New(fault.Configuration, "not reversible")
}

// elsewhere is a chain that was not issued here.
func elsewhere(t *testing.T) (chain []byte) {
	w := begin(t)
	v := w.issue(wish())
	pair, err := w.Store.Pair(t.Context(), "shop", v.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Chain
}

func TestWhatCannotComeBackIsReplacedOnlyWhereThatIsAccepted(t *testing.T) {
	theirs := elsewhere(t)
	w := begin(t)
	place := &vault{slot: slot{chain: theirs}}
	w.Targets["lb"] = place
	v := w.issue(wish())
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "lb", Deployment: "run"}
	_, err := do[activities.Prepared](w, w.Prepare, in)
	f, text := activities.FailureOf(err)
	if f.Kind != activities.Configuration {
		t.Fatalf("not accepted: %v", err)
	}
	for _, says := range []string{"not reversible: it keeps its keys", "neverlapse enroll shop --update --accept-irreversible"} {
		if !strings.Contains(text, says) {
			t.Errorf("%q does not say %q", text, says)
		}
	}
	in.AcceptIrreversible = true
	if was := must[activities.Prepared](w, w.Prepare, in); was.Lost == "" || was.Fingerprint == "" {
		t.Errorf("accepted: %+v", was)
	}
	must[any](w, w.Install, in)
	if _, err := do[any](w, w.RollBack, in); err == nil {
		t.Error("RollBack to what nobody has succeeded")
	}
	in.AcceptIrreversible, in.Deployment = false, "again"
	if was := must[activities.Prepared](w, w.Prepare, in); was.Lost != "" {
		t.Errorf("what is there already is called lost: %s", was.Lost)
	}
}

func TestWhatWasIssuedHereComesBackFromTheStore(t *testing.T) {
	w := begin(t)
	place := &vault{}
	w.Targets["lb"] = place
	first := w.issue(wish())
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: first.Fingerprint, Target: "lb", Deployment: "first"}
	must[activities.Prepared](w, w.Prepare, in)
	must[any](w, w.Install, in)
	next := wish()
	next.Replaces = first.Fingerprint
	second := w.issue(next)
	in.Fingerprint, in.Deployment = second.Fingerprint, "second"
	if was := must[activities.Prepared](w, w.Prepare, in); was.Lost != "" || was.Fingerprint != first.Fingerprint {
		t.Errorf("%+v; want %s, which the store has", was, first.Fingerprint.Short())
	}
	must[any](w, w.Install, in)
	must[any](w, w.RollBack, in)
	if now, err := place.Installed(t.Context()); err != nil || now.Fingerprint != first.Fingerprint || place.installed != 3 {
		t.Errorf("after rolling back %s is there (%v), after %d installations", now.Fingerprint.Short(), err, place.installed)
	}
}

func TestAtTheDoorIrreversibleTargetsMustBeAccepted(t *testing.T) {
	w := begin(t)
	w.Admission = door{map[string][]string{}}
	w.Targets["lb"] = &vault{}
	r := activities.AdmitRequest{Name: "shop", Targets: []string{"lb"}}
	_, err := do[activities.Admitted](w, w.Admit, r)
	if f, text := activities.FailureOf(err); f.Kind != activities.Invalid || !strings.Contains(text, "--accept-irreversible") {
		t.Errorf("%v", err)
	}
	r.AcceptIrreversible = true
	must[activities.Admitted](w, w.Admit, r)
}
