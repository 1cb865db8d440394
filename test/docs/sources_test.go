package docs_test

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/cloud"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan/source/acm"
	"github.com/neverlapse/neverlapse/internal/scan/source/certmanager"
	"github.com/neverlapse/neverlapse/internal/scan/source/ct"
	"github.com/neverlapse/neverlapse/internal/scan/source/digicert"
	"github.com/neverlapse/neverlapse/internal/scan/source/endpoints"
	"github.com/neverlapse/neverlapse/internal/scan/source/files"
	"github.com/neverlapse/neverlapse/internal/scan/source/gitlist"
	"github.com/neverlapse/neverlapse/internal/scan/source/kubernetes"
)

// sourceOptions are the options of each kind of source that is reached by an API.
var sourceOptions = map[string]any{
	acm.Kind:         acm.Options{},
	certmanager.Kind: certmanager.Options{},
	ct.Kind:          ct.Options{},
	digicert.Kind:    digicert.Options{},
	gitlist.Kind:     gitlist.Options{},
	kubernetes.Kind:  kubernetes.Options{},
}

// own are the options of the kinds that need no API.
var own = map[string]any{endpoints.Kind: endpoints.Options{}, files.Kind: files.Options{}}

func TestEveryOptionOfASourceIsExplainedInItsSection(t *testing.T) {
	for kind := range cloud.Kinds.Sources {
		if sourceOptions[kind] == nil && own[kind] == nil {
			t.Errorf("the test does not know the options of %s", kind)
		}
	}
	for kind, options := range own {
		explained(t, "docs/inventory.md", kind, reflect.TypeOf(options))
	}
	for kind, options := range sourceOptions {
		explained(t, "docs/sources-cloud.md", kind, reflect.TypeOf(options))
	}
}

// A kind that the worker knows and the README does not is named.
func TestEverySourceHasItsRow(t *testing.T) {
	unknown := []config.Source{{Adapter: config.Adapter{Name: "x", Kind: "unknown"}}}
	err := app.Check(context.Background(), config.Config{Data: t.TempDir(), Store: config.Store{Kind: "files"}, Sources: unknown}, cloud.Kinds)
	if err == nil {
		t.Fatal("an unknown kind is not refused")
	}
	known := regexp.MustCompile(`sources\[0\]\.kind: "unknown" is not known; use one of (.*)`).FindStringSubmatch(err.Error())
	if known == nil {
		t.Fatalf("the refusal does not list the known kinds: %v", err)
	}
	for _, kind := range strings.Split(known[1], ", ") {
		_, section, _ := strings.Cut(text(t, "README.md"), "### Sources: where certificates are found")
		section, _, _ = strings.Cut(section, "\n### ")
		if !strings.Contains(section, "| `"+kind+"` |") {
			t.Errorf("the source %q has no row in README.md", kind)
		}
	}
}
