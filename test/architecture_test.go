// Package test holds what is tested across packages: the rules of the house
// (who may import whom, as DESIGN says), and what the other folders here drive
// from outside. Nothing in the product imports it.
package test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPackagesKeepToTheRulesOfTheHouse(t *testing.T) {
	source := loadSource(t)
	if !slices.ContainsFunc(source, func(p sourcePackage) bool { return p.path == "internal/cert" && len(p.imports) > 0 }) {
		t.Fatal("the packages of this module were not found")
	}
	for _, p := range source {
		for _, v := range violations(p) {
			t.Error(v)
		}
	}
}

// A checker that cannot fail holds nothing.
func TestEveryRuleOfTheHouseCanFail(t *testing.T) {
	imports := func(paths ...string) (out []sourceImport) {
		for _, p := range paths {
			out = append(out, sourceImport{path: strings.Replace(p, "~", module, 1)})
		}
		return out
	}
	for name, tc := range map[string]struct {
		p    sourcePackage
		want string // a piece of the only violation; empty: there is none
	}{
		"the brain asks Temporal":         {sourcePackage{path: "internal/lifecycle", imports: imports("go.temporal.io/sdk/workflow")}, "keeps to the standard library"},
		"the brain may know alerts":       {sourcePackage{path: "internal/lifecycle", imports: imports("time", "net/netip", "~/internal/alert")}, ""},
		"the brain throws dice":           {sourcePackage{path: "internal/lifecycle", imports: imports("crypto/rand")}, "never from here"},
		"the brain asks the clock":        {sourcePackage{path: "internal/lifecycle", clock: []string{"time.Now at next.go:7"}}, "asks the clock: time.Now at next.go:7"},
		"a workflow opens a file":         {sourcePackage{path: "workflows", imports: imports("os")}, "never from here"},
		"a workflow reaches an adapter":   {sourcePackage{path: "workflows", imports: imports("~/internal/notify")}, "DESIGN's table"},
		"a workflow is what it should be": {sourcePackage{path: "workflows", imports: imports("go.temporal.io/sdk/workflow", "~/activities", "~/internal/lifecycle")}, ""},
		"an activity imports an adapter":  {sourcePackage{path: "activities", imports: imports("~/internal/ca/acme")}, "DESIGN's table"},
		"an activity knows the brain":     {sourcePackage{path: "activities", imports: imports("~/internal/lifecycle")}, "DESIGN's table"},
		"an adapter knows Temporal":       {sourcePackage{path: "internal/ca/acme", imports: imports("go.temporal.io/sdk/activity")}, "never from here"},
		"an adapter knows another":        {sourcePackage{path: "internal/notify", imports: imports("~/internal/store")}, "DESIGN's table"},
		"an adapter has parts":            {sourcePackage{path: "internal/ca", imports: imports("~/internal/ca/acme", "github.com/go-acme/lego/v4/acme")}, ""},
		"the configuration knows one":     {sourcePackage{path: "internal/config", imports: imports("~/internal/target")}, "DESIGN's table"},
		"the CLI goes past app":           {sourcePackage{path: "starter", imports: imports("~/internal/scan")}, "DESIGN's table"},
		"the CLI takes large libraries":   {sourcePackage{path: "starter", imports: imports("~/internal/app/cloud")}, "DESIGN's table"},
		"the worker may":                  {sourcePackage{path: "worker", imports: imports("~/internal/app/cloud")}, ""},
		"metrics count in a workflow":     {sourcePackage{path: "internal/metrics", imports: imports("go.temporal.io/sdk/workflow")}, "never from here"},
		"metrics reach the store":         {sourcePackage{path: "internal/metrics", imports: imports("~/internal/store")}, "DESIGN's table"},
		"a workflow counts by itself":     {sourcePackage{path: "workflows", imports: imports("~/internal/metrics")}, "DESIGN's table"},
		"the page takes a framework":      {sourcePackage{path: "internal/web", imports: imports("github.com/gin-gonic/gin")}, "keeps to the standard library and github.com/slack-go/slack"},
		"a pure package reads a file":     {sourcePackage{path: "internal/people", imports: imports("os")}, "never from here"},
		"the product imports a suite":     {sourcePackage{path: "internal/target", imports: imports("~/internal/target/targettest")}, "for tests only"},
		"app, too":                        {sourcePackage{path: "internal/app", imports: imports("~/internal/ca/acme/pebbletest")}, "for tests only"},
		"the product imports testing":     {sourcePackage{path: "internal/store", imports: imports("testing")}, "for tests only"},
		"a suite may":                     {sourcePackage{path: "internal/store/storetest", imports: imports("testing", "~/activities")}, ""},
		"a blank import of our own":       {sourcePackage{path: "internal/app", imports: []sourceImport{{module + "/internal/notify", true}}}, "blank import"},
		"an init function":                {sourcePackage{path: "internal/app", inits: []string{"app.go"}}, "init function in app.go"},
		"a package nobody has thought of": {sourcePackage{path: "internal/stuff"}, "no rule in importRules"},
		"a package called util":           {sourcePackage{path: "internal/store/util"}, `called "util"`},
		"no package comment":              {sourcePackage{path: "internal/scan", name: "scan", files: []string{"scan.go"}}, `begins with "Package scan "`},
		"a command says so":               {sourcePackage{path: "worker", name: "main", files: []string{"main.go"}, doc: "Package main runs."}, `begins with "Command "`},
	} {
		t.Run(name, func(t *testing.T) {
			got := violations(tc.p)
			switch {
			case tc.want == "" && len(got) > 0:
				t.Errorf("%q, want none", got)
			case tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)):
				t.Errorf("%q, want only one with %q", got, tc.want)
			}
		})
	}
}

