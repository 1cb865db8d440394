// Package e2e runs the whole system on real parts: the programs as processes,
// a Temporal engine, Pebble, nginx, SMTP, and a stand-in for Slack. One engine
// serves the package; each test has its own worker, task queue and folder. Its
// main scenarios run on PostgreSQL with two workers as well (test/runner).
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

var (
	binaries harness.Binaries
	server   interface{ Address() string } // the engine
	database *harness.Postgres             // with the data of all engines, where they are on PostgreSQL
)

// onPostgres, when set, has the package's engines keep their data on PostgreSQL,
// and two workers in each world.
const onPostgres = "NEVERLAPSE_E2E_ON_POSTGRES"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("NEVERLAPSE_ENGINE") == "" {
		fmt.Println("SKIPPED: test/e2e: NEVERLAPSE_ENGINE is not set; run make test, or build the engine by test/servers/build-engine.sh")
		return 0
	}
	if os.Getenv(onPostgres) != "" && postgrestest.Programs() == "" {
		fmt.Println("SKIPPED: test/e2e on PostgreSQL: it is not installed; apt-get install postgresql")
		if os.Getenv("NEVERLAPSE_REQUIRE_SERVERS") != "" {
			return 1
		}
		return 0
	}
	dir, err := os.MkdirTemp("", "neverlapse-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	root, err := harness.Root()
	if err == nil {
		binaries, err = harness.Build(ctx, root, dir)
	}
	var end func()
	if err == nil {
		end, err = begin(ctx, dir)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer end()
	return m.Run()
}

// begin starts the engine that the worlds share.
func begin(ctx context.Context, dir string) (end func(), err error) {
	if os.Getenv(onPostgres) == "" {
		e, err := engine.Start(ctx, engine.Options{DataDir: dir + "/engine", Headless: true})
		server = e
		return func() { _ = e.Stop(context.Background()) }, err
	}
	if database, err = harness.StartPostgres(ctx); err != nil {
		return nil, err
	}
	e, err := harness.StartEngineOn(ctx, database, "temporal", dir)
	if err != nil {
		return nil, errors.Join(err, database.Remove())
	}
	server = e
	return func() { e.Stop(); _ = database.Remove() }, nil
}

// world is a harness.World in the words of a test.
type world struct {
	*harness.World
	t      *testing.T
	client client.Client
	own    *harness.Engine // on PostgreSQL, of this world alone; nil: it shares one, or the worker runs it
}

// enter makes a world whose worker joins the package's engine, and starts it.
func enter(t *testing.T, o harness.Options) *world {
	w := prepare(t, o)
	w.start()
	return w
}

func prepare(t *testing.T, o harness.Options) *world {
	t.Helper()
	o.Dir, o.Binaries = t.TempDir(), binaries
	if o.Engine == "" {
		o.Engine = server.Address()
	}
	if database != nil {
		o.Second = o.Engine
	}
	h, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{World: h, t: t}
	t.Cleanup(func() {
		w.record()
		if w.client != nil {
			w.client.Close()
		}
		w.Close()
		if t.Failed() {
			w.logs()
		}
	})
	return w
}

func (w *world) logs() {
	w.t.Logf("worker log:\n%s", tail(w.Worker.Output(), 12000))
	if w.SecondWork != nil {
		w.t.Logf("log of the second worker:\n%s", tail(w.SecondWork.Output(), 12000))
	}
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

func (w *world) start() {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	if w.own != nil && !w.own.Running() {
		if err := w.own.Up(ctx); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.StartWorker(ctx); err != nil {
		w.t.Fatal(err)
	}
	if w.client == nil {
		c, err := w.Client()
		if err != nil {
			w.t.Fatal(err)
		}
		w.client = c
	}
}

// patience bounds every wait on a slow, busy machine.
func (w *world) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.t.Context(), 4*time.Minute)
}

// cli runs the CLI and fails the test on another exit code.
func (w *world) cli(code int, args ...string) string {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	out, got := w.CLI(ctx, args...)
	if got != code {
		w.t.Fatalf("neverlapse %v: exit code %d, want %d\n%s", args, got, code, out)
	}
	return out
}

// until waits for a state of the certificate.
func (w *world) until(name, what string, cond func(s workflows.Status) bool) workflows.Status {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	var s workflows.Status // the last one that was given
	err := harness.WaitFor(ctx, what, func() (bool, error) {
		now, err := w.Status(ctx, w.client, name)
		if err != nil {
			return false, err
		}
		s = now
		return cond(s), nil
	})
	if err != nil {
		w.t.Fatalf("%v\n%s", err, s.Details)
	}
	return s
}

// eventually waits for anything.
func (w *world) eventually(what string, cond func() bool) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	if err := harness.WaitFor(ctx, what, func() (bool, error) { return cond(), nil }); err != nil {
		w.t.Fatal(err)
	}
}

// served gives what an nginx server serves to a fresh connection.
func (w *world) served(i int) cert.Fingerprint {
	w.t.Helper()
	w.eventually("nginx to be done with reloading", w.Nginx.Settled)
	f, err := targettest.Served(w.t.Context(), w.Nginx.Addresses[i], w.Nginx.Servers[i].Name)
	if err != nil {
		return cert.Fingerprint("error: " + err.Error())
	}
	return f
}

func open(s workflows.Status, reason string) *lifecycle.Alert {
	for _, a := range s.State.Alerts {
		if string(a.Reason) == reason && a.Open() {
			return &a
		}
	}
	return nil
}
