// Package cluster runs the system as on more than one machine: Temporal on
// PostgreSQL, and two workers on one task queue and one store, behind one load
// balancer for challenges. Everything is real but Slack and the mail server.
package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
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
	server   *harness.Process // the engine
	address  string           // of its front end
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
	file := filepath.Join(dir, "postgres.url")
	if err := os.WriteFile(file, []byte(database.URL("temporal")+"\n"), 0o600); err != nil {
		return err
	}
	server, address, err = startEngine(ctx, dir, "--postgres", file)
	return err
}

// startEngine starts one without a Web UI and waits until it takes calls.
func startEngine(ctx context.Context, dir string, args ...string) (*harness.Process, string, error) {
	address, err := harness.FreeAddress()
	if err != nil {
		return nil, "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	p := &harness.Process{
		Args: append([]string{os.Getenv("NEVERLAPSE_ENGINE"), "server", "start", "--headless", "--ip", host, "--port", port}, args...),
		Env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, Log: filepath.Join(dir, "engine-"+port+".log"),
	}
	if err := p.Start(); err != nil {
		return nil, "", err
	}
	err = harness.WaitFor(ctx, "the engine to say that it is up", func() (bool, error) {
		return !p.Running() || strings.Contains(p.Output(), "Server: "), nil
	})
	if err == nil && !p.Running() {
		err = fmt.Errorf("the engine ended: %s", p.Output())
	}
	return p, address, err
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
		p, err := harness.NewProxy(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		c.proxies[i] = p
	}
	o.Dir, o.Binaries, o.Engine, o.Upstream = t.TempDir(), binaries, c.proxies[0].Address, address
	w, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.World = w
	t.Cleanup(c.end)
	c.configure()
	if c.client, err = client.Dial(client.Options{HostPort: address, Namespace: w.Namespace}); err != nil {
		t.Fatal(err)
	}
	return c
}

// configure gives each worker a configuration of its own, which differ in where
// they listen and in the proxy through which they reach the engine.
func (c *cluster) configure() {
	c.t.Helper()
	text, err := os.ReadFile(c.Config)
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `acme_http: {listen: "`)
	balancer, _, _ := strings.Cut(rest, `"`)
	var challenges [2]string
	for i := range challenges {
		if challenges[i], err = harness.FreeAddress(); err != nil {
			c.t.Fatal(err)
		}
	}
	c.balance(balancer, challenges[:])
	c.pages[0] = c.HTTP
	if c.pages[1], err = harness.FreeAddress(); err != nil {
		c.t.Fatal(err)
	}
	for i := range c.workers {
		own := strings.NewReplacer(
			`acme_http: {listen: "`+balancer+`"}`, fmt.Sprintf(`acme_http: {listen: %q, peers: [%q, %q]}`, challenges[i], challenges[0], challenges[1]),
			c.HTTP, c.pages[i], c.proxies[0].Address, c.proxies[i].Address,
		).Replace(string(text))
		file := filepath.Join(c.Dir, fmt.Sprintf("worker-%d.yaml", i))
		if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
			c.t.Fatal(err)
		}
		c.workers[i] = &harness.Process{Args: []string{binaries.Worker, "--config", file}, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir},
			Log: filepath.Join(c.Dir, fmt.Sprintf("worker-%d.log", i))}
	}
	c.Config = filepath.Join(c.Dir, "worker-0.yaml") // for the CLI
}

// balance gives each connection to the next worker that takes it.
func (c *cluster) balance(at string, workers []string) {
	c.t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { l.Close() })
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for i := range workers {
					up, err := net.Dial("tcp", workers[(n+i)%len(workers)])
					if err != nil {
						continue
					}
					defer up.Close()
					go func() { _, _ = io.Copy(up, conn) }()
					_, _ = io.Copy(conn, up)
					return
				}
			}()
		}
	}()
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
