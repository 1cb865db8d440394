package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// asking waits for approval of a candidate that jiho asked for.
func asking() workflows.Status {
	s := sample()
	s.State.Spec.Policy.Approval = lifecycle.ApprovalPolicy{Before: lifecycle.DoDeploy, By: []people.Role{people.Owner, people.Manager}}
	s.State.Approval = &lifecycle.Approval{For: lifecycle.ForRenewal, Version: "cccccccccccccccc", Requester: "jiho", AskedAt: today.Add(-time.Hour)}
	return s
}

func TestEverythingThatWaitsForApprovalIsListedWithWhoMayAndWhatHappensByItself(t *testing.T) {
	f := &fake{rows: []*workflowpb.WorkflowExecutionInfo{indexed("shop", map[string]any{"state": "firing"})}, status: []workflows.Status{asking()}}
	code, out, errs := invoke(t, f, nil, "approvals")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "shop", "deploy cccccccccccc", "2026-06-01 11:00 KST", "jiho", "0 of 1", "approved 2026-")
	wantText(t, errs, "neverlapse approve NAME")
	if len(f.queries) != 1 || !strings.Contains(f.queries[0], "'waiting'") || strings.Contains(f.queries[0], "'healthy'") {
		t.Errorf("asked the index %q", f.queries)
	}
	code, out, errs = invoke(t, f, nil, "approvals", "-o", "json")
	wantCode(t, code, exitOK, errs)
	var all []pendingView
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 || all[0].Unanswered != "approve" || !all[0].DecidesAt.After(today) || all[0].Step != "deploy" || all[0].May == nil {
		t.Errorf("%v %s", err, out)
	}
	_, out, _ = invoke(t, f, nil, "status", "shop")
	wantText(t, out, "waits since", "its policy does at", "decide by: neverlapse approve shop, or neverlapse deny shop --note TEXT")

	f.status = []workflows.Status{sample()}
	code, out, errs = invoke(t, f, nil, "approvals", "-o", "json")
	wantCode(t, code, exitOK, errs)
	if strings.TrimSpace(out) != "[]" {
		t.Errorf("nothing is %q", out)
	}
	f.failure = serviceerror.NewUnavailable("away")
	code, _, errs = invoke(t, f, nil, "approvals")
	wantCode(t, code, exitUnreachable, errs)
}
