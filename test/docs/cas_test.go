package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/dnsprovider"
)

func casTables() map[string]string {
	var w, c [][]string
	for _, x := range acme.WellKnownCAs {
		w = append(w, []string{"`" + x.Name + "`", x.Directory, yes(x.EAB), x.Note})
	}
	for _, x := range acme.Challenges {
		c = append(c, []string{"`" + x.Name + "`", x.Proves, x.Needs})
	}
	plain := dnsprovider.Plain()
	others := slices.DeleteFunc(dnsprovider.Known(), func(name string) bool { return slices.Contains(plain, name) })
	quoted := func(all []string) string { return "`" + strings.Join(all, "` `") + "`" }
	return map[string]string{
		"wellknown":  table("Name|Directory|EAB needed|Note", w),
		"challenges": table("Challenge|Proves|Needs", c),
		"providers": table("Build|Providers", [][]string{
			{"every", quoted(plain)}, {fmt.Sprintf("`alldns`, %d more names", len(others)), quoted(others)},
		}),
	}
}

// Every key of the options is explained.
func TestEveryOptionOfACAIsExplained(t *testing.T) {
	page := text(t, "docs/cas.md")
	for _, options := range []any{acme.Options{}, acme.DNSOptions{}} {
		kind := reflect.TypeOf(options)
		for i := range kind.NumField() {
			if key := kind.Field(i).Tag.Get("mapstructure"); !strings.Contains(page, "`"+key+"`") {
				t.Errorf("docs/cas.md does not explain the option %q of %s", key, kind)
			}
		}
	}
}

func TestTheTablesOfCAsAreThoseOfTheCode(t *testing.T) {
	before := text(t, "docs/cas.md")
	after := before
	for name, want := range casTables() {
		part := regexp.MustCompile(`(?s)<!-- ` + name + `:begin -->\n.*?<!-- ` + name + `:end -->`)
		if len(part.FindAllString(after, -1)) != 1 {
			t.Fatalf("docs/cas.md has no single part between <!-- %s:begin --> and <!-- %s:end -->", name, name)
		}
		after = part.ReplaceAllLiteralString(after, fmt.Sprintf("<!-- %s:begin -->\n%s<!-- %s:end -->", name, want, name))
	}
	if after == before {
		return
	}
	if !*update {
		t.Fatal("docs/cas.md has other tables than the code; run: go test ./test/docs -update")
	}
	if err := os.WriteFile(filepath.Join(root, "docs", "cas.md"), []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
}