// What is sent to Temporal is encrypted where one client is made; the engine's
// own asks for nothing but the namespace.
func TestEveryClientOfTheProductIsMadeWhereItsPayloadsAreEncrypted(t *testing.T) {
	made := regexp.MustCompile(`\bclient\.(Dial|DialContext|NewClient|NewLazyClient|NewClientFromExisting|NewClientFromExistingWithContext)\(`)
	var found []string
	for _, p := range loadSource(t) {
		if p.path == "test" || strings.HasPrefix(p.path, "test/") {
			continue
		}
		for _, file := range p.files {
			path := p.path + "/" + filepath.Base(file)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("go.temporal.io/sdk/client")) && made.Match(text) {
				found = append(found, path)
			}
		}
	}
	slices.Sort(found)
	if want := []string{"internal/app/dial.go", "internal/engine/ready.go"}; !slices.Equal(found, want) {
		t.Errorf("clients are made in %v, want %v", found, want)
	}
}

// machinePath finds folders of the machines on which this was written. It is
// written so that this file does not contain what it looks for.
var machinePath = regexp.MustCompile(`(^|[^\w.})-])/(wor[k]|root/g[o])/`)

func TestNoFileNamesTheMachineItWasWrittenOn(t *testing.T) {
	for text, want := range map[string]bool{
		"cd /wor" + "k/main": true, "\"/root/g" + "o/pkg": true, "net/wor" + "k/x": false, "${HOME}/wor" + "k/x": false, "/network/": false,
	} {
		if machinePath.MatchString(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
	seen := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // another process cleaned up
			return nil
		}
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "dist", "data", "demo-data"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() || entry.Name() == ".git" { // a file in a worktree
			return nil
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if bytes.IndexByte(data[:min(len(data), 8192)], 0) >= 0 { // not a text
			return nil
		}
		seen++
		for i, line := range bytes.Split(data, []byte("\n")) {
			if machinePath.Match(line) {
				t.Errorf("%s:%d names a folder of one machine: %.120s", path, i+1, line)
			}
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Fatalf("looked at %d files: %v", seen, err)
	}
}
