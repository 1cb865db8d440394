package main

import (
	"strings"
	"testing"

	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestARevocationNeedsAReasonAndOneWayToSayWhich(t *testing.T) {
	for want, args := range map[string][]string{
		"--reason: a reason is missing; use one of keyCompromise": {"www"},
		`reason "certificateHold": a revocation cannot be taken`:  {"www", "--reason", "certificateHold"},
		`reason "leaked" is not known`:                            {"www", "--reason", "leaked"},
		"not both":                                                {"www", "-l", "owner=minji", "--reason", "superseded"},
		"which certificate?":                                      {"--reason", "superseded"},
		"--now goes with --reissue":                               {"www", "--reason", "superseded", "--now"},
		"--cancel takes back":                                     {"www", "--cancel", "--reason", "superseded"},
		`"colour=red" is not KEY=VALUE with one of owner`:         {"-l", "colour=red", "--reason", "superseded"},
		"nothing is issued by a and by b":                         {"-l", "ca=a,ca=b", "--reason", "superseded"},
		"with --selector it is live or previous":                  {"-l", "ca=a", "--version", "abcdef", "--reason", "superseded"},
	} {
		f := &fake{status: []workflows.Status{sample()}}
		code, _, errs := invoke(t, f, nil, append([]string{"revoke"}, args...)...)
		wantCode(t, code, exitUsage, errs)
		wantText(t, errs, want)
		if len(f.updates) > 0 {
			t.Errorf("%v: something was sent", args)
		}
	}
}

func TestASelectorRevokesWhatWasListedAndConfirmed(t *testing.T) {
	rows := func() []*workflowpb.WorkflowExecutionInfo {
		out := []*workflowpb.WorkflowExecutionInfo{}
		for _, name := range []string{"api", "shop"} {
			r := indexed(name, map[string]any{"owner": "minji"})
			r.Memo = managedMemo(t)
			out = append(out, r)
		}
		return out
	}
	run := func(typed string, args ...string) (*fake, int, string, string) {
		f := &fake{status: []workflows.Status{sample()}, rows: rows(), answers: map[string]any{"revoke": workflows.Taken{Text: "taken"}}}
		code, out, errs := invokeWith(t, f, typed, append([]string{"revoke", "-l", "owner=minji", "--reason", "keyCompromise", "--reissue"}, args...)...)
		return f, code, out, errs
	}
	f, code, out, errs := run("", "--dry-run")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "api", "shop", "2 to be replaced first and then revoked, reason keyCompromise", "Nothing was asked for")
	wantText(t, f.queries[0], "`owner` = 'minji'")
	if len(f.updates) != 0 {
		t.Error("a dry run asked for something")
	}
	for _, typed := range []string{"", "yes\n", "3\n"} {
		f, code, _, errs = run(typed)
		wantCode(t, code, exitRefused, errs)
		wantText(t, errs, "Type 2 to revoke 2", "not confirmed")
		if len(f.updates) != 0 {
			t.Error("something was sent without being confirmed")
		}
	}
	for typed, more := range map[string][]string{"2\n": nil, "": {"--yes"}} {
		f, code, out, errs = run(typed, more...)
		wantCode(t, code, exitOK, errs)
		if len(f.updates) != 2 || strings.Count(out, "taken") != 2 {
			t.Fatalf("%d were asked: %s", len(f.updates), out)
		}
		in := f.updates[1].Args[0].(workflows.RevokeRequest)
		if in.Version != sample().State.Live.Fingerprint || in.Reason != cert.KeyCompromise || !in.Reissue || f.updates[0].UpdateID == f.updates[1].UpdateID {
			t.Errorf("%+v", in)
		}
	}
	if _, code, _, errs := run("", "-l", "ca=another"); code != exitNotFound {
		t.Errorf("another CA's: exit %d %s", code, errs)
	}
}
