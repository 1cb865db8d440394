package test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const module = "github.com/neverlapse/neverlapse"

// anything allows every import of its kind.
var anything = []string{"..."}

// importRule says what the non-test files of a package may import. Patterns are
// exact paths, or end in "..." and stand for everything that begins so; a
// package's own family (the packages below it) is always allowed.
type importRule struct {
	packages []string // paths below the module
	own      []string // of this module, as paths below it
	third    []string // of other modules
	never    []string // although allowed above; of the standard library too
	clock    bool     // may ask for the time and wait
}

var (
	pure     = []string{"internal/cert", "internal/people", "internal/alert", "internal/lifecycle", "internal/fault", "internal/budget", "internal/delivery", "internal/gather", "internal/estate", "internal/doctor"}
	temporal = []string{"go.temporal.io/..."}
	world    = []string{"os", "os/...", "net/http/...", "net/http", "syscall", "database/sql", "math/rand", "math/rand/...", "io/ioutil"}
	chance   = []string{"net", "crypto/rand", "golang.org/x/..."}
)

// importRules is the table of DESIGN; the first that names a package holds.
var importRules = []importRule{
	{packages: []string{"worker"}, own: slices.Concat([]string{"internal/app", "internal/app/cloud", "internal/config", "internal/inventory", "workflows"}, pure), third: anything, clock: true},
	{packages: []string{"starter"}, own: slices.Concat([]string{"internal/app", "internal/app/lint", "internal/app/stores", "internal/config", "internal/inventory", "workflows"}, pure), third: anything, clock: true},
	{packages: []string{"internal/app"}, own: anything, third: anything, clock: true},
	{packages: []string{"internal/web"}, own: append([]string{"workflows"}, pure...), third: append([]string{"github.com/slack-go/slack", "github.com/slack-go/slack/...", "google.golang.org/protobuf/encoding/protojson"}, temporal...), clock: true},
	{packages: []string{"internal/engine"}, third: temporal, clock: true},
	{packages: []string{"workflows"}, own: []string{"activities", "internal/lifecycle", "internal/alert", "internal/people", "internal/cert", "internal/budget", "internal/delivery", "internal/gather", "internal/estate"}, third: temporal, never: slices.Concat(world, chance, []string{"sync", "sync/..."})},
	{packages: []string{"activities"}, own: []string{"internal/alert", "internal/people", "internal/cert", "internal/fault", "internal/budget", "internal/delivery", "internal/gather", "internal/scan/source", "internal/estate", "internal/doctor"}, third: temporal, clock: true},
	{packages: []string{"internal/ca", "internal/target", "internal/notify", "internal/store", "internal/scan"}, own: []string{"internal/alert", "internal/cert", "internal/fault", "internal/outgoing", "internal/keystore", "internal/delivery", "internal/kube", "internal/amazon", "internal/vaultapi", "internal/credential", "internal/sshhost", "internal/estate"}, third: anything, never: temporal, clock: true},
	{packages: []string{"internal/sshhost"}, own: []string{"internal/fault"}, third: []string{"github.com/skeema/knownhosts", "golang.org/x/crypto/..."}, never: temporal, clock: true},
	{packages: []string{"internal/credential"}, own: []string{"internal/fault"}},
	{packages: []string{"internal/amazon"}, own: []string{"internal/fault"}, third: []string{"github.com/aws/..."}, never: temporal, clock: true},
	{packages: []string{"internal/vaultapi"}, own: []string{"internal/credential", "internal/fault"}, clock: true},
	{packages: []string{"internal/kube"}, own: []string{"internal/fault"}, third: []string{"k8s.io/apimachinery/...", "k8s.io/client-go/..."}, never: temporal, clock: true},
	{packages: []string{"internal/bounce"}, own: []string{"internal/alert"}, third: []string{"github.com/emersion/go-smtp"}, never: temporal},
	{packages: []string{"internal/metrics"}, own: []string{"activities", "internal/alert", "internal/cert", "internal/delivery"}, third: append([]string{"github.com/prometheus/client_golang/...", "go.opentelemetry.io/..."}, temporal...), never: []string{"go.temporal.io/sdk/workflow"}, clock: true},
	{packages: []string{"internal/codec"}, third: append([]string{"google.golang.org/grpc", "google.golang.org/grpc/codes", "google.golang.org/grpc/status", "google.golang.org/protobuf/proto"}, temporal...), never: append([]string{"go.temporal.io/sdk/workflow"}, world...)},
	{packages: []string{"internal/outgoing"}},
	{packages: []string{"internal/keystore"}, third: []string{"software.sslmate.com/src/go-pkcs12", "github.com/pavlo-v-chernykh/keystore-go/v4"}, never: world, clock: true},
	{packages: []string{"internal/calendar"}, own: []string{"internal/people"}, third: []string{"github.com/teambition/rrule-go"}, never: world},
	{packages: []string{"internal/config"}, own: []string{"internal/gather", "internal/lifecycle", "internal/alert", "internal/people", "internal/cert", "internal/calendar"}, third: anything, never: temporal, clock: true},
	{packages: []string{"internal/budget"}, own: []string{"internal/cert"}, never: slices.Concat(world, chance)},
	{packages: []string{"internal/gather"}, own: []string{"internal/alert"}, never: slices.Concat(world, chance)},
	{packages: []string{"internal/inventory"}, own: []string{"internal/alert", "internal/cert"}, third: []string{"golang.org/x/text/..."}, never: world},
	{packages: []string{"internal/doctor"}, never: slices.Concat(world, chance), clock: true},
	{packages: []string{"internal/estate"}, own: []string{"internal/cert", "internal/people", "internal/scan/source"}, never: slices.Concat(world, chance)},
	{packages: []string{"internal/lifecycle"}, own: []string{"internal/alert", "internal/people", "internal/cert"}, never: slices.Concat(world, chance)},
	{packages: []string{"internal/delivery"}, own: []string{"internal/alert", "internal/people", "internal/cert"}, never: slices.Concat(world, chance)},
	{packages: []string{"internal/alert"}, own: []string{"internal/people", "internal/cert"}, never: world},
	{packages: []string{"internal/people", "internal/cert", "internal/fault"}, never: world},
	{packages: []string{"test"}, own: anything, third: anything, clock: true},
}

