// Package compose_test reads docker-compose.yml and the Dockerfile by the
// libraries of those who run them, and starts what the services start, as
// processes of this machine. It starts no container.
package compose_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const root = "../../.."

// project is docker-compose.yml as docker compose reads it: against its schema,
// with defaults, and consistent.
func project(t *testing.T, file string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{file}, cli.WithResolvedPaths(true), cli.WithConsistency(true), cli.WithoutEnvironmentResolution)
	must(t, err)
	return options.LoadProject(t.Context())
}

func TestDockerComposeTakesTheFile(t *testing.T) {
	p, err := project(t, filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Services) < 9 {
		t.Errorf("it has the services %v", p.ServiceNames())
	}
	broken := filepath.Join(t.TempDir(), "docker-compose.yml")
	for text, want := range map[string]string{
		"services: {a: {image: x, comand: y}}":               "services.a.comand",
		"services: {a: {image: x, depends_on: [b]}}":         "undefined service b",
		"services: {a: {image: x, networks: [n]}}":           "undefined network n",
		"services: {a: {image: x, healthcheck: {tests: 1}}}": "tests",
	} {
		must(t, os.WriteFile(broken, []byte("name: broken\n"+text+"\n"), 0o600))
		if _, err := project(t, broken); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `"`, ""), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

// linted is what BuildKit finds fault with in a Dockerfile, and its stages.
func linted(t *testing.T, text []byte) (faults []string, stages []instructions.Stage) {
	t.Helper()
	read, err := parser.Parse(bytes.NewReader(text))
	must(t, err)
	for _, w := range read.Warnings {
		faults = append(faults, w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		faults = append(faults, rule+": "+message)
	}})
	stages, _, err = instructions.Parse(read.AST, lint)
	must(t, err)
	return faults, stages
}

func dockerfile(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/Dockerfile"))
	must(t, err)
	faults, stages := linted(t, text)
	for _, f := range faults {
		t.Errorf("deploy/Dockerfile: %s", f)
	}
	return stages
}

func TestBuildKitFindsNoFaultWithTheDockerfile(t *testing.T) {
	if stages := dockerfile(t); len(stages) != 2 {
		t.Errorf("it has %d stages", len(stages))
	}
	if faults, _ := linted(t, []byte("FROM scratch as One\nMAINTAINER x\nENV a b\n")); len(faults) < 3 {
		t.Errorf("of a bad one it finds only %q", faults)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
