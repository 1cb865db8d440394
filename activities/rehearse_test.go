package activities_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// rack is a slot that tells what it would do, and may be broken.
type rack struct {
	slot
	broken error
}

func (r *rack) Preflight(context.Context) error { return r.broken }

func (r *rack) Steps(context.Context) (cert.Steps, error) {
	return cert.Steps{Writes: []string{"/etc/tls/live"}, Check: "true"}, nil
}

func TestARehearsalTellsWhatWouldChangeAndChangesNothing(t *testing.T) {
	w := begin(t)
	v := w.issue(wish())
	place := &rack{slot: slot{chain: []byte("nothing that is a certificate")}}
	w.Targets["web"] = place
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "web"}
	got := must[activities.Rehearsed](w, w.Rehearse, in)
	if got.Has.Fingerprint != "" || got.Gets.Fingerprint != v.Fingerprint || got.Refused+got.Trouble != "" || got.Steps == nil || got.Steps.Check != "true" {
		t.Errorf("%+v", got)
	}
	if string(place.chain) != "nothing that is a certificate" {
		t.Error("something was put there")
	}

	place.broken = fault.New(fault.Configuration, "line 3 is wrong")
	in.Names = []string{"elsewhere.test"}
	got = must[activities.Rehearsed](w, w.Rehearse, in)
	if !strings.Contains(got.Trouble, "line 3 is wrong") || !strings.Contains(got.Refused, "elsewhere.test") {
		t.Errorf("%+v", got)
	}
	in.Target = "gone"
	if got = must[activities.Rehearsed](w, w.Rehearse, in); !strings.Contains(got.Trouble, `"gone" is not configured`) {
		t.Errorf("%+v", got)
	}

	w.Hosts = map[string]activities.Host{"far": {Name: "web7", Wait: time.Minute}}
	in.Target, in.Names = "far", wish().Names
	far := must[activities.Rehearsed](w, w.Rehearse, in)
	if far.Host != "web7" || far.Wait != time.Minute || far.Gets.Fingerprint != v.Fingerprint || far.Trouble != "" {
		t.Errorf("%+v", far)
	}
	host := begin(t)
	host.env = new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	host.env.RegisterActivity(activities.NewOnHost(map[string]activities.Target{"far": &rack{slot: slot{chain: nil}}}, nil, nil, time.Now))
	there := must[activities.Rehearsed](host, "Rehearse", in)
	if there.Trouble != "" || there.Steps == nil || there.Has.Fingerprint != "" {
		t.Errorf("at the host: %+v", there)
	}
}

func TestARehearsalTellsWhatCouldNotBePutBack(t *testing.T) {
	theirs := elsewhere(t)
	w := begin(t)
	v := w.issue(wish())
	place := &vault{slot: slot{chain: theirs}}
	w.Targets["lb"] = place
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "lb"}
	if got := must[activities.Rehearsed](w, w.Rehearse, in); !strings.Contains(got.Trouble, "--accept-irreversible") {
		t.Errorf("not accepted: %+v", got)
	}
	in.AcceptIrreversible = true
	if got := must[activities.Rehearsed](w, w.Rehearse, in); got.Trouble != "" || got.Steps == nil || !strings.Contains(got.Steps.Irreversible, "it keeps its keys") {
		t.Errorf("accepted: %+v", got)
	}
	if place.installed > 0 {
		t.Error("something was installed")
	}
}
