package harness

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Engine is one that is not embedded: a process of its own, without a Web UI.
type Engine struct {
	*Process
	address string
}

// StartEngine starts $NEVERLAPSE_ENGINE, with more flags, and waits until it
// takes calls. It keeps its log in dir.
func StartEngine(ctx context.Context, dir string, more ...string) (*Engine, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	e := &Engine{address: address, Process: &Process{
		Args: append([]string{os.Getenv("NEVERLAPSE_ENGINE"), "server", "start", "--headless", "--ip", host, "--port", port}, more...),
		Env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, Log: filepath.Join(dir, "engine-"+port+".log"),
	}}
	return e, e.Up(ctx)
}

// StartEngineOn starts one whose data are in a database of a PostgreSQL server.
func StartEngineOn(ctx context.Context, p *Postgres, database, dir string) (*Engine, error) {
	file := filepath.Join(dir, database+".url")
	if err := os.WriteFile(file, []byte(p.URL(database)+"\n"), 0o600); err != nil {
		return nil, err
	}
	return StartEngine(ctx, dir, "--postgres", file)
}

// Address is that of its front end.
func (e *Engine) Address() string { return e.address }

// Up starts it, again after it ended, and waits until it takes calls.
func (e *Engine) Up(ctx context.Context) error {
	said := 0
	if _, err := os.Stat(e.Log); err == nil {
		said = len(e.Output())
	}
	if err := e.Start(); err != nil {
		return err
	}
	err := WaitFor(ctx, "the engine to say that it is up", func() (bool, error) {
		return !e.Running() || strings.Contains(e.Output()[said:], "Server: "), nil
	})
	if err == nil && !e.Running() {
		err = fmt.Errorf("the engine ended: %s", e.Output()[said:])
	}
	return err
}
