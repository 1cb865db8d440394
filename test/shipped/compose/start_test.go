package compose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/graph"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// TemporalEnv names the folder that test/servers/build-temporal.sh has made.
const TemporalEnv = "NEVERLAPSE_TEMPORAL"

// patience is for one service to become healthy, or to end, on a busy machine.
const patience = 3 * time.Minute

// listens are the ports that the services have to themselves in containers of
// their own; here they share one machine.
var listens = map[string][]string{
	"postgres": {"5432"}, "temporal": {"7233"}, "ui": {"8080"}, "worker": {"8080", "9464", "8089"}, "worker-2": {"8080", "9464", "8089"},
	"prometheus": {"9090"}, "alertmanager": {"9093"},
}

// notHad are services of which no program can be had.
var notHad = map[string]string{"grafana": "no package of it can be had here; test/monitoring reads its dashboards"}

// machine plays the machine on which docker compose runs the project.
type machine struct {
	dir, temporal string
	project       *types.Project
	image         image
	at            map[string]string // "temporal:7233" to 127.0.0.1:PORT

	mu      sync.Mutex
	started []string
}

// image is what deploy/Dockerfile makes.
type image struct {
	bin        string // folder of the programs
	entrypoint []string
	env        []string
}

// Every service's command, with its environment and what it mounts, is started
// as a process, after what it depends on is healthy or has ended well, until its
// own healthcheck says so. Then everything has to reach what it is there to reach.
func TestEveryServiceIsStartedInTheOrderOfTheFileUntilItIsHealthy(t *testing.T) {
	m := newMachine(t)
	for name, s := range m.project.Services {
		if why, ok := notHad[name]; ok {
			t.Logf("skipped: %s (%s): %s", name, s.Image, why)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			m.tell(t)
		}
	})
	err := graph.InDependencyOrder(t.Context(), m.project, func(ctx context.Context, name string, s types.ServiceConfig) error {
		if _, ok := notHad[name]; ok {
			return nil
		}
		began := time.Now()
		if err := m.up(ctx, t, s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.mu.Lock()
		m.started = append(m.started, name)
		m.mu.Unlock()
		t.Logf("%s (%s): as the file says, after %s", name, s.Image, time.Since(began).Round(time.Millisecond))
		return nil
	})
	must(t, err)
	if want := len(m.project.Services) - len(notHad); len(m.started) != want {
		t.Fatalf("started: %q; want %d", m.started, want)
	}
	m.everythingReachesWhatItIsThereFor(t)
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	temporal := os.Getenv(TemporalEnv)
	if temporal == "" {
		t.Skip(TemporalEnv + " is not set; run make test, or set it to what test/servers/build-temporal.sh prints")
	}
	for _, program := range []string{"prometheus", "prometheus-alertmanager", "getent"} {
		targettest.NeedProgram(t, program)
	}
	postgrestest.Need(t)
	// PostgreSQL's own user has to reach its folder.
	dir, err := os.MkdirTemp("", "compose")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	p, err := project(t, filepath.Join(root, "docker-compose.yml"))
	must(t, err)
	m := &machine{dir: dir, temporal: temporal, project: p, at: map[string]string{}}
	for name, ports := range listens {
		for _, port := range ports {
			free, err := targettest.FreePort()
			must(t, err)
			m.at[name+":"+port] = fmt.Sprintf("127.0.0.1:%d", free)
		}
	}
	m.image = built(t, dir)
	m.build(t, "test/shipped", "./temporal", "temporal")
	secrets := filepath.Join(dir, "secrets")
	if out, err := exec.CommandContext(t.Context(), filepath.Join(root, "deploy/compose/secrets.sh"), secrets).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	must(t, os.Chmod(secrets, 0o755)) // in a container each reads its own
	return m
}

// built builds the programs of the image, and reads what it starts.
func built(t *testing.T, dir string) image {
	t.Helper()
	out := image{bin: filepath.Join(dir, "bin")}
	for _, c := range dockerfile(t)[1].Commands {
		switch c := c.(type) {
		case *instructions.EntrypointCommand:
			out.entrypoint = c.CmdLine
		case *instructions.EnvCommand:
			for _, kv := range c.Env {
				out.env = append(out.env, kv.Key+"="+kv.Value)
			}
		}
	}
	if len(out.entrypoint) == 0 || len(out.env) == 0 {
		t.Fatal("deploy/Dockerfile has no ENTRYPOINT or no ENV")
	}
	m := machine{dir: dir, image: out}
	m.build(t, ".", "./worker", "neverlapse-worker")
	m.build(t, ".", "./starter", "neverlapse")
	return out
}

