package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// workshop is where the stages work.
type workshop struct {
	settings settings
	needs    []need
	root     string
	out      io.Writer
	results  *results

	engine   string   // path of the embedded engine
	stepCA   string   // path of step-ca
	vaultKV  string   // path of Vault's engines
	temporal string   // folder of Temporal's server, schema tool and UI
	kubeAPI  string   // path of the Kubernetes API server; empty: it was not built
	missing  []string // what could not be installed
	race     bool
	more     []string // of the environment, for the stage under way
}

// stage is a part of the run. Without a stage that is no test, nothing follows.
type stage struct {
	name, about string
	tests       bool
	run         func(context.Context) error
}

const (
	endToEnd        = "test/e2e"
	shipped         = "test/shipped"
	kubernetesStage = "kubernetes"
)

func (w *workshop) stages() []stage {
	out := []stage{
		{name: "set-up", about: "what the tests start", run: w.setUp},
		{name: "build", about: "the Temporal engine, Temporal's own programs, step-ca, Vault's engines and the Kubernetes API server, through a cache", run: w.buildServers},
		{name: "unit", about: "unit, contract and replay tests, with -race", tests: true, run: w.unit},
		{name: "engine", about: "the tests of deploy/engine, a module of its own", tests: true, run: w.engineModule},
		{name: "bench", about: "the benchmark, a module of its own, with few certificates", tests: true, run: func(ctx context.Context) error { return w.nestedModule(ctx, "test/bench") }},
		{name: "shipped", about: "the Helm chart and docker compose, by the libraries of those who read them, in a module of its own", tests: true, run: func(ctx context.Context) error { return w.nestedModule(ctx, shipped) }},
		{name: "end-to-end", about: "all programs with real servers, one package after the other", tests: true, run: w.endToEnd},
		{name: "postgresql", about: "the main scenarios once more, with the engine on PostgreSQL and two workers", tests: true, run: w.onPostgres},
	}
	if w.settings.only == kubernetesStage { // otherwise they are among the unit tests
		out = append(out, stage{name: kubernetesStage, about: "the target and the sources of that kind, and the chart, on a real API server", tests: true, run: w.kubernetes})
	}
	if w.settings.long {
		out = append(out, stage{name: "fuzz", about: fuzzTime + " for each fuzz target", tests: true, run: w.fuzz})
	}
	return out
}

// buildServers gives the paths of the servers; the scripts say what they do. The
// Kubernetes API server compiles for many minutes, so a usual run takes it only
// from the cache.
func (w *workshop) buildServers(ctx context.Context) (err error) {
	cached := []string{"--cached"}
	if w.settings.long || w.settings.only == kubernetesStage {
		cached = nil
	}
	if w.kubeAPI, err = w.buildServer(ctx, "build-kube-apiserver.sh", cached...); err != nil {
		return err
	}
	if w.settings.only == kubernetesStage {
		return nil
	}
	if w.engine, err = w.buildServer(ctx, "build-engine.sh"); err != nil {
		return err
	}
	if w.temporal, err = w.buildServer(ctx, "build-temporal.sh"); err != nil {
		return err
	}
	if w.vaultKV, err = w.buildServer(ctx, "build-vault-kv.sh"); err != nil {
		return err
	}
	w.stepCA, err = w.buildServer(ctx, "build-step-ca.sh")
	return err
}

func (w *workshop) buildServer(ctx context.Context, script string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(w.root, "test", "servers", script), args...)
	cmd.Stderr = w.out
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", script, err)
	}
	path := strings.TrimSpace(string(out))
	fmt.Fprintln(w.out, path)
	return path, nil
}

// longest are the packages whose unit tests take longest, the longest last.
var longest = []string{"starter", "test/packaging", "workflows", "internal/target"}

func (w *workshop) unit(ctx context.Context) error {
	packages, err := w.packages(ctx, func(path string) bool { return !below(path, endToEnd) })
	if err != nil {
		return err
	}
	// They begin first, so that the short ones run beside them and not before.
	slices.SortStableFunc(packages, func(a, b string) int {
		return slices.Index(longest, w.results.short(b)) - slices.Index(longest, w.results.short(a))
	})
	args := []string{"-p", "2"}
	if w.race {
		args = append(args, "-race")
	}
	return w.goTest(ctx, w.root, append(args, packages...)...)
}

func (w *workshop) kubernetes(ctx context.Context) error {
	return errors.Join(
		w.goTest(ctx, w.root, "./internal/target/kubernetes/...", "./internal/scan/source/kubernetes", "./internal/scan/source/certmanager"),
		w.goTest(ctx, filepath.Join(w.root, shipped), "-mod=mod", "-run", "APIServer", "./chart"))
}

func (w *workshop) engineModule(ctx context.Context) error {
	// With the build flags of build-engine.sh nothing is compiled twice.
	return w.goTest(ctx, filepath.Join(w.root, "deploy", "engine"), "-trimpath", "-ldflags", "-s -w", "./...")
}

