package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
)

const engineEnv = "NEVERLAPSE_ENGINE"

// binaries finds the programs, and builds those that are missing.
func binaries(ctx context.Context, c *console, bin string) (harness.Binaries, error) {
	dir, err := filepath.Abs(bin)
	b := harness.Binaries{Worker: filepath.Join(dir, "neverlapse-worker"), CLI: filepath.Join(dir, "neverlapse")}
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	root := ""
	if err == nil {
		root, err = harness.Root()
	}
	if err != nil {
		return b, err
	}
	for _, p := range []struct{ path, pkg string }{{b.Worker, "./worker"}, {b.CLI, "./starter"}} {
		if _, err := os.Stat(p.path); err == nil {
			continue
		}
		if err := building(ctx, c, filepath.Base(p.path), root, "nice", "-n", "5", "go", "build", "-o", p.path, p.pkg); err != nil {
			return b, err
		}
	}
	return b, temporal(ctx, c, root, dir)
}

// temporal finds the embedded Temporal server where the worker will look for it,
// or builds it.
func temporal(ctx context.Context, c *console, root, dir string) error {
	if os.Getenv(engineEnv) != "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, "neverlapse-engine")); err == nil {
		return nil
	}
	c.say("Looking for the Temporal server; the first time it is compiled, which takes minutes ...")
	var path bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(root, "test", "servers", "build-engine.sh"))
	cmd.Stdout, cmd.Stderr = &path, c // it tells its progress every ten seconds
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the Temporal server: %w", err)
	}
	return os.Setenv(engineEnv, strings.TrimSpace(path.String()))
}

// building runs a compiler and says every ten seconds that it still does.
func building(ctx context.Context, c *console, what, dir string, args ...string) error {
	c.say("Building %s ...", what)
	begin := time.Now()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	done := make(chan error, 1)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	go func() { done <- cmd.Run() }()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("build %s: %w\n%s", what, err, out.String())
			}
			c.say("Built %s in %s.", what, whole(time.Since(begin)))
			return nil
		case <-tick.C:
			c.say("... still building %s, %s so far", what, whole(time.Since(begin)))
		}
	}
}
