package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// enrolling runs enroll against a fake and a server that shows seen.
func enrolling(t *testing.T, f *fake, seen []cert.Observation, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	c := newCLI([]string{"NEVERLAPSE_USER=minji", "NEVERLAPSE_DATA=" + t.TempDir()}, &o, &e)
	c.zone, c.now = time.UTC, func() time.Time { return today }
	c.dial = func(context.Context, config.Config) (client.Client, error) { return f, nil }
	c.look = func(context.Context, cert.Endpoint, []string) []cert.Observation { return seen }
	code = c.run(t.Context(), append([]string{"enroll"}, args...))
	return code, o.String(), e.String()
}

func hostile() cert.Observation {
	return cert.Observation{
		Endpoint: cert.Endpoint{Host: "www.test", Port: 443}, Problems: []string{"self-signed"},
		Version: cert.Version{Fingerprint: "aaaaaaaaaaaaaaaa", Serial: "1", Issuer: "\x1b[2J\u202eevil", NotAfter: today.Add(20 * 24 * time.Hour), Names: []string{"evil name", "www.test", "*.www.test"}, KeyAlgorithm: "EC256"},
	}
}

func TestEnrollShowsWhatIsServedAndGuardsItsNames(t *testing.T) {
	f := &fake{}
	code, out, errs := enrolling(t, f, []cert.Observation{hostile()}, "WWW.test")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "www.test:443 serves\n", `\x1b[2J\u202eevil, EC256`, "20 days left", "trouble       self-signed", "www.test is enrolled: watched")
	wantText(t, errs, "left out:", "nobody in particular will be told")
	in, o := f.answers["input"].(workflows.EnrollmentInput), f.answers["started"].(client.StartWorkflowOptions)
	wantEqual(t, in.Names, []string{"*.www.test", "www.test"})
	wantEqual(t, in.Endpoints, []cert.Endpoint{{Host: "www.test", Port: 443}})
	if in.By != "minji" || in.Via != "cli" || in.Within != 2*time.Minute || o.ID != "enrollment/www.test" || o.TaskQueue != "neverlapse" {
		t.Errorf("%+v %+v", in, o)
	}
	if strings.ContainsAny(out+errs, "\x1b\u202e") {
		t.Errorf("control characters got through: %q", out)
	}
}

func TestEnrollOfAPlaceThatCannotBeReadNeedsDomains(t *testing.T) {
	dead := []cert.Observation{{Endpoint: cert.Endpoint{Host: "www.test", Port: 443}, Err: "connection refused"}}
	f := &fake{}
	code, _, errs := enrolling(t, f, dead, "www.test")
	wantCode(t, code, exitFailed, errs)
	wantText(t, errs, "www.test:443 cannot be read: connection refused", "--domains")
	if f.answers != nil {
		t.Error("it was enrolled")
	}
	code, out, errs := enrolling(t, f, dead, "www.test", "-d", "www.test", "--owner", "minji")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "cannot be read", "www.test is enrolled")
}

func TestAnUpdateKeepsWhatIsNotGiven(t *testing.T) {
	spec := lifecycle.Spec{
		Name: "shop", Names: []string{"shop.test"}, Managed: true, Owner: "minji", Team: "web", Environment: "prod", CA: "ca1", KeyType: cert.EC384, Profile: "p",
		Targets: []string{"web-1"}, Endpoints: []cert.Endpoint{{Host: "10.0.0.1", Port: 443, Target: "web-1"}}, Policy: lifecycle.Policy{Name: "strict"},
	}
	run := func(args ...string) (workflows.EnrollmentInput, *fake) {
		f := &fake{status: []workflows.Status{{State: lifecycle.State{Spec: spec}}}, answers: map[string]any{"enrollment": workflows.EnrollmentOutput{Spec: lifecycle.Spec{Name: "shop", Owner: "admitted"}}}}
		code, _, errs := enrolling(t, f, nil, append([]string{"--update", "--cert-name", "shop"}, args...)...)
		wantCode(t, code, exitOK, errs)
		return f.answers["input"].(workflows.EnrollmentInput), f
	}
	in, f := run("--owner", "jiho", "--team", "")
	if in.Owner != "jiho" || in.Team != "" || !in.Change || !in.Managed || in.CA != "ca1" || in.KeyType != cert.EC384 || in.Profile != "p" || in.Policy != "strict" || in.Environment != "prod" {
		t.Errorf("%+v", in)
	}
	wantEqual(t, in.Endpoints, spec.Endpoints)
	if sent := f.updates[0].Args[0].(workflows.SetSpecRequest); f.updates[0].UpdateName != "set-spec" || sent.Spec.Owner != "admitted" {
		t.Errorf("sent %+v, want what was admitted", sent)
	}
	if in, _ = run("--environment", "lab"); in.Policy != "" {
		t.Errorf("the environment's own policy is wanted, got %q", in.Policy)
	}
	in, _ = run("--manage=false")
	if in.Managed || in.CA != "" || in.Targets != nil || in.KeyType != "" || in.Endpoints[0].Target != "" {
		t.Errorf("what is only watched has neither CA nor targets: %+v", in)
	}
}
