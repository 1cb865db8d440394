package activities_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/store"
)

// apart gives a world in which the target web lives on the host web7, and the
// hands of that host on a slot.
func apart(t *testing.T, place *slot) (w *world, host *world, part *store.Host) {
	t.Helper()
	w = begin(t)
	o := store.Options{Path: filepath.Join(w.dir, "hosts/web7"), KeyFile: filepath.Join(t.TempDir(), "host.key")}
	if err := store.GenerateHostKeyFile(o.KeyFile); err != nil {
		t.Fatal(err)
	}
	key, err := o.HostPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	w.Hosts = map[string]activities.Host{"web": {Name: "web7", Key: key.String(), Wait: time.Minute}}
	if err := w.disk.Welcome(t.Context(), "web7"); err != nil {
		t.Fatal(err)
	}
	if part, err = o.OpenHost("web7"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { part.Close() })
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	host = &world{t: t, env: suite.NewTestActivityEnvironment()}
	host.env.RegisterActivity(activities.NewOnHost(map[string]activities.Target{"web": place}, part, nil, time.Now))
	return w, host, part
}

func TestTheHandsOfAHostDeployWhatWasHandedOverAndNothingElse(t *testing.T) {
	place := &slot{chain: []byte("what was there\n")}
	w, host, _ := apart(t, place)
	v := w.issue(wish())
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "web", Deployment: "run"}
	if _, err := do[any](host, "Prepare", in); err == nil || !strings.Contains(err.Error(), "the store has no version") {
		t.Errorf("the host prepares what was not handed over: %v", err)
	}
	if p := must[activities.Prepared](w, w.Prepare, in); p.Host != "web7" || p.Wait != time.Minute || p.Fingerprint != "" {
		t.Errorf("the centre says %+v", p)
	}
	if seen := must[[]cert.Observation](w, w.Observe, activities.ObserveInput{Targets: []string{"web"}}); len(seen) != 1 || seen[0].Host != "web7" || seen[0].Seen() || seen[0].Err != "" {
		t.Errorf("the centre sees %+v", seen)
	}
	if p := must[activities.Prepared](host, "Prepare", in); p.Host != "" {
		t.Errorf("the host sends on to %q", p.Host)
	}
	newer := map[string]any{"name": in.Name, "names": in.Names, "fingerprint": in.Fingerprint, "target": in.Target, "deployment": in.Deployment, "sinceTheNextRelease": map[string]any{"a": 1}}
	if _, err := host.env.ExecuteActivity("Install", newer); err != nil {
		t.Errorf("what a newer centre adds is in the way: %v", err)
	}
	seen := must[[]cert.Observation](host, "Observe", activities.ObserveInput{Targets: []string{"web"}, Endpoints: []cert.Endpoint{{Host: "a.test", Port: 443}}})
	if len(seen) != 1 || seen[0].Version.Fingerprint != v.Fingerprint {
		t.Errorf("the host sees %+v", seen)
	}
	must[any](host, "RollBack", in)
	if string(place.chain) != "what was there\n" {
		t.Errorf("rolled back to %q", place.chain)
	}
	if _, err := do[any](host, "Order", wish()); err == nil {
		t.Error("the host orders certificates")
	}
	if _, err := do[any](w, w.Install, in); err == nil || !strings.Contains(err.Error(), "only the worker there reaches it") {
		t.Errorf("the centre installs on a host: %v", err)
	}

	if err := w.disk.PutRevocation(t.Context(), "shop", cert.Revocation{Fingerprint: v.Fingerprint, Reason: "keyCompromise", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := do[any](w, w.Prepare, in); err == nil || !strings.Contains(err.Error(), "was revoked") {
		t.Errorf("a revoked version is handed over: %v", err)
	}
}

func TestAdmissionHoldsThePlacesThatAHostReported(t *testing.T) {
	w, _, part := apart(t, &slot{})
	w.Admission = door{map[string][]string{}}
	admit := func(name string) string {
		_, err := do[activities.Admitted](w, w.Admit, activities.AdmitRequest{Name: name, Targets: []string{"web"}})
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if got := admit("shop"); !strings.Contains(got, "neverlapse-worker --role target --queue web7") {
		t.Errorf("a host that never reported: %q", got)
	}
	report := func(target string) {
		if err := part.Report(t.Context(), cert.HostReport{At: time.Now(), Targets: []cert.HostTarget{{Name: target, Places: []string{"file:w:/etc/tls"}}}}); err != nil {
			t.Fatal(err)
		}
	}
	report("other")
	if got := admit("shop"); !strings.Contains(got, "the worker there has no such target") {
		t.Errorf("a target that the host does not have: %q", got)
	}
	report("web")
	if got := admit("shop"); got != "" {
		t.Errorf("refused: %s", got)
	}
	if got := admit("thief"); !strings.Contains(got, "host web7: file:w:/etc/tls is held by the certificate shop") {
		t.Errorf("the place was given away: %q", got)
	}
}
