package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// constants reads the values of a type's constants from the brain's source, so
// that one more is not forgotten.
func constants(t *testing.T, file, kind string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../internal/lifecycle", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == kind {
			text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			out = append(out, text)
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("no %s in %s", kind, file)
	}
	return out
}

func TestEveryGroundAndEveryMoveHasWords(t *testing.T) {
	c := seoul(t)
	for _, code := range constants(t, "grounds.go", "GroundCode") {
		if _, ok := grounds[lifecycle.GroundCode(code)]; !ok {
			t.Errorf("ground %s has no words", code)
		}
	}
	for _, code := range constants(t, "moves.go", "MoveCode") {
		if _, ok := moves[lifecycle.MoveCode(code)]; !ok {
			t.Errorf("move %s has no words", code)
		}
	}
	for _, code := range constants(t, "forecast.go", "ForeseenKind") {
		e := lifecycle.Foreseen{Kind: lifecycle.ForeseenKind(code), Severity: "P1", Reason: "expiring"}
		if got := c.happens(e, lifecycle.Spec{Policy: lifecycle.Default()}); got == "" || got == code {
			t.Errorf("%s has no words", code)
		}
	}
}

const directory = `
people:
  - {id: minji, name: Kim Minji, email: minji@example.com}
  - {id: jun, name: Jun, email: jun@example.com}
teams:
  - {id: web, name: Web, members: [minji], on_call: [{person: jun}]}
catch_all: web
`

func TestExplainSaysWhyWhatNextAndWhatWouldChangeIt(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "neverlapse.yaml"), []byte(directory))
	code, out, errs := invoke(t, &fake{status: []workflows.Status{sample()}}, nil, "explain", "shop", "--config", file)
	wantCode(t, code, exitOK, errs)
	golden(t, "explain", out)
	if strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("control characters got through: %q", out)
	}
	_, colored, _ := invoke(t, &fake{status: []workflows.Status{sample()}}, nil, "explain", "shop", "--config", file, "--color", "always")
	if strip(colored) != out || colored == out {
		t.Error("colours are missing, or move the columns")
	}
	code, out, errs = invoke(t, &fake{status: []workflows.Status{sample()}}, nil, "explain", "shop", "-o", "json", "--config", file)
	wantCode(t, code, exitOK, errs)
	golden(t, "explain.json", out)
	var v explainView
	if err := json.Unmarshal([]byte(out), &v); err != nil || len(v.Because) == 0 || len(v.Failing) == 0 || len(v.Well) == 0 || len(v.Moves) == 0 {
		t.Errorf("%v: %+v", err, v)
	}
}

func TestExplainTellsRolesThatLeadToNobody(t *testing.T) {
	s := sample()
	s.State.Spec.Managed, s.State.Alerts, s.State.Renewal = false, nil, lifecycle.Renewal{}
	_, out, _ := invoke(t, &fake{status: []workflows.Status{s}}, nil, "explain", "shop")
	wantText(t, out, "expiring to owner\n", "replace the certificate where it is installed")
	file := write(t, filepath.Join(t.TempDir(), "neverlapse.yaml"), []byte(directory))
	_, out, _ = invoke(t, &fake{status: []workflows.Status{s}}, nil, "explain", "shop", "--config", file)
	wantText(t, out, "expiring to owner (minji)\n", " manager (nobody) and on-call (jun)")
}

// TestEveryCommandThatIsOfferedCanBeTyped reads the commands of explain and of
// notices as the shell and this CLI would.
func TestEveryCommandThatIsOfferedCanBeTyped(t *testing.T) {
	offered := []string{"neverlapse explain shop", "neverlapse history shop"}
	for _, managed := range []bool{true, false} {
		for _, change := range []func(*lifecycle.State){
			func(*lifecycle.State) {},
			func(s *lifecycle.State) {
				s.Renewal.Attempts = slices.Repeat(s.Renewal.Attempts, 8)
				s.Renewal.Candidate = s.Live
			},
			func(s *lifecycle.State) {
				s.Sight.SeenAt, s.Previous.NotAfter = today.Add(-9*24*time.Hour), today.Add(9*24*time.Hour)
			},
		} {
			st := sample().State
			st.Alerts[0].Status, st.Alerts[0].Answer = lifecycle.Firing, nil
			st.Spec.Managed, st.Spec.Owner = managed, ""
			change(&st)
			for _, m := range lifecycle.Moves(today, st) {
				offered = append(offered, m.Command)
			}
		}
	}
	if len(offered) < 20 {
		t.Fatalf("only %d commands are offered", len(offered))
	}
	for _, line := range offered {
		words := strings.Fields(strings.NewReplacer("'...'", "because", "'", "", "PERSON", "minji", "HOST:PORT", "www.example.com:443").Replace(line))
		root := newCLI([]string{"PATH=" + os.Getenv("PATH")}, &strings.Builder{}, &strings.Builder{}).root()
		cmd, args, err := root.Find(words[1:])
		if err != nil || cmd == root || words[0] != "neverlapse" {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := cmd.ParseFlags(args); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
