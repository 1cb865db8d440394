package workflows_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// hostile tries to end a code span, to open a heading, a link and a tag, and to turn the line around.
const hostile = "`` x`\n# owned\n[click](http://evil.test) <b>| \u202e \u2028 **now**"

func TestNothingFromOutsideBecomesMarkup(t *testing.T) {
	s := tell(t, "slack")
	s.served.Issuer = hostile
	s.refuses["slack"] = true
	var got string
	s.at(days(61), func() {
		v, err := s.env.QueryWorkflow(workflows.QueryStatus)
		if err != nil {
			t.Error(err)
			return
		}
		var st workflows.Status
		if err := v.Get(&st); err != nil {
			t.Error(err)
		}
		got = st.Details
		if left := cert.LeftUntil(st.At, st.State.Live.NotAfter).String(); !strings.Contains(got, "("+left+" at ") {
			t.Errorf("%q is not told in:\n%s", left, got)
		}
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(62))
	for _, line := range strings.Split(got, "\n") {
		outside := ""
		for i, part := range strings.Split(line, "`") {
			if i%2 == 0 {
				outside += part
			}
		}
		if strings.Count(line, "`")%2 != 0 || strings.ContainsAny(outside, "[]<>|") || strings.HasPrefix(line, "# ") {
			t.Errorf("a text from outside became markup: %s", line)
		}
	}
	if strings.ContainsAny(got, "\u202e\u2028") || !strings.Contains(got, "owned") {
		t.Errorf("the issuer is not shown as it should be:\n%s", got)
	}
	for _, must := range []string{"### `a` is firing", "**Next:**", "**Why:**", "valid until", "not delivered"} {
		if !strings.Contains(got, must) {
			t.Errorf("%q is not told in:\n%s", must, got)
		}
	}
}

// reasons reads the constants of the brain.
func reasons(t *testing.T) []lifecycle.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/lifecycle/decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []lifecycle.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && fmt.Sprint(v.Type) == "Reason" {
			text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			out = append(out, lifecycle.Reason(text))
		}
		return true
	})
	if len(out) < 20 {
		t.Fatalf("only %d reasons were found", len(out))
	}
	return out
}

func TestEveryReasonIsToldInWords(t *testing.T) {
	for _, r := range reasons(t) {
		if _, ok := workflows.Words[r]; !ok {
			t.Errorf("%s has no words", r)
		}
	}
}

// sizes gives the bytes of every list as a payload.
func sizes(t *testing.T, a lifecycle.Attributes) map[string]int {
	t.Helper()
	set := temporal.NewSearchAttributes(workflows.SearchAttributes(a)...)
	out := map[string]int{}
	for key, value := range set.GetUntypedValues() {
		b, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out[key.GetName()] = len(b)
	}
	if len(out) < 4 {
		t.Fatalf("only %v are set", out)
	}
	return out
}

func TestSearchAttributesFitWhatAServerTakes(t *testing.T) {
	a := lifecycle.Attributes{State: "healthy", Issuer: strings.Repeat("é", 500), NotAfter: time.Now()}
	for i := range 500 {
		a.Names = append(a.Names, fmt.Sprintf("%d.%s.example.com", i, strings.Repeat("x", 40)))
		a.Hosts = append(a.Hosts, strings.Repeat("\u0001", 240))
	}
	for name, size := range sizes(t, a) {
		if size > 2048 {
			t.Errorf("%s has %d bytes", name, size)
		}
	}
}

func TestWhatANewerWorkerSaysIsNotTakenForSuccess(t *testing.T) {
	o := workflows.RenewalOutput{Kind: "half-proven", Cause: strings.Repeat("x", 1<<20), Version: cert.Version{Fingerprint: "f"}}.Outcome()
	if o.Kind != lifecycle.Unknown || !contains(o.Cause, "half-proven") || len(o.Cause) > 5000 {
		t.Errorf("it is %s: %d bytes", o.Kind, len(o.Cause))
	}
}
