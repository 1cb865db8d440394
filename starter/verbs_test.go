package main

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// requestOf is who asked, in whatever update was sent first.
func requestOf(t *testing.T, f *fake) workflows.Request {
	t.Helper()
	if len(f.updates) == 0 {
		t.Fatal("nothing was sent")
	}
	var r workflows.Request
	if err := (value{f.updates[0].Args[0]}).Get(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEachVerbSendsItsUpdate(t *testing.T) {
	day := today.Add(24 * time.Hour)
	for _, tc := range []struct {
		args []string
		name string
		want any
	}{
		{[]string{"ack", "www", "--for", "2d", "--note", "mine", "--alert", "www/x/expiring"}, "acknowledge", workflows.AcknowledgeRequest{Alert: "www/x/expiring", For: 48 * time.Hour}},
		{[]string{"snooze", "www", "--until", "1d", "--note", "mine"}, "snooze", workflows.SnoozeRequest{Until: day}},
		{[]string{"take-over", "www", "--for", "2d", "--note", "mine"}, "take-over", workflows.TakeOverRequest{For: 48 * time.Hour}},
		{[]string{"reassign", "www", "--to", "hana", "--team", "web", "--note", "mine"}, "reassign", workflows.ReassignRequest{Owner: "hana", Team: "web"}},
		{[]string{"renew", "www", "--new", "--note", "mine"}, "renew-now", workflows.RenewRequest{New: true}},
		{[]string{"approve", "www", "--note", "mine"}, "approve", workflows.DecideRequest{}},
		{[]string{"deny", "www", "--note", "mine"}, "deny", workflows.DecideRequest{}},
		{[]string{"renew", "www", "--override-freeze", "--note", "mine"}, "renew-now", workflows.RenewRequest{OverrideFreeze: true}},
		{[]string{"deploy", "www", "--note", "mine"}, "deploy", workflows.DeployRequest{}},
		{[]string{"deploy", "www", "--override-freeze", "--note", "mine"}, "deploy", workflows.DeployRequest{OverrideFreeze: true}},
		{[]string{"revoke", "www", "--reason", "keyCompromise", "--reissue", "--override-freeze", "--version", "bb:bb:bb", "--note", "mine"}, "revoke", workflows.RevokeRequest{Version: "bbbbbb11", Reason: cert.KeyCompromise, Reissue: true, OverrideFreeze: true}},
		{[]string{"deploy", "www", "--version", "AA:AA:AA", "--target", "web-1,web-2", "--note", "mine"}, "deploy", workflows.DeployRequest{Version: "aaaaaa11", Targets: []string{"web-1", "web-2"}}},
		{[]string{"rollback", "www", "--to", "previous", "--note", "mine"}, "roll-back", workflows.RollBackRequest{}},
		{[]string{"rollback", "www", "--to", "AA:AA:AA", "--note", "mine"}, "roll-back", workflows.RollBackRequest{To: "aaaaaa11"}},
		{[]string{"revoke", "www", "--reason", "KEYcompromise", "--reissue", "--version", "bb:bb:bb", "--note", "mine"}, "revoke", workflows.RevokeRequest{Version: "bbbbbb11", Reason: cert.KeyCompromise, Reissue: true}},
		{[]string{"pause", "www", "--until", "2026-06-02T03:00:00Z", "--reason", "mine"}, "pause", workflows.PauseRequest{Until: day}},
		{[]string{"resume", "www", "--note", "mine"}, "resume", workflows.Request{}},
		{[]string{"retire", "www", "--force", "--note", "mine"}, "retire", workflows.RetireRequest{Force: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{status: []workflows.Status{{}}, answers: map[string]any{"Stored": []cert.Version{{Fingerprint: "aaaaaa11", Serial: "1", NotAfter: day}, {Fingerprint: "bbbbbb11", Serial: "2"}}}}
			code, _, errs := invoke(t, f, nil, tc.args...)
			wantCode(t, code, exitOK, errs)
			r := requestOf(t, f)
			if u := f.updates[0]; u.UpdateName != tc.name || u.WorkflowID != "certificate/www" || r.Note != "mine" || !f.closed {
				t.Errorf("sent %s to %s: %+v", u.UpdateName, u.WorkflowID, r)
			}
			wantEqual(t, fieldsBut(t, f.updates[0].Args[0]), fieldsBut(t, tc.want))
		})
	}
}

func TestRetiringSaysWhenItHasNotEndedYet(t *testing.T) {
	for endless, want := range map[bool]string{true: "www is being retired", false: "www is retired"} {
		f := &fake{endless: endless, answers: map[string]any{"retire": workflows.Taken{Text: "www is retired"}}}
		code, out, errs := invoke(t, f, nil, "retire", "www", "--timeout", "50ms")
		wantCode(t, code, exitOK, errs)
		wantText(t, out, want)
	}
}

// fieldsBut are the fields of a request without who asks.
func fieldsBut(t *testing.T, v any) map[string]any {
	t.Helper()
	var out map[string]any
	if err := (value{v}).Get(&out); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"id", "by", "via", "note"} {
		delete(out, k)
	}
	return out
}

func TestAnAcknowledgementIsLeftForAWorkerThatIsAway(t *testing.T) {
	f := &fake{failure: errNoWorker}
	code, out, errs := invoke(t, f, nil, "ack", "www", "--for", "1h", "--timeout", "20ms")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "sent; it counts when a worker is back")
	if len(f.signals) != 1 || len(f.updates) != 1 {
		t.Fatalf("%d updates, %d signals", len(f.updates), len(f.signals))
	}
	wantEqual(t, f.signals[0], f.updates[0].Args[0])
	if id := requestOf(t, f).ID; id == "" || id != f.updates[0].UpdateID {
		t.Errorf("ID %q", id)
	}

	f = &fake{failure: errNoWorker}
	code, _, errs = invoke(t, f, nil, "snooze", "www", "--until", "1d", "--timeout", "20ms")
	wantCode(t, code, exitUnreachable, errs)
	wantText(t, errs, "no worker answered", "within 20ms")

	f = &fake{failure: missing}
	code, _, errs = invoke(t, f, nil, "ack", "www")
	wantCode(t, code, exitNotFound, errs)
	if len(f.signals) != 0 {
		t.Error("an acknowledgement was left for a certificate that is not there")
	}
}

