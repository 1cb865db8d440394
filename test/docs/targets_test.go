package docs_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/target"
)

// targetOptions are the options of each kind that has a section of docs/targets.md.
var targetOptions = map[string]any{
	"nginx": target.NginxOptions{}, "apache": target.ApacheOptions{}, "haproxy": target.HAProxyOptions{}, "file": target.FileOptions{}, "ssh": target.SSHOptions{},
}

func TestEveryOptionOfATargetIsExplainedInItsSection(t *testing.T) {
	page := text(t, "docs/targets.md")
	section := func(heading string) string {
		return regexp.MustCompile(`(?ms)^## ` + heading + `.*?(\n## |\z)`).FindString(page)
	}
	for _, x := range targets {
		if _, ok := targetOptions[x.kind]; !ok {
			t.Errorf("the test does not know the options of %s", x.kind)
		}
	}
	for kind, options := range targetOptions {
		if section(kind+"\n") == "" {
			t.Fatalf("docs/targets.md has no section %s", kind)
		}
		of := reflect.TypeOf(options)
		for i := range of.NumField() {
			field, where := of.Field(i), section(kind+"\n")
			if field.Anonymous {
				where = section("Files\n")
			}
			for _, key := range keysOf(field) {
				if !strings.Contains(where, "`"+key+"`") {
					t.Errorf("docs/targets.md does not explain the option %q of %s", key, kind)
				}
			}
		}
	}
}

// keysOf are those of a field, and of what is squashed into it.
func keysOf(field reflect.StructField) []string {
	if !field.Anonymous {
		return []string{field.Tag.Get("mapstructure")}
	}
	var out []string
	for i := range field.Type.NumField() {
		out = append(out, keysOf(field.Type.Field(i))...)
	}
	return out
}
