package notify_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/notify"
)

var update = flag.Bool("update", false, "write the table of errors into docs/slack.md")

const (
	guide    = "../../docs/slack.md"
	tableTop = "<!-- errors:begin -->\n"
	tableEnd = "<!-- errors:end -->"
)

func TestTheGuideHasEveryErrorAndItsRemedy(t *testing.T) {
	data, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), tableTop)
	have, after, ends := strings.Cut(rest, tableEnd)
	if !ok || !ends {
		t.Fatalf("%s has no place for the table of errors", guide)
	}
	var b strings.Builder
	b.WriteString("| Slack says | What helps |\n|---|---|\n")
	hints := notify.SlackHints()
	for _, code := range slices.Sorted(maps.Keys(hints)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", code, strings.ReplaceAll(hints[code], "|", `\|`))
	}
	if *update {
		if err := os.WriteFile(guide, []byte(before+tableTop+b.String()+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != b.String() {
		t.Errorf("the errors in docs/slack.md are out of date; run: go test ./internal/notify -run Guide -update")
	}
}

func TestTheGuideHasEveryOptionAndScope(t *testing.T) {
	data, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for f := range reflect.TypeFor[notify.SlackOptions]().Fields() {
		want = append(want, f.Tag.Get("mapstructure"))
	}
	for _, name := range append(want, notify.SlackScopes()...) {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("docs/slack.md does not say what `%s` is", name)
		}
	}
}
