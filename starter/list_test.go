package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
)

func fleet() []*workflowpb.WorkflowExecutionInfo {
	in := func(days int) time.Time { return today.Add(time.Duration(days) * 24 * time.Hour) }
	return []*workflowpb.WorkflowExecutionInfo{
		indexed("never-seen", map[string]any{"state": "healthy"}),
		indexed("later", map[string]any{"state": "healthy", "notAfter": in(60), "owner": "minji", "issuer": "R11"}),
		indexed("soon", map[string]any{"state": "firing", "severity": "P3", "notAfter": in(14), "team": "웹팀", "environment": "prod", "issuer": "악의 \x1b[2J issuer with a very long name that goes on"}),
		indexed("sooner", map[string]any{"state": "healthy", "notAfter": in(30), "names": []string{"a.test"}, "hosts": []string{"a.test"}}),
		indexed("gone", map[string]any{"state": "spent", "severity": "P1", "notAfter": in(-1)}),
	}
}

func TestListPutsTheMostUrgentFirst(t *testing.T) {
	f := &fake{rows: fleet()}
	code, out, errs := invoke(t, f, nil, "list")
	wantCode(t, code, exitOK, errs)
	golden(t, "list", out)
	if len(f.queries) != 2 {
		t.Errorf("%d pages were read, want 2", len(f.queries))
	}
	_, colored, _ := invoke(t, &fake{rows: fleet()}, nil, "list", "--color", "always")
	if plain := strip(colored); plain != out || plain == colored {
		t.Errorf("colours move the columns:\n%s", plain)
	}
}

func strip(s string) string {
	for _, code := range []string{red, yellow, green, blue, bold, "0"} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	return s
}

func TestListForProgramsIsOneDocumentOrOneALine(t *testing.T) {
	_, out, _ := invoke(t, &fake{rows: fleet()}, nil, "list", "-o", "json")
	var all []row
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 5 || all[0].Name != "gone" {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.ContainsAny(out, "\x1b\u009b") {
		t.Errorf("control characters got through: %q", out)
	}
	_, lines, _ := invoke(t, &fake{rows: fleet()}, nil, "list", "-o", "jsonl")
	if n := strings.Count(lines, "\n"); n != 5 {
		t.Errorf("%d lines, want 5", n)
	}
	_, none, _ := invoke(t, &fake{}, nil, "list", "-o", "json")
	if none != "[]\n" {
		t.Errorf("nothing is %q, want []", none)
	}
}

func TestNothingInAFilterEndsItsLiteral(t *testing.T) {
	f := &fake{}
	code, _, errs := invoke(t, f, nil, "list", "--owner", `x' OR '1'='1`, "--team", `a\' OR 1=1`, "--expires-before", "30d")
	wantCode(t, code, exitOK, errs)
	want := "WorkflowType = 'CertificateWorkflow' AND ExecutionStatus = 'Running'" +
		" AND `owner` IN ('x\\' OR \\'1\\'=\\'1') AND `team` IN ('a\\\\\\' OR 1=1') AND `notAfter` < '2026-07-01T03:00:00Z'"
	wantEqual(t, f.queries[0], want)
	wantText(t, errs, "no certificate matches")
}

func TestNamesAreCompletedFromTheIndex(t *testing.T) {
	_, out, _ := invoke(t, &fake{rows: fleet()}, nil, "__complete", "status", "so")
	wantText(t, out, "soon\tfiring, 14d\n", "sooner\thealthy, 30d\n")
	if strings.Contains(out, "later") {
		t.Errorf("offers what does not begin so:\n%s", out)
	}
	_, out, _ = invoke(t, &fake{failure: missing}, nil, "__complete", "status", "so")
	wantText(t, out, ":4") // nothing, and no file names either
}

func TestATextOfTwoColumnLettersIsAligned(t *testing.T) {
	if width("web 웹팀 Å") != 10 || width("ｗ、") != 4 || width("e\u0301") != 1 {
		t.Errorf("widths %d %d %d", width("web 웹팀 Å"), width("ｗ、"), width("e\u0301"))
	}
}
