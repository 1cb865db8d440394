package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/test/harness"
)

// The engines.
const (
	embedded   = "embedded"
	postgresql = "PostgreSQL"
)

// policy tells of what ends within twelve hours, the owner alone.
const policy = `
  - name: fleet
    thresholds: [{left: 12h, severity: P3}]
    inform: 0
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}]`

// place is a worker and all that it needs.
type place struct {
	*harness.World
	dir      string
	site     *site
	hook     *hook
	client   client.Client
	database *harness.Postgres // nil: the engine is embedded
	server   *harness.Engine   // on database
}

func build(ctx context.Context, on string) (_ *place, err error) {
	p := &place{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.remove())
		}
	}()
	dir, err := os.MkdirTemp("", "neverlapse-fleet-")
	if err != nil {
		return nil, err
	}
	p.dir = dir
	programs := filepath.Join(dir, "bin")
	if err := os.Mkdir(programs, 0o755); err != nil {
		return nil, err
	}
	root, err := harness.Root()
	if err != nil {
		return nil, err
	}
	binaries, err := harness.Build(ctx, root, programs)
	if err != nil {
		return nil, err
	}
	if p.site, err = newSite(); err != nil {
		return nil, err
	}
	p.hook = newHook()
	o := harness.Options{
		Dir: dir, Binaries: binaries, NoNginx: true, StickyTimeout: "60s", Policies: policy, Targets: "  []\n",
		Channels: fmt.Sprintf("  - {name: hook, kind: webhook, options: {url: %q}}", p.hook.URL), Reads: map[string]string{"minji": "hook"},
		Sections: "routes:\n  - {channels: [hook]}",
	}
	switch on {
	case embedded:
	case postgresql:
		if p.database, err = harness.StartPostgres(ctx, "fsync=on"); err != nil {
			return nil, err
		}
		if p.server, err = harness.StartEngineOn(ctx, p.database, "temporal", dir); err != nil {
			return nil, err
		}
		o.Engine = p.server.Address()
	default:
		return nil, fmt.Errorf("-on: %q is no engine; write %s or %s", on, embedded, postgresql)
	}
	if p.World, err = harness.New(o); err != nil {
		return nil, err
	}
	if err := p.StartWorker(ctx); err != nil {
		return nil, err
	}
	p.client, err = p.Client()
	return p, err
}

// pids are those of worker and engine.
func (p *place) pids() (worker, server int, err error) {
	if p.server != nil {
		return p.Worker.PID(), p.server.PID(), nil
	}
	r, err := engine.Recorded(filepath.Join(p.Data(), "engine"))
	return p.Worker.PID(), r.PID, err
}

// resident gives the bytes of memory that worker, engine and PostgreSQL hold.
func (p *place) resident() (worker, server, data uint64, err error) {
	w, s, err := p.pids()
	if err != nil {
		return 0, 0, 0, err
	}
	if worker, err = kernelSays(w, "status", "VmRSS:"); err != nil {
		return 0, 0, 0, err
	}
	if server, err = kernelSays(s, "status", "VmRSS:"); err != nil || p.database == nil {
		return worker, server, 0, err
	}
	for _, pid := range family(p.database.PID()) { // its processes share memory, so each counts with its share
		one, err := kernelSays(pid, "smaps_rollup", "Pss:")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return worker, server, data, err
		}
		data += one
	}
	return worker, server, data, nil
}

// kernelSays reads a figure in kB from a file of a process.
func kernelSays(pid int, file, field string) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			kb, err := strconv.ParseUint(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/%s has no %s", pid, file, field)
}

// family is a process and its children.
func family(pid int) []int {
	out := []int{pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return out
	}
	for _, f := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(f); err == nil {
			out = append(out, child)
		}
	}
	return out
}

// size gives the bytes of the engine's databases.
func (p *place) size(ctx context.Context) (total int64, err error) {
	if p.database == nil {
		files, err := filepath.Glob(filepath.Join(p.Data(), "engine", "*.db*"))
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("no database in %s", p.Data())
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				return 0, err
			}
			total += info.Size()
		}
		return total, err
	}
	conn, err := pgx.Connect(ctx, p.database.URL("temporal"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT sum(pg_database_size(datname))::bigint FROM pg_database WHERE datname LIKE 'temporal%'").Scan(&total)
	return total, err
}

// kill ends everything as a power cut does.
func (p *place) kill(ctx context.Context) error {
	_, server, err := p.pids()
	if err != nil {
		return err
	}
	p.Worker.Kill()
	if p.server != nil {
		p.server.Kill()
		p.database.Kill()
		return nil
	}
	if err := syscall.Kill(server, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return harness.WaitFor(ctx, "the engine to be gone", func() (bool, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", server))
		return err != nil || strings.Contains(string(stat), ") Z "), nil
	})
}

// back starts everything again until the worker is ready.
func (p *place) back(ctx context.Context) error {
	if p.server != nil {
		if err := p.database.Up(ctx); err != nil {
			return err
		}
		if err := p.server.Up(ctx); err != nil {
			return err
		}
	}
	return p.StartWorker(ctx)
}

// anew starts everything after a kill, with an engine that knows of nothing.
func (p *place) anew(ctx context.Context) error {
	if p.server == nil {
		if err := os.RemoveAll(filepath.Join(p.Data(), "engine")); err != nil {
			return err
		}
		return p.StartWorker(ctx)
	}
	if err := p.database.Up(ctx); err != nil {
		return err
	}
	if err := p.drop(ctx, "temporal", "temporal_visibility"); err != nil {
		return err
	}
	if err := p.server.Up(ctx); err != nil {
		return err
	}
	if err := harness.MakeNamespace(ctx, p.server.Address(), p.Namespace); err != nil {
		return err
	}
	return p.StartWorker(ctx)
}

// drop removes databases.
func (p *place) drop(ctx context.Context, databases ...string) error {
	conn, err := pgx.Connect(ctx, p.database.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, name := range databases {
		if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) remove() error {
	var errs []error
	if p.client != nil {
		p.client.Close()
	}
	if p.World != nil {
		p.Close()
	}
	if p.server != nil {
		p.server.Stop()
	}
	if p.database != nil {
		errs = append(errs, p.database.Remove())
	}
	if p.site != nil {
		errs = append(errs, p.site.listener.Close())
	}
	if p.hook != nil {
		p.hook.Server.Close()
	}
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}