// forTests are imports that have no place in the product.
var forTests = []string{"testing", "testing/...", "net/http/httptest", "go.temporal.io/sdk/testsuite", "github.com/stretchr/testify/...", "github.com/google/go-cmp/..."}

// vagueNames say nothing about what is inside.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "service", "services", "types", "models", "misc", "base", "shared"}

// violations says how a package breaks the rules of the house.
func violations(p sourcePackage) (out []string) {
	say := func(format string, args ...any) { out = append(out, p.path+" "+fmt.Sprintf(format, args...)) }
	for _, name := range slices.Compact([]string{p.name, path.Base(p.path)}) {
		if slices.Contains(vagueNames, name) {
			say("is called %q, which says nothing; name what it does", name)
		}
	}
	if want := wantedDoc(p); len(p.files) > 0 && !strings.HasPrefix(p.doc, want) {
		say("has no package comment that begins with %q", want)
	}
	for _, call := range p.inits {
		say("has an init function in %s; put its work into a table or a constructor", call)
	}
	rule, ok := ruleOf(p.path)
	if !ok {
		say("has no rule in importRules; say there what it may import")
		return out
	}
	for _, call := range p.clock {
		if !rule.clock && !forTesting(p.path) {
			say("asks the clock: %s; the time is given to it", call)
		}
	}
	for _, i := range p.imports {
		if why := refused(p, rule, i); why != "" {
			say("imports %s: %s", i.path, why)
		}
	}
	return out
}

func refused(p sourcePackage, rule importRule, i sourceImport) string {
	own, isOwn := strings.CutPrefix(i.path, module+"/")
	first, _, _ := strings.Cut(i.path, "/")
	switch {
	case isOwn && i.blank:
		return "a blank import hides what it does"
	case forTesting(p.path):
		return ""
	case matches(forTests, i.path), isOwn && forTesting(own):
		return "it is for tests only"
	case matches(rule.never, i.path):
		return "never from here"
	case isOwn && !matches(rule.own, own) && !family(rule, p.path, own):
		return "DESIGN's table does not allow it"
	case !isOwn && strings.Contains(first, ".") && !matches(rule.third, i.path):
		return "this package keeps to the standard library" + except(rule.third)
	}
	return ""
}

func except(third []string) string {
	if len(third) == 0 {
		return ""
	}
	return " and " + strings.Join(third, ", ")
}

// forTesting: test/ and the packages that hold contract suites and stand-ins.
func forTesting(own string) bool {
	return own == "test" || strings.HasPrefix(own, "test/") || strings.HasSuffix(own, "test")
}

func ruleOf(own string) (importRule, bool) {
	i := slices.IndexFunc(importRules, func(r importRule) bool { return family(r, own, own) })
	if i < 0 {
		return importRule{}, false
	}
	return importRules[i], true
}

// family reports whether one of the rule's packages is or holds both.
func family(r importRule, a, b string) bool {
	return slices.ContainsFunc(r.packages, func(p string) bool {
		return strings.HasPrefix(a+"/", p+"/") && strings.HasPrefix(b+"/", p+"/")
	})
}

func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, open := strings.CutSuffix(p, "...")
		return path == p || open && strings.HasPrefix(path, prefix)
	})
}

func wantedDoc(p sourcePackage) string {
	if p.name == "main" {
		return "Command "
	}
	return "Package " + p.name + " "
}
