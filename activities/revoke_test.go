package activities_test

import (
	"context"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func (c *fakeCA) Revoke(_ context.Context, chain, key []byte, reason cert.RevocationReason) error {
	if c.down {
		return fault.New(fault.Unavailable, "down")
	}
	c.revoked = append(c.revoked, string(reason))
	if (len(key) > 0) != (reason == cert.KeyCompromise && !c.keyless) {
		return fault.New(fault.Invalid, "signed by the wrong key")
	}
	_, err := cert.DecodeChain(chain)
	return err
}

func TestARevokedVersionIsNeitherDeployedNorReused(t *testing.T) {
	w := begin(t)
	v := w.issue(wish())
	in := activities.RevokeInput{Name: "shop", Fingerprint: v.Fingerprint, Reason: cert.KeyCompromise, By: "minji"}
	w.ca.down = true
	if _, err := do[any](w, w.Revoke, in); err == nil {
		t.Fatal("a CA that is down has revoked")
	}
	w.ca.down = false
	for range 2 { // the second is the retry of one whose answer was lost
		must[any](w, w.Revoke, in)
	}
	if got := must[cert.Version](w, w.Candidate, wish()); got.Fingerprint != "" {
		t.Error("it is the candidate still")
	}
	_, err := do[cert.Version](w, w.Prepare, activities.DeployInput{Name: "shop", Names: []string{"shop.test"}, Fingerprint: v.Fingerprint, Target: "t", Deployment: "d"})
	if f, text := activities.FailureOf(err); f.Kind != activities.Configuration || !strings.Contains(text, "was revoked at") {
		t.Errorf("it would be deployed: %v", err)
	}
	again := wish()
	again.Replaces, again.ReuseKey = v.Fingerprint, true
	next := w.issue(again)
	old, err := w.disk.Pair(t.Context(), "shop", v.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := w.disk.Pair(t.Context(), "shop", next.Fingerprint)
	if err != nil || string(fresh.Key) == string(old.Key) {
		t.Errorf("the key of a revoked version is used again (%v)", err)
	}
}

func TestWhatWasNotIssuedHereIsNotRevokedHere(t *testing.T) {
	w := begin(t)
	v := w.issue(wish())
	for want, in := range map[string]activities.RevokeInput{
		"it was not issued here": {Name: "shop", Fingerprint: v.Fingerprint[32:] + v.Fingerprint[:32], Reason: cert.Superseded},
		"is not configured":      {Name: "shop", Fingerprint: v.Fingerprint, Reason: cert.Superseded},
	} {
		if want == "is not configured" {
			delete(w.CAs, "ca")
		}
		_, err := do[any](w, w.Revoke, in)
		if f, text := activities.FailureOf(err); f.Kind != activities.Configuration || !strings.Contains(text, want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if len(w.ca.revoked) != 0 {
		t.Error("the CA was asked")
	}
}

func TestDiscardingForgetsTheKeyOfAnOrderThatLedNowhere(t *testing.T) {
	w := begin(t)
	must[string](w, w.Order, wish())
	before, err := w.disk.Issuance(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	discard := wish()
	discard.Discard = true
	must[cert.Version](w, w.Candidate, discard)
	must[string](w, w.Order, discard)
	after, err := w.disk.Issuance(t.Context(), "shop", "")
	if err != nil || after.KeyRef == before.KeyRef {
		t.Errorf("the same key: %v", err)
	}
}
