package config

import (
	"encoding"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

const (
	referenceFile = "../../docs/configuration.md"
	exampleFile   = "../../docs/neverlapse.example.yaml"
)

func TestTheReferenceSaysWhatTheStructSays(t *testing.T) {
	want := reference(t)
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is out of date; run: go test ./internal/config -update\n%s", diff)
	}
}

func TestTheExampleIsValid(t *testing.T) {
	c, err := Load(exampleFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.PolicyFor("staging").Name != "calm" || len(c.CAs) == 0 || len(c.Targets) == 0 || len(c.Channels) == 0 || len(c.Teams) == 0 {
		t.Errorf("the example does not show every section: %+v", c)
	}
}

func TestTheDefaultPolicyInTheReferenceIsTheDefault(t *testing.T) {
	var in map[string]any
	if err := yaml.Unmarshal([]byte(defaultPolicyText(t)), &in); err != nil {
		t.Fatal(err)
	}
	var got lifecycle.Policy
	if err := DecodeOptions("policies[0]", in, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lifecycle.Default(), got); diff != "" {
		t.Error(diff)
	}
}

// livePart names the sections that count at once.
func livePart() string {
	quoted := make([]string, len(live))
	for i, l := range live {
		quoted[i] = "`" + l + "`"
	}
	return strings.Join(quoted, ", ")
}

// reference writes the page. Every key must be in about, and nothing else.
func reference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(introduction)
	left := map[string]bool{}
	for path := range about {
		left[path] = true
	}
	names := map[string]string{}
	for _, v := range Variables() {
		names[v.Path] = v.Name
	}
	defaults := reflect.ValueOf(Default())
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		fmt.Fprintf(&b, "\n## %s\n\n", f.name)
		rows := rowsOf(f.name, f.typ)
		if first := rows[0]; first.typ.Kind() == reflect.Struct || first.typ.Kind() == reflect.Slice {
			fmt.Fprintf(&b, "%s\n\n", about[first.path])
			delete(left, first.path)
			rows = rows[1:]
		}
		b.WriteString("| Key | What | Default | Meaning |\n|---|---|---|---|\n")
		for _, r := range rows {
			if about[r.path] == "" {
				t.Errorf("about_test.go does not say what %s means", r.path)
			}
			delete(left, r.path)
			meaning := about[r.path]
			if name := names[r.path]; name != "" {
				meaning += "<br>`" + name + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.path, what(r.typ), shown(defaults, r.path), meaning)
		}
	}
	for path := range left {
		t.Errorf("about_test.go explains %s, which does not exist", path)
	}
	b.WriteString("\n## The default policy\n\n```yaml\n" + defaultPolicyText(t) + "```\n")
	return b.String()
}

type row struct {
	path string
	typ  reflect.Type
}

// rowsOf lists a key and those below it.
func rowsOf(path string, t reflect.Type) []row {
	rows := []row{{path, t}}
	below := t
	if t.Kind() == reflect.Pointer {
		below = t.Elem()
	}
	if t.Kind() == reflect.Slice {
		path, below = path+"[]", t.Elem()
	}
	if below.Kind() == reflect.Struct && !reads(below) {
		for _, f := range fieldsOf(below) {
			rows = append(rows, rowsOf(join(path, f.name), f.typ)...)
		}
	}
	return rows
}

func reads(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textDecoding) }

func what(t reflect.Type) string {
	if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool {
		t = t.Elem()
	}
	switch {
	case t == duration:
		return "duration"
	case t == reflect.TypeFor[lifecycle.Span]():
		return "duration or share"
	case t == size:
		return "count or share"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return "list of text"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.String, reads(t):
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case whole(t):
		return "whole number"
	}
	return "section"
}

// shown gives the default of a key; of keys in lists and of sections there is none.
func shown(v reflect.Value, path string) string {
	for _, key := range strings.Split(path, ".") {
		next := reflect.Value{}
		for f := range v.Type().Fields() {
			if f.Tag.Get("mapstructure") == key {
				next = v.FieldByIndex(f.Index)
			}
		}
		if v = next; !v.IsValid() {
			return ""
		}
	}
	switch {
	case v.Type() == duration:
		return "`" + lifecycle.FormatDuration(time.Duration(v.Int())) + "`"
	case v.CanInt():
		return fmt.Sprintf("`%d`", v.Int())
	case v.Kind() == reflect.String && v.String() != "":
		return "`" + v.String() + "`"
	}
	return ""
}

func defaultPolicyText(t *testing.T) string {
	t.Helper()
	text, err := yaml.Marshal(written(reflect.ValueOf(lifecycle.Default())))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// written gives a value as the configuration writes it, zero fields left out.
func written(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := text.MarshalText()
		if err != nil {
			panic(err)
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(b)}
	}
	switch v.Kind() {
	case reflect.Struct:
		for f := range v.Type().Fields() {
			if field := v.FieldByIndex(f.Index); !field.IsZero() {
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.Tag.Get("mapstructure")}, written(field))
			}
		}
	case reflect.Slice:
		n.Kind = yaml.SequenceNode
		for i := range v.Len() {
			n.Content = append(n.Content, written(v.Index(i)))
		}
		if v.Type().Elem().Kind() == reflect.String {
			n.Style = yaml.FlowStyle
		}
	default:
		n.Kind, n.Value = yaml.ScalarNode, fmt.Sprint(v)
	}
	return n
}

var introduction = `# Configuration

<!-- Generated from internal/config; to change it: go test ./internal/config -update -->

The worker and the CLI read one YAML file: the one named by their flag, else ` + "`./neverlapse.yaml`" + `, else
` + "`/etc/neverlapse/neverlapse.yaml`" + `, else none, which is enough to try things out. Certificates are not configured here;
they are enrolled. [neverlapse.example.yaml](neverlapse.example.yaml) is a complete example to begin with.

The file is read strictly: an unknown key, a key written twice, or a number where text belongs is refused, with its path and
how to mend it, and everything that is wrong is said at once. Nothing is dialled and nothing is written before the whole
file is right.

A worker reads its file again when it changes. ` + livePart() + ` count at once; everything else from the next start
([operations](operations.md#a-configuration-that-changes)).

## How values are written

| What | Written as |
|---|---|
| duration | ` + "`90s`, `15m`, `36h`, `30d`, `1d12h`" + `. A bare number is refused: it has no unit. |
| share | ` + "`33%`, `1/3`" + ` of the certificate's lifetime. |
| duration or share | either, or the lesser of both: ` + "`min(30d,1/3)`" + `. |
| count or share | ` + "`5`, or `25%`" + ` of the targets. |
| name, id | ` + "`a-z`, `0-9`, `.`, `_` and `-`" + `, beginning with a letter or digit. |
| section without value | as if it were not there. |

## Environment variables

A variable wins over the file; an empty one counts as not set. Every key that is not in a list has one, which the tables
below name. Kubernetes sets variables for Services: for one called ` + "`neverlapse-engine`" + ` it sets
` + "`NEVERLAPSE_ENGINE_PORT`" + `. Set ` + "`enableServiceLinks: false`" + ` on the pod.

## Secrets

Keys that end in ` + "`_file`" + ` and stand for a secret name a file that holds it and nothing else; one newline at its end does not
count. A file that everybody on the machine may use is refused (` + "`chmod o= FILE`" + `; in Kubernetes ` + "`defaultMode: 0440`" + `), and so
is an empty one.
`