func TestRollingBackNeedsOneClearVersion(t *testing.T) {
	c := seoul(t)
	state := sample().State
	stored := []cert.Version{{Fingerprint: "aaaaaa11", Serial: "0bbbbbb99"}, {Fingerprint: "aaaaaa22", Serial: "cccccc99"}}
	for digits, want := range map[string]cert.Fingerprint{"aaaaaa1": "aaaaaa11", "cccccc": "aaaaaa22", "00bbbbbb": "aaaaaa11"} {
		if got, err := c.match(state, "--to", digits, stored); err != nil || got.Fingerprint != want {
			t.Errorf("%s: %s %v, want %s", digits, got.Fingerprint, err, want)
		}
	}
	_, err := c.match(state, "--to", "aaaaaa", stored)
	wantCode(t, c.explain(err).code, exitUsage, err.Error())
	wantText(t, err.Error(), "not clear", "aaaaaa11, serial 0bbbbbb99", "aaaaaa22")
	if _, err := c.match(state, "--to", "000000", stored); err == nil {
		t.Error("nothing but noughts names a version")
	}
	_, err = c.match(state, "--to", "dddddd", nil)
	wantCode(t, c.explain(err).code, exitNotFound, err.Error())
}

func TestAVersionThatCannotHelpAnyMoreIsRefusedWithTheReasonAndTheOthers(t *testing.T) {
	s := sample()
	s.State.Revocations = []cert.Revocation{{Fingerprint: "dddddddd", At: today, By: "hana", Reason: cert.KeyCompromise}}
	stored := []cert.Version{s.State.Live, s.State.Previous, {Fingerprint: "dddddddd", NotAfter: today.Add(time.Hour)}, {Fingerprint: "eeeeeeee", Serial: "77", NotAfter: today.Add(time.Hour)}}
	for _, verb := range [][]string{{"rollback", "shop", "--to"}, {"deploy", "shop", "--version"}, {"deploy", "shop", "--dry-run", "--version"}} {
		for digits, why := range map[string]string{"bbbbbb": " expired at ", "dddddd": " was revoked at "} {
			f := &fake{status: []workflows.Status{s}, answers: map[string]any{"Stored": stored}}
			code, _, errs := invoke(t, f, nil, append(slices.Clone(verb), digits)...)
			wantCode(t, code, exitRefused, errs)
			wantText(t, errs, why, "deploying it would not help", "aaaaaaaaaaaa, serial 01ab", ", live\n", ", previous, expired at", "eeeeeeee, serial 77")
			if len(f.updates) != 0 {
				t.Errorf("%v %s was sent all the same", verb, digits)
			}
		}
	}
}

