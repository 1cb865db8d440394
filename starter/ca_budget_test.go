package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestTheBudgetOfACAIsShown(t *testing.T) {
	account := workflows.Account{CA: "le", Name: "ops@example.com", Budget: budget.State{
		Uses:    []budget.Use{{Key: "account", Most: 300, Within: 3 * time.Hour, At: []time.Time{today.Add(-4 * time.Hour), today.Add(-time.Hour), today}}},
		Blocks:  []budget.Block{{Until: today.Add(time.Hour), Why: "HTTP 429 \x1b[31m"}, {Key: "names/x", Until: today.Add(-time.Hour)}},
		Waiting: []budget.Waiting{{Request: budget.Request{Certificate: "shop", SafeBy: today.Add(48 * time.Hour)}, Since: today, OfferedUntil: today.Add(time.Minute)}},
	}, Outage: budget.Outage{Since: today.Add(-time.Hour), Cause: "connection refused", ProbeAt: today.Add(time.Minute), Stranded: []budget.Stranded{{Certificate: "mail"}}}}
	row := &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: workflows.AccountID("le", "ops@example.com")}}
	f := &fake{account: &account, rows: []*workflowpb.WorkflowExecutionInfo{row}}
	code, out, errs := invoke(t, f, nil, "ca", "budget")
	wantCode(t, code, 0, errs)
	wantText(t, out, "CA le, account ops@example.com", "2 of 300", "3h", "not before", "for everything: HTTP 429", "shop", "now", "no answer since", "connection refused", "mail")
	if strings.Contains(out, "names/x") || strings.ContainsRune(out, 0x1b) {
		t.Errorf("a past date or a control character is shown:\n%q", out)
	}
	code, out, errs = invoke(t, f, nil, "ca", "budget", "le", "-o", "json")
	wantCode(t, code, 0, errs)
	var views []budgetView
	if err := json.Unmarshal([]byte(out), &views); err != nil || len(views) != 1 || views[0].Counted[0].Used != 2 || !views[0].Waiting[0].Woken {
		t.Errorf("%v: %s", err, out)
	}
	code, out, errs = invoke(t, f, nil, "ca", "budget", "other")
	wantCode(t, code, 0, errs)
	if strings.Contains(out, "ops@") {
		t.Errorf("the account of another CA is shown: %s", out)
	}
	code, _, errs = invoke(t, f, nil, "ca", "spend")
	wantCode(t, code, exitUsage, errs)
}