// nestedModule tests a module with heavy dependencies of its own. -mod=mod has
// it follow the product's go.mod. Of the benchmark it keeps the code from
// rotting; how fast anything is does not count.
func (w *workshop) nestedModule(ctx context.Context, folder string) error {
	dir := filepath.Join(w.root, folder)
	vet := exec.CommandContext(ctx, "go", "vet", "-mod=mod", "./...")
	vet.Dir, vet.Stdout, vet.Stderr = dir, w.out, w.out
	if err := vet.Run(); err != nil {
		return fmt.Errorf("go vet in %s: %w", folder, err)
	}
	return w.goTest(ctx, dir, "-mod=mod", "./...")
}

func (w *workshop) endToEnd(ctx context.Context) error {
	packages, err := w.packages(ctx, func(path string) bool { return below(path, endToEnd) })
	if err != nil {
		return err
	}
	return w.goTest(ctx, w.root, append([]string{"-p", "1", "-parallel", "6"}, packages...)...)
}

const fuzzTime = "60s"

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

func (w *workshop) fuzz(ctx context.Context) error {
	packages, err := w.packages(ctx, func(string) bool { return true })
	if err != nil {
		return err
	}
	var errs []error
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join(w.root, w.results.short(pkg), "*_test.go"))
		if err != nil {
			return err
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, m := range fuzzTarget.FindAllSubmatch(source, -1) {
				name := string(m[1])
				fmt.Fprintf(w.out, "%s %s\n", w.results.short(pkg), name)
				errs = append(errs, w.goTest(ctx, w.root, "-run", "^$", "-fuzz", "^"+name+"$", "-fuzztime", fuzzTime, pkg))
			}
		}
	}
	return errors.Join(errs...)
}

// packages lists those of the module that fit.
func (w *workshop) packages(ctx context.Context, fits func(path string) bool) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Path}} {{.ImportPath}}", "./...")
	cmd.Dir, cmd.Stderr = w.root, w.out
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		module, pkg, _ := strings.Cut(strings.TrimSpace(line), " ")
		w.results.module = module
		if fits(w.results.short(pkg)) {
			packages = append(packages, pkg)
		}
	}
	if len(packages) == 0 {
		return nil, errors.New("no package has such tests")
	}
	return packages, nil
}

func below(path, folder string) bool { return strings.HasPrefix(path+"/", folder+"/") }

// goTest runs go test and prints each package as it ends.
func (w *workshop) goTest(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-timeout", "30m"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, w.environment(), w.out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer w.whileItRuns()()
	err = w.results.read(stream, w.packageEnded, func(line string) { fmt.Fprint(w.out, line) })
	return errors.Join(err, cmd.Wait())
}

// whileItRuns says every minute what runs, until what it gives is called.
func (w *workshop) whileItRuns() (stop func()) {
	begin, tick, done := time.Now(), time.NewTicker(time.Minute), make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w.out, "  ... after %s: %s\n", round(time.Since(begin)), cmp.Or(w.results.underWay(), "compiling"))
			case <-done:
				return
			}
		}
	}()
	return func() { tick.Stop(); close(done) }
}

// packageEnded prints a package, and in full what its failed tests said.
func (w *workshop) packageEnded(pkg *testResult, o outcome) {
	n, bad := 0, []*testResult{}
	for _, t := range w.results.order {
		if t.pkg != pkg.pkg {
			continue
		}
		if t != pkg && !t.parent {
			n++
		}
		if t.outcome == failed && (t != pkg || !pkg.explained) {
			bad = append(bad, t)
		}
	}
	verdict := map[outcome]string{passed: "ok", failed: "FAIL"}[o]
	switch {
	case o == skipped: // it has no tests
		return
	case pkg.outcome == skipped:
		verdict = "skip"
	}
	fmt.Fprintf(w.out, "%-4s  %-40s %4d tests  %s\n", verdict, w.results.short(pkg.pkg), n, round(pkg.took))
	for _, t := range bad {
		fmt.Fprintf(w.out, "----- %s %s\n%s", w.results.short(t.pkg), t.name, strings.Join(t.output, ""))
	}
}

// environment is ours without settings of Neverlapse, which would change what
// the tests see.
func (w *workshop) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "NEVERLAPSE_") && !strings.HasPrefix(v, "NEVERLAPSE_CACHE=")
	})
	env = append(env, "NEVERLAPSE_ENGINE="+w.engine, "NEVERLAPSE_TEMPORAL="+w.temporal, "NEVERLAPSE_STEP_CA="+w.stepCA, "NEVERLAPSE_KUBE_APISERVER="+w.kubeAPI, "NEVERLAPSE_VAULT_KV="+w.vaultKV)
	if len(w.missing) == 0 {
		env = append(env, "NEVERLAPSE_REQUIRE_SERVERS=1")
	}
	if w.settings.long {
		env = append(env, "NEVERLAPSE_LONG=1")
	}
	return append(env, w.more...)
}
