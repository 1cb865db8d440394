// Package docs_test holds the documents against the code: tables that are
// generated from declarations, the tests and commands that they name, and links.
package docs_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/cloud"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/acm"
	"github.com/neverlapse/neverlapse/internal/target/kubernetes"
	"github.com/neverlapse/neverlapse/internal/target/vault"
)

const root = "../.."

var update = flag.Bool("update", false, "write the generated tables into README.md and docs")

// targets are the declarations by kind, in the order of the table.
var targets = []struct {
	kind string
	target.Guarantees
}{
	{"nginx", target.NginxGuarantees()},
	{"apache", target.ApacheGuarantees()},
	{"haproxy", target.HAProxyGuarantees()},
	{"file", target.FileGuarantees()},
	{"ssh", target.SSHGuarantees()},
	{"exec", target.ExecGuarantees()},
	{kubernetes.Kind, kubernetes.Guarantees()},
	{acm.Kind, acm.Guarantees()},
	{vault.Kind, vault.Guarantees()},
}

func tables() map[string]string {
	var t, n, c [][]string
	for _, x := range targets {
		t = append(t, []string{"`" + x.kind + "`", yes(x.Atomic), yes(x.ChecksBefore), yes(x.ReloadsWithoutDrop), yes(x.Reversible), x.Note})
	}
	for _, x := range notify.All {
		n = append(n, []string{"`" + x.Kind + "`", whom(x), or(x.Interruption, "no"), yes(x.Answers), yes(x.Updates), x.Deduplicates})
	}
	for _, x := range acme.Challenges {
		c = append(c, []string{"`acme`", "`" + x.Name + "`", x.Proves, x.Needs})
	}
	c = append(c, []string{"`supplied`", "none", "whatever its order form takes", "people order by `neverlapse csr` and bring the chain by `neverlapse supply`"})
	return map[string]string{
		"targets":    table("Kind|Key and certificate change together|Checks before it reloads|Reloads without refusing connections|What was there comes back|What it depends on", t),
		"channels":   table("Kind|Reaches|Interrupts|Buttons|Changes what it sent|Recognises a repetition by", n),
		"challenges": table("Kind|Challenge|Proves|Needs", c),
	}
}

func table(head string, rows [][]string) string {
	cells := strings.Split(head, "|")
	out := "| " + strings.Join(cells, " | ") + " |\n|" + strings.Repeat("---|", len(cells)) + "\n"
	for _, r := range rows {
		out += "| " + strings.Join(r, " | ") + " |\n"
	}
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func whom(g notify.Guarantees) string {
	switch {
	case g.ReachesOne && g.ReachesGroup:
		return "a person, a team"
	case g.ReachesGroup:
		return "a team"
	case !g.ReachesOne:
		return "nobody in particular; used where nothing else is left"
	}
	return "a person"
}

// findings are what inspect finds.
func findings() string {
	var f [][]string
	for _, x := range cert.Findings {
		f = append(f, []string{"`" + string(x.Code) + "`", string(x.Severity), x.Why, x.Remedy})
	}
	return table("Code|Severity|Why it matters|How to mend it", f)
}

// upgrades are the protocols in which TLS can be asked for.
func upgrades() string {
	var u [][]string
	for _, x := range cert.Upgrades {
		u = append(u, []string{"`" + string(x.Protocol) + "`", fmt.Sprint(x.Port), x.Source})
	}
	return table("Protocol|Port, if none is given|How TLS is asked for", u)
}

func TestTheTablesAreThoseOfTheCode(t *testing.T) {
	hold(t, "README.md", tables())
	hold(t, "docs/inspect.md", map[string]string{"findings": findings(), "starttls": upgrades()})
}

// hold compares the generated parts of a document with the code.
func hold(t *testing.T, path string, parts map[string]string) {
	t.Helper()
	before := text(t, path)
	after := before
	for name, want := range parts {
		part := regexp.MustCompile(`(?s)<!-- ` + name + `:begin -->\n.*?<!-- ` + name + `:end -->`)
		if len(part.FindAllString(after, -1)) != 1 {
			t.Fatalf("%s has no single part between <!-- %s:begin --> and <!-- %s:end -->", path, name, name)
		}
		after = part.ReplaceAllLiteralString(after, fmt.Sprintf("<!-- %s:begin -->\n%s<!-- %s:end -->", name, want, name))
	}
	if after == before {
		return
	}
	if !*update {
		t.Fatalf("%s has other tables than the code; run: go test ./test/docs -update", path)
	}
	if err := os.WriteFile(filepath.Join(root, path), []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// An adapter that the worker knows and the README does not is named.
func TestEveryKindHasItsRow(t *testing.T) {
	rows := map[string][]string{"cas": {"acme", "supplied"}}
	for _, x := range targets {
		rows["targets"] = append(rows["targets"], x.kind)
	}
	for _, x := range notify.All {
		rows["channels"] = append(rows["channels"], x.Kind)
	}
	unknown := []config.Adapter{{Name: "x", Kind: "unknown"}}
	known := regexp.MustCompile(`(\w+)\[0\]\.kind: "unknown" is not known; use one of (.*)`)
	data := t.TempDir()
	err := app.Check(context.Background(), config.Config{Data: data, Store: config.Store{Kind: "files"}, CAs: unknown, Targets: unknown, Channels: unknown}, cloud.Kinds)
	if err == nil {
		t.Fatal("unknown kinds are not refused")
	}
	found := known.FindAllStringSubmatch(err.Error(), -1)
	if len(found) != len(rows) {
		t.Fatalf("the refusal does not list the known kinds: %v", err)
	}
	for _, m := range found {
		for _, kind := range strings.Split(m[2], ", ") {
			if !strings.Contains(" "+strings.Join(rows[m[1]], " ")+" ", " "+kind+" ") {
				t.Errorf("%s: the kind %q has no row in README.md; declare it in test/docs", m[1], kind)
			}
		}
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
