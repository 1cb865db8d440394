package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/workflows"
)

const reference = "../docs/cli.md"

// documents are the values that verbs write for programs.
var documents = map[string]any{
	"csr": csrView{}, "supply": runView{},
	"scan": scanView{}, "needs-renewal": needsView{},
	"inspect": []inspectView{}, "list": []row{}, "status": view{}, "explain": explainView{}, "route": routeView{}, "history": []cert.Entry{}, "check": checkView{}, "enroll": enrollView{}, "enroll --file": rowView{}, "ack": answerView{}, "snooze": answerView{}, "take-over": answerView{},
	"renew": runView{}, "rollback": runView{}, "deploy": runView{}, "deploy --dry-run": rehearsalView{}, "revoke": []revokeView{}, "approve": takenView{}, "deny": takenView{}, "pause": takenView{}, "resume": takenView{}, "retire": takenView{}, "reassign": takenView{}, "reassign --owner": givenView{}, "handover": takenView{}, "handover accept": takenView{}, "handover decline": takenView{}, "handover list": []handoverView{},
	"slack check": app.SlackReport{}, "alert test": app.AlertReport{}, "ca budget": []budgetView{}, "store list": []keptView{}, "store export": exportView{}, "store rotate-key": rotatedView{}, "store copy": copiedView{}, "store check": []missingView{},
	"ca list": []cert.Authority{}, "ca check": []cert.Authority{},
	"doctor": []doctor.Finding{},
	"digest": alert.Weekly{},
	"canary": canaryView{}, "canary run": canaryView{},
	"watchman": watchmanView{}, "watchman run": watchmanView{}, "restore": takenView{}, "restore --all": restoredView{},
	"sources": []sourceView{}, "sources run": workflows.SurveyOutput{}, "where": estate.Found{},
	"triage": estate.TriageList{}, "triage adopt": enrollView{}, "triage ignore": estate.Stray{}, "triage assign": estate.Stray{},
	"undelivered": delivery.List{}, "address ok": delivery.Mending{}, "channels": []channelView{}, "approvals": []pendingView{}, "channels confirm": takenView{},
}

func TestTheReferenceIsGeneratedFromTheCommands(t *testing.T) {
	got := referenceOf(newCLI(nil, nil, nil).root())
	if *update {
		if err := os.WriteFile(reference, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(reference)
	if err != nil || got != string(want) {
		t.Errorf("%s is not what the commands say (%v); write it by: go test ./starter -run Reference -update", reference, err)
	}
}

func referenceOf(root *cobra.Command) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The command line: neverlapse\n")
	line("Generated from the commands by `go test ./starter -run Reference -update`; do not edit.\n")
	line("```\n%s\n```\n", root.Long)
	line("## Flags of every verb\n")
	flagTable(line, root, root.PersistentFlags())
	line("## Output for programs\n")
	line("`-o json` writes one document (an array where a verb lists), `-o jsonl` the same on one line, or one line for each of a list.")
	line("The field names are stable; new ones may be added. Fields without a value are left out. Times are UTC (RFC 3339). The values of")
	line("`reason`, `state`, `status`, `severity`, `outcome` and `kind` are stable codes; `what`, `why`, `text` and `cause` are for people.")
	line("Characters that a terminal might act upon are escaped, so the output is safe to look at.\n")
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		section(line, cmd)
		for _, below := range cmd.Commands() {
			section(line, below)
		}
	}
	line("## neverlapse completion\n")
	line("`neverlapse completion bash|zsh|fish|powershell` prints a script that completes verbs, flags and the names of certificates;")
	line("`neverlapse completion bash --help` says how to load it.")
	return b.String()
}

// verbOf is how a verb is typed after the program's name.
func verbOf(cmd *cobra.Command) string {
	_, verb, _ := strings.Cut(cmd.CommandPath(), " ")
	return verb
}

func section(line func(string, ...any), cmd *cobra.Command) {
	line("## %s\n", cmd.CommandPath())
	line("%s.\n", cmd.Short)
	line("```\n%s\n```\n", cmd.UseLine())
	if len(cmd.Aliases) > 0 {
		line("Also: `%s`.\n", strings.Join(cmd.Aliases, "`, `"))
	}
	if cmd.Long != "" {
		line("%s\n", cmd.Long)
	}
	if cmd.Example != "" {
		line("```\n%s\n```\n", cmd.Example)
	}
	if cmd.LocalNonPersistentFlags().HasFlags() {
		flagTable(line, cmd, cmd.LocalNonPersistentFlags())
	}
	for _, mode := range []string{"", " --file", " --all"} {
		if document, ok := documents[verbOf(cmd)+mode]; ok {
			line("JSON%s: %s\n", strings.Replace(mode, " --", ", with --", 1), strings.Join(fieldsOf(reflect.TypeOf(document), ""), ", "))
		}
	}
}

func flagTable(line func(string, ...any), cmd *cobra.Command, flags *pflag.FlagSet) {
	line("| Flag | Default | Variable | Meaning |\n|---|---|---|---|")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		value := f.DefValue
		if slices.Contains([]string{"", "[]", "false", "0"}, value) {
			value = ""
		}
		cell := func(s string) string {
			if s == "" {
				return ""
			}
			return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
		}
		line("| %s | %s | %s | %s |", cell(strings.TrimSpace(name+" "+kind)), cell(value), cell(variable(cmd, f)), strings.ReplaceAll(usage, "|", `\|`))
	})
	line("")
}

// fieldsOf lists the JSON fields of a type, those of inner values by their path.
func fieldsOf(t reflect.Type, path string) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		if t.Kind() == reflect.Slice {
			path += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return []string{"`" + path + "`"}
	}
	var out []string
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			out = append(out, fieldsOf(f.Type, path)...)
			continue
		}
		at := name
		if path != "" {
			at = path + "." + name
		}
		out = append(out, fieldsOf(f.Type, at)...)
	}
	return out
}

func TestEveryVerbIsDocumentedAndEveryFieldHasAName(t *testing.T) {
	verbs := newCLI(nil, nil, nil).root().Commands()
	for _, cmd := range verbs {
		if cmd.Name() != "completion" { // cobra's own
			verbs = append(verbs, cmd.Commands()...)
		}
	}
	for _, cmd := range verbs {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: %q is not a short description", verbOf(cmd), cmd.Short)
		}
		if _, ok := documents[verbOf(cmd)]; !ok && !cmd.HasSubCommands() && !slices.Contains([]string{"version", "slack manifest"}, verbOf(cmd)) {
			t.Errorf("%s says nowhere what it writes for programs", cmd.Name())
		}
	}
	for verb, d := range documents {
		for _, f := range fieldsOf(reflect.TypeOf(d), "") {
			if strings.HasSuffix(f, ".`") || f == "``" || strings.Contains(f, "..") {
				t.Errorf("%s: %s has no name in JSON", verb, f)
			}
		}
	}
}
