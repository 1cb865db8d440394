package docs_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/acm"
	"github.com/neverlapse/neverlapse/internal/target/kubernetes"
	"github.com/neverlapse/neverlapse/internal/target/vault"
)

// targetOptions are the options of each kind, by the page that has its section.
var targetOptions = map[string]map[string]any{
	"docs/targets.md": {
		"nginx": target.NginxOptions{}, "apache": target.ApacheOptions{}, "haproxy": target.HAProxyOptions{}, "file": target.FileOptions{}, "ssh": target.SSHOptions{}, "exec": target.ExecOptions{},
	},
	"docs/targets-cloud.md": {kubernetes.Kind: kubernetes.Options{}, acm.Kind: acm.Options{}, vault.Kind: vault.Options{}},
}

func TestEveryOptionOfATargetIsExplainedInItsSection(t *testing.T) {
	for _, x := range targets {
		if targetOptions["docs/targets.md"][x.kind] == nil && targetOptions["docs/targets-cloud.md"][x.kind] == nil {
			t.Errorf("the test does not know the options of %s", x.kind)
		}
	}
	for page, kinds := range targetOptions {
		for kind, options := range kinds {
			explained(t, page, kind, reflect.TypeOf(options))
		}
	}
}

// explained holds a page to the options of one kind.
func explained(t *testing.T, page, kind string, options reflect.Type) {
	section := func(heading string) string {
		return regexp.MustCompile(`(?ms)^## ` + heading + `.*?(\n## |\z)`).FindString(text(t, page))
	}
	if section(kind+"\n") == "" {
		t.Fatalf("%s has no section %s", page, kind)
	}
	for i := range options.NumField() {
		field, where := options.Field(i), section(kind+"\n")
		if field.Anonymous {
			where += section("Files\n")
		}
		for _, key := range keysOf(field) {
			if !strings.Contains(where, "`"+key+"`") {
				t.Errorf("%s does not explain the option %q of %s", page, key, kind)
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
