// Package cluster runs the system as on more than one machine: Temporal on
// PostgreSQL, and two workers on one task queue and one store, behind one load
// balancer for challenges. Everything is real but Slack and the mail server.
package cluster

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

var (
	binaries harness.Binaries
	database *harness.Postgres
	server   *harness.Engine
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("NEVERLAPSE_ENGINE") == "" || postgrestest.Programs() == "" {
		fmt.Println("SKIPPED: test/e2e/cluster: NEVERLAPSE_ENGINE is not set, or PostgreSQL is not installed; run make test")
		if os.Getenv("NEVERLAPSE_REQUIRE_SERVERS") != "" {
			return 1
		}
		return 0
	}
	dir, err := os.MkdirTemp("", "neverlapse-cluster-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	defer func() {
		if server != nil {
			server.Stop()
		}
		if database != nil {
			_ = database.Remove()
		}
	}()
	if err := begin(ctx, dir); err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}

func begin(ctx context.Context, dir string) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	if binaries, err = harness.Build(ctx, root, dir); err != nil {
		return err
	}
	if database, err = harness.StartPostgres(ctx); err != nil {
		return err
	}
	server, err = harness.StartEngineOn(ctx, database, "temporal", dir)
	return err
}

// cluster is a world with two workers, each with a proxy of its own that sees
// which activity is where.
type cluster struct {
	*harness.World
	t       *testing.T
	client  client.Client
	workers [2]*harness.Process
	proxies [2]*harness.Proxy
	pages   [2]string // addresses of the workers' HTTP
}

func prepare(t *testing.T, o harness.Options) *cluster {
	t.Helper()
	c := &cluster{t: t}
	for i := range c.proxies {
		p, err := harness.NewProxy(server.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		c.proxies[i] = p
	}
	o.Dir, o.Binaries, o.Engine, o.Second, o.Upstream = t.TempDir(), binaries, c.proxies[0].Address, c.proxies[1].Address, server.Address()
	w, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.World, c.workers, c.pages = w, [2]*harness.Process{w.Worker, w.SecondWork}, [2]string{w.HTTP, w.SecondHTTP}
	t.Cleanup(c.end)
	if c.client, err = client.Dial(client.Options{HostPort: server.Address(), Namespace: w.Namespace}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) end() {
	for i, w := range c.workers {
		w.Stop()
		if c.t.Failed() {
			out := w.Output()
			c.t.Logf("log of worker %d:\n%s", i, out[max(0, len(out)-8000):])
		}
	}
	if c.client != nil {
		c.client.Close()
	}
	c.Close()
}

// start starts a worker and waits until it is ready.
func (c *cluster) start(i int) {
	c.t.Helper()
	if err := c.workers[i].Start(); err != nil {
		c.t.Fatal(err)
	}
	c.eventually(fmt.Sprintf("worker %d to be ready", i), func() (bool, error) {
		if !c.workers[i].Running() {
			return false, fmt.Errorf("it ended: %s", c.workers[i].Output())
		}
		return harness.Ready(c.t.Context(), "http://"+c.pages[i]+"/readyz")
	})
}

func (c *cluster) eventually(what string, cond func() (bool, error)) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	defer cancel()
	if err := harness.WaitFor(ctx, what, cond); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) until(name, what string, cond func(s workflows.Status) bool) (s workflows.Status) {
	c.t.Helper()
	c.eventually(what, func() (ok bool, err error) {
		if s, err = c.Status(c.t.Context(), c.client, name); err != nil {
			return false, err
		}
		return cond(s), nil
	})
	return s
}

func (c *cluster) cli(args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	defer cancel()
	out, code := c.CLI(ctx, args...)
	if code != 0 {
		c.t.Fatalf("neverlapse %v: exit code %d\n%s", args, code, out)
	}
	return out
}

// manage enrols the i-th nginx server's certificate to be renewed here.
func (c *cluster) manage(name string, i int, more ...string) {
	c.t.Helper()
	s := c.Nginx.Servers[i].Name
	c.cli(append([]string{"enroll", c.Nginx.Addresses[i] + "#" + s, "--cert-name", name, "-d", s,
		"--manage", "--ca", "pebble", "--target", s, "--owner", "minji", "--team", "platform"}, more...)...)
}

func (c *cluster) served(i int) cert.Fingerprint {
	f, err := targettest.Served(c.t.Context(), c.Nginx.Addresses[i], c.Nginx.Servers[i].Name)
	if err != nil {
		return cert.Fingerprint("error: " + err.Error())
	}
	return f
}

// site is an nginx server whose certificate has this long to live.
func site(t *testing.T, name string, left time.Duration) targettest.NginxServer {
	t.Helper()
	pair, err := targettest.NewPair([]string{name}, time.Now().Add(-time.Hour), time.Now().Add(left))
	if err != nil {
		t.Fatal(err)
	}
	return targettest.NginxServer{Name: name, Initial: pair}
}