func (m *machine) build(t *testing.T, module, pkg, program string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", filepath.Join(m.dir, "bin", program), pkg)
	cmd.Dir = filepath.Join(root, module)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", pkg, err, out)
	}
}

func (m *machine) port(service, port string) string {
	_, p, _ := net.SplitHostPort(m.at[service+":"+port])
	return p
}

// here says what a container's text means on this machine: paths of mounts and
// secrets, and where the other services and the service itself listen.
func (m *machine) here(s types.ServiceConfig) *strings.Replacer {
	var pairs []string
	for address, here := range m.at {
		pairs = append(pairs, address, here)
		if service, port, _ := strings.Cut(address, ":"); service == s.Name {
			pairs = append(pairs, "127.0.0.1:"+port, here)
		}
	}
	for _, v := range s.Volumes {
		pairs = append(pairs, v.Target, m.mount(s, v))
	}
	pairs = append(pairs, "/run/secrets/", m.dir+"/secrets/", "/etc/temporal/entrypoint.sh", m.temporal+"/entrypoint.sh")
	// A longer one first, or worker:80 takes the place of worker:8080.
	var sorted [][2]string
	for i := 0; i < len(pairs); i += 2 {
		sorted = append(sorted, [2]string{pairs[i], pairs[i+1]})
	}
	slices.SortFunc(sorted, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	pairs = pairs[:0]
	for _, p := range sorted {
		pairs = append(pairs, p[0], p[1])
	}
	return strings.NewReplacer(pairs...)
}

// mount is where a service finds a mount of its own: a file with what it means
// here, or the volume that it may share with others.
func (m *machine) mount(s types.ServiceConfig, v types.ServiceVolumeConfig) string {
	if v.Type == types.VolumeTypeVolume {
		return filepath.Join(m.dir, "volumes", v.Source)
	}
	return filepath.Join(m.dir, "mounts", s.Name, v.Target)
}

// lay lays out what a service mounts.
func (m *machine) lay(s types.ServiceConfig) error {
	text := m.here(s)
	for _, v := range s.Volumes {
		to := m.mount(s, v)
		if v.Type == types.VolumeTypeVolume {
			if err := os.MkdirAll(to, 0o700); err != nil {
				return err
			}
			continue
		}
		err := filepath.WalkDir(v.Source, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			place := to + strings.TrimPrefix(path, v.Source)
			if d.IsDir() {
				return os.MkdirAll(place, 0o755)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return errors.Join(os.MkdirAll(filepath.Dir(place), 0o755), os.WriteFile(place, []byte(text.Replace(string(content))), 0o644))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// environment is that of the file, as it is here.
func (m *machine) environment(s types.ServiceConfig) (out []string) {
	text := m.here(s)
	for key, value := range s.Environment {
		v := *value
		if _, other := listens[v]; other {
			v = "127.0.0.1"
		} else if v == "5432" {
			v = m.port("postgres", "5432")
		} else {
			v = text.Replace(v)
		}
		out = append(out, key+"="+v)
	}
	return out
}

// up starts a service and waits until it is healthy, or has ended if it ends.
func (m *machine) up(ctx context.Context, t *testing.T, s types.ServiceConfig) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := m.lay(s); err != nil {
		return err
	}
	cmd, err := m.command(ctx, s)
	if err != nil {
		return err
	}
	p, err := start(cmd, m.log(s.Name))
	if err != nil {
		return err
	}
	if once := strings.HasPrefix(s.Restart, "on-failure"); once {
		return p.ended(ctx)
	}
	t.Cleanup(p.stop)
	for {
		if last := m.healthy(ctx, s); last == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("is not healthy: %w", last)
		}
		select {
		case <-p.done:
			return fmt.Errorf("ended: %w", p.err)
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (m *machine) log(name string) string { return filepath.Join(m.dir, name+".log") }

// command is what the image of a service starts, with what stands in the file.
// What is added here is where to listen, because here is one machine.
func (m *machine) command(ctx context.Context, s types.ServiceConfig) (*exec.Cmd, error) {
	text := m.here(s)
	var argv []string
	for _, a := range s.Command {
		argv = append(argv, text.Replace(a))
	}
	env, dir := m.environment(s), m.dir
	repository, _, _ := strings.Cut(s.Image, ":")
	switch repository {
	case "postgres":
		return m.postgres(ctx, s, env)
	case "temporalio/admin-tools":
	case "temporalio/server":
		for _, service := range []string{"FRONTEND", "HISTORY", "MATCHING", "WORKER"} {
			for _, kind := range []string{"_GRPC_PORT", "_MEMBERSHIP_PORT"} {
				port, err := targettest.FreePort()
				if err != nil {
					return nil, err
				}
				env = append(env, fmt.Sprintf("%s%s=%d", service, kind, port))
			}
		}
		port, err := targettest.FreePort()
		if err != nil {
			return nil, err
		}
		env = append(env, "BIND_ON_IP=127.0.0.1", "FRONTEND_GRPC_PORT="+m.port(s.Name, "7233"), fmt.Sprintf("FRONTEND_HTTP_PORT=%d", port))
	case "temporalio/ui": // its image ends with: exec ./ui-server --env docker start
		argv, dir = []string{m.temporal + "/ui-server", "--env", "docker", "start"}, m.temporal
		env = append(env, "TEMPORAL_UI_PORT="+m.port(s.Name, "8080"))
	case "neverlapse-worker":
		argv = append(slices.Clone(m.image.entrypoint), argv...)
		env = append(m.imageEnvironment(s), env...)
	case "prom/prometheus":
		argv = append([]string{"prometheus", "--web.listen-address=" + m.at["prometheus:9090"]}, argv...)
	case "prom/alertmanager":
		argv = append([]string{"prometheus-alertmanager", "--web.listen-address=" + m.at["alertmanager:9093"]}, argv...)
	default:
		return nil, fmt.Errorf("nothing here plays the image %s", s.Image)
	}
	return m.process(ctx, dir, env, argv), nil
}

func (m *machine) imageEnvironment(s types.ServiceConfig) (out []string) {
	text := m.here(s)
	for _, e := range m.image.env {
		if key, value, _ := strings.Cut(e, "="); key != "PATH" {
			out = append(out, key+"="+text.Replace(value))
		}
	}
	return append(out, "NEVERLAPSE_HTTP_LISTEN="+m.at[s.Name+":8080"], "NEVERLAPSE_METRICS_LISTEN="+m.at[s.Name+":9464"], "NEVERLAPSE_ACME_HTTP_LISTEN="+m.at[s.Name+":8089"])
}

// process has of our environment only PATH, with the programs of the images first.
func (m *machine) process(ctx context.Context, dir string, env, argv []string) *exec.Cmd {
	path := filepath.Join(m.dir, "bin") + ":" + m.temporal + ":" + os.Getenv("PATH")
	program := argv[0]
	if !strings.Contains(program, "/") {
		for _, folder := range strings.Split(path, ":") {
			if info, err := os.Stat(filepath.Join(folder, program)); err == nil && info.Mode()&0o111 != 0 {
				program = filepath.Join(folder, program)
				break
			}
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(env, "PATH="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// postgres does what the image's entrypoint does: it lays out a cluster with the
// user and the password of the file, the first time, and starts it.
func (m *machine) postgres(ctx context.Context, s types.ServiceConfig, env []string) (*exec.Cmd, error) {
	value := func(key string) string {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, key+"="); ok {
				return v
			}
		}
		return ""
	}
	volume := m.mount(s, s.Volumes[0])
	data := filepath.Join(volume, "data")
	as := func(argv ...string) *exec.Cmd {
		argv[0] = filepath.Join(postgrestest.Programs(), argv[0])
		cmd := m.process(ctx, "/", nil, argv)
		if os.Geteuid() == 0 { // as root PostgreSQL does not start
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		}
		return cmd
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(filepath.Dir(volume), 0o755), os.Chown(volume, 65534, 65534)); err != nil {
			return nil, err
		}
	}
	init := append([]string{"initdb", "-D", data, "-U", value("POSTGRES_USER"), "--pwfile=" + value("POSTGRES_PASSWORD_FILE"), "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"},
		strings.Fields(value("POSTGRES_INITDB_ARGS"))...)
	if out, err := as(init...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return as("postgres", "-D", data, "-k", volume, "-c", "listen_addresses=127.0.0.1", "-c", "port="+m.port(s.Name, "5432"), "-c", "fsync=off"), nil
}

// healthy runs the healthcheck of a service; the worker's image has no program
// for one, and whoever runs it asks /readyz.
func (m *machine) healthy(ctx context.Context, s types.ServiceConfig) error {
	if s.HealthCheck == nil {
		if strings.HasPrefix(s.Image, "neverlapse-worker:") {
			return get(ctx, "http://"+m.at[s.Name+":8080"]+"/readyz", nil)
		}
		return errors.New("has no healthcheck")
	}
	text := m.here(s)
	var argv []string
	for _, a := range s.HealthCheck.Test[1:] {
		argv = append(argv, text.Replace(a))
	}
	switch {
	case argv[0] == "pg_isready":
		argv[0] = filepath.Join(postgrestest.Programs(), argv[0])
		return m.process(ctx, "/", []string{"PGPORT=" + m.port(s.Name, "5432")}, argv).Run()
	case argv[0] == "nc" && len(argv) == 4 && argv[1] == "-z":
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.at[s.Name+":"+argv[3]])
		if err != nil {
			return err
		}
		return conn.Close()
	case argv[0] == "wget" && argv[len(argv)-2] == "--spider":
		return get(ctx, argv[len(argv)-1], nil)
	}
	return fmt.Errorf("nothing here plays the healthcheck %q", s.HealthCheck.Test)
}

// get asks for a page that has to answer 200, and reads JSON from it.
func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s %w", url, resp.Status, body, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// everythingReachesWhatItIsThereFor looks from the ends: the command line lists
// through Temporal, the UI shows the namespace, Prometheus reads both workers
// and hands its alerts to Alertmanager.
func (m *machine) everythingReachesWhatItIsThereFor(t *testing.T) {
	list := m.process(t.Context(), m.dir, m.imageEnvironment(m.project.Services["worker"]), []string{"neverlapse", "list"})
	if out, err := list.CombinedOutput(); err != nil {
		t.Errorf("neverlapse list: %v\n%s", err, out)
	}
	must(t, get(t.Context(), "http://"+m.at["ui:8080"]+"/api/v1/namespaces/neverlapse", nil))
	var ready struct {
		Ready  bool
		Checks []struct {
			Name string
			OK   bool
		}
	}
	for _, worker := range []string{"worker", "worker-2"} {
		must(t, get(t.Context(), "http://"+m.at[worker+":8080"]+"/readyz", &ready))
		for _, c := range ready.Checks {
			if !c.OK {
				t.Errorf("%s: the check %s fails", worker, c.Name)
			}
		}
	}
	var targets struct {
		Data struct {
			ActiveTargets []struct{ Health, ScrapeURL string }
		}
	}
	until(t, "both workers are scraped", func() bool {
		must(t, get(t.Context(), "http://"+m.at["prometheus:9090"]+"/api/v1/targets", &targets))
		up := 0
		for _, a := range targets.Data.ActiveTargets {
			if a.Health == "up" && (strings.Contains(a.ScrapeURL, m.at["worker:9464"]) || strings.Contains(a.ScrapeURL, m.at["worker-2:9464"])) {
				up++
			}
		}
		return up == 2
	})
	var alerts []struct{ Labels map[string]string }
	until(t, "the alert that always fires is with Alertmanager", func() bool {
		must(t, get(t.Context(), "http://"+m.at["alertmanager:9093"]+"/api/v2/alerts", &alerts))
		return slices.ContainsFunc(alerts, func(a struct{ Labels map[string]string }) bool { return a.Labels["alertname"] == "NeverlapseWatchdog" })
	})
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// tell shows how each log ends.
func (m *machine) tell(t *testing.T) {
	logs, _ := filepath.Glob(filepath.Join(m.dir, "*.log"))
	for _, log := range logs {
		text, _ := os.ReadFile(log)
		t.Logf("%s:\n%s", filepath.Base(log), text[max(0, len(text)-1500):])
	}
}

// process is one that was started, with all that it started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error
}

func start(cmd *exec.Cmd, log string) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.stop()
		return errors.New("does not end")
	}
}

// stop ends it as docker does: it asks, and after a while it does not ask.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}