func TestCheckWaitsForTheLookToEnd(t *testing.T) {
	before := sample()
	asked, looking, done := sample(), sample(), sample()
	asked.State.Look = &lifecycle.Order{By: "minji"}
	looking.State.Flights = []lifecycle.Flight{{Kind: lifecycle.FlyLook, At: today}}
	done.State.Sight.At = today.Add(time.Second)
	f := &fake{status: []workflows.Status{before, asked, looking, done}, answers: map[string]any{"observe-now": workflows.Taken{Text: "looking"}}}
	code, out, errs := invoke(t, f, nil, "check", "shop", "-o", "json")
	wantCode(t, code, exitOK, errs)
	var got checkView
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if !got.SeenAt.Equal(done.State.Sight.At) || len(got.Places) != 3 || len(f.status) != 1 {
		t.Errorf("it did not wait: %s", out)
	}

	f = &fake{status: []workflows.Status{before}}
	code, _, errs = invoke(t, f, nil, "check", "shop", "--timeout", "150ms")
	wantCode(t, code, exitUnreachable, errs)
	wantText(t, errs, "not finished within 150ms; it goes on")
}

func TestRenewWaitsAndTellsHowItEnded(t *testing.T) {
	running, failed, renewed := sample(), sample(), sample()
	running.State.Flights = []lifecycle.Flight{{Kind: lifecycle.FlyRenewal, At: today}}
	failed.State.Renewal.Attempts = append(failed.State.Renewal.Attempts, lifecycle.Attempt{At: today, Outcome: lifecycle.DeployFailed, Cause: "nginx: bad"})
	renewed.State.Live.Fingerprint, renewed.State.Renewal.Attempts = "cccccccccccccccc", nil
	for want, tc := range map[string]struct {
		end  workflows.Status
		code int
	}{
		"shop: the attempt ended: deploy-failed: nginx: bad":     {failed, exitFailed},
		"shop: cccccccccccc by Test CA is live until":            {renewed, exitOK},
		"shop: the run has ended and aaaaaaaaaaaa is still live": {sample(), exitOK},
	} {
		f := &fake{status: []workflows.Status{sample(), running, tc.end}}
		code, out, errs := invoke(t, f, nil, "renew", "shop", "--wait")
		wantCode(t, code, tc.code, errs)
		wantText(t, out+errs, want)
	}
}

func TestAServerThatRunsNoActivitiesByThemselvesIsExplained(t *testing.T) {
	for _, err := range []error{serviceerror.NewUnimplemented("unknown method"), serviceerror.NewPermissionDenied("no", "")} {
		code, _, errs := invoke(t, &fake{failure: err}, nil, "history", "www")
		wantCode(t, code, exitFailed, errs)
		wantText(t, errs, "activity.enableStandalone")
	}
}

func TestFlagsComeFromTheEnvironmentAndWinOverIt(t *testing.T) {
	f := &fake{}
	env := []string{"NEVERLAPSE_LIST_TEAM=web,ops", "NEVERLAPSE_LIST_SEVERITY=p1", "NEVERLAPSE_OUTPUT=jsonl", "NEVERLAPSE_LIST_OWNER="}
	code, _, errs := invoke(t, f, env, "list", "--severity", "P2")
	wantCode(t, code, exitOK, errs)
	wantText(t, f.queries[0], "`team` IN ('web', 'ops')", "`severity` IN ('P2')")

	f = &fake{}
	code, _, errs = invoke(t, f, []string{"NEVERLAPSE_RETIRE_FORCE=true"}, "retire", "www")
	wantCode(t, code, exitOK, errs)
	if f.updates[0].Args[0].(workflows.RetireRequest).Force {
		t.Error("a safety was overridden by a variable")
	}
}
