package main

import (
	"os"
	"path/filepath"
	"testing"

	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

const twoTeams = `
people: [{id: minji, email: minji@example.com}, {id: hana, email: hana@example.com}, {id: boss, email: boss@example.com}]
teams: [{id: web, members: [minji]}, {id: shop, members: [hana]}, {id: sre, members: [boss]}]
catch_all: sre
`

func configured(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "neverlapse.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPeopleOfTheDirectoryAreHeldToWhatTheyMay(t *testing.T) {
	file := configured(t, twoTeams)
	owned := func() *fake {
		return &fake{rows: []*workflowpb.WorkflowExecutionInfo{indexed("www", map[string]any{"state": "firing", "owner": "minji", "team": "web"})}}
	}
	for _, verb := range [][]string{
		{"ack", "www"}, {"snooze", "www", "--until", "1d"}, {"check", "www"}, {"take-over", "www"}, {"reassign", "www", "--to", "hana"}, {"renew", "www"},
		{"rollback", "www", "--to", "previous"}, {"deploy", "www"}, {"pause", "www", "--until", "1d", "--reason", "x"}, {"resume", "www"}, {"retire", "www", "--force"},
	} {
		for who, may := range map[string]bool{"minji": true, "hana": false, "boss": true, "root": verb[0] != "take-over"} {
			f := owned()
			f.status = []workflows.Status{sample()}
			code, _, errs := invoke(t, f, nil, append([]string{"--config", file, "--timeout", "50ms", "--as", who}, verb...)...)
			sent := len(f.updates) > 0
			if sent != may {
				t.Errorf("%s by %s: sent %v, exit %d: %s", verb[0], who, sent, code, errs)
			}
			if !may && who == "hana" {
				wantCode(t, code, exitRefused, errs)
				wantText(t, errs, "hana may not ", "minji, boss may")
				if len(f.signals) != 1 || f.signals[0].(workflows.Forbidden).By != "hana" || f.signals[0].(workflows.Forbidden).Via != "cli" {
					t.Errorf("%s: on record %+v", verb[0], f.signals)
				}
			}
			if verb[0] == "reassign" && may {
				wantEqual(t, f.updates[0].Args[0].(workflows.ReassignRequest).Of, &lifecycle.Ownership{Owner: "minji", Team: "web"})
			}
		}
	}
}

func TestACertificateIsGivenToNobodyUnknown(t *testing.T) {
	f := &fake{}
	code, _, errs := invoke(t, f, nil, "--config", configured(t, twoTeams), "reassign", "www", "--to", "hanna", "--team", "shpo")
	wantCode(t, code, exitUsage, errs)
	wantText(t, errs, `owner: "hanna" is nobody in the directory`, `team: "shpo" is not in the directory`)
	code, _, errs = invoke(t, f, nil, "reassign", "www")
	wantCode(t, code, exitUsage, errs)
	wantText(t, errs, "--to is missing")
	if len(f.updates) != 0 {
		t.Errorf("%d were sent", len(f.updates))
	}
}

func TestWhatSomebodyOwnsIsGivenAtOnceAndWhatIsTheirsIsLeftAlone(t *testing.T) {
	file := configured(t, twoTeams)
	fleet := func() *fake {
		f := &fake{}
		for name, owner := range map[string]string{"www": "minji", "shop": "minji", "api": "hana"} {
			f.rows = append(f.rows, indexed(name, map[string]any{"state": "ok", "owner": owner, "team": "web"}))
		}
		return f
	}
	f := fleet()
	code, out, errs := invoke(t, f, nil, "--config", file, "--as", "boss", "reassign", "--owner", "minji", "--selector", "environment=prod", "--to", "hana", "--dry-run")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "would be given", "unchanged")
	wantText(t, errs, "2 certificates would be given, 1 unchanged; nothing was sent")
	if len(f.updates) > 0 || len(f.queries) == 0 {
		t.Fatalf("sent %+v, asked %v", f.updates, f.queries)
	}
	wantText(t, f.queries[0], "`owner` = 'minji'", "`environment` = 'prod'")

	f = fleet()
	code, out, errs = invoke(t, f, nil, "--config", file, "--as", "boss", "-o", "json", "reassign", "--owner", "minji", "--to", "hana", "--note", "minji left")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, `"outcome": "given"`, `"outcome": "unchanged"`)
	ids := map[string]bool{}
	for _, u := range f.updates {
		r := u.Args[0].(workflows.ReassignRequest)
		ids[r.ID] = true
		if r.Owner != "hana" || r.Note != "minji left" || u.WorkflowID == "certificate/api" {
			t.Errorf("sent %s %+v", u.WorkflowID, r)
		}
	}
	if len(f.updates) != 2 || len(ids) != 2 {
		t.Errorf("%d updates with %d IDs", len(f.updates), len(ids))
	}
}

func TestOneThatIsRefusedHoldsUpNoOther(t *testing.T) {
	file := configured(t, twoTeams)
	f := &fake{failure: lifecycle.Refusal{Text: "www is being retired"}, rows: []*workflowpb.WorkflowExecutionInfo{indexed("www", map[string]any{"owner": "minji", "team": "web"})}}
	code, out, errs := invoke(t, f, nil, "--config", file, "--as", "stranger", "reassign", "www", "shop", "--to", "hana")
	if code == exitOK {
		t.Errorf("%s %s", out, errs)
	}
	for name, args := range map[string][]string{
		"names and a selector": {"reassign", "www", "--owner", "minji", "--to", "hana"},
		"nothing":              {"reassign", "--to", "hana"},
		"no receiver":          {"reassign", "--owner", "minji"},
		"nobody":               {"reassign", "www", "shop", "--to", "nobody-here"},
		"ca":                   {"reassign", "-l", "ca=x", "--to", "hana"},
	} {
		code, _, errs := invoke(t, &fake{}, nil, append([]string{"--config", file, "--as", "boss"}, args...)...)
		if code != exitUsage {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}
