// Package harness is a small world for end-to-end tests and the demo: a CA
// (Pebble), a real nginx, stand-ins for Slack and a mail server, an engine, and
// our own programs as processes, configured as a user would. It knows nothing
// of package testing. It is no part of the product.
package harness

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/workflows"
)

// Slack IDs of the people of the directory that every world has.
const (
	OwnerSlack   = "U0000MINJI"
	ManagerSlack = "U0000HANA"
	OnCallSlack  = "U0000JUN"
	TeamSlack    = "C000PLATFORM"
)

// Options say what a world has. Engine is the address of a running engine;
// empty lets the worker start its own.
type Options struct {
	Dir      string
	Binaries Binaries
	Engine   string
	Upstream string // the engine itself, where Engine is a Proxy in front of it
	Second   string // the engine as a second worker reaches it; empty: there is one worker
	Access   string // how one reaches an engine that asks who one is, as YAML that begins with ", "; its namespace is the default one
	CA       pebbletest.Options
	Nginx    targettest.NginxOptions
	NoNginx  bool
	// Policies is YAML put below "policies:"; targets, below "targets:", come
	// beside one nginx target per server of Nginx, named as the server; $DIR
	// in it is the folder of the world.
	Policies, Targets string
	// Kept is where keys lie that stay on their host, by nginx server: its target
	// is given the chain alone.
	Kept map[string]string
	// Host is the name of a host with a worker of its own, to which the last
	// nginx server belongs; empty: there is none. Its engine is HostEngine, or Engine.
	Host, HostEngine string
	QueueTimeout     string              // how long that worker may leave a task; default as in the product
	Language         string              // of everybody; default en
	CAOptions        string              // more options of the CA, as YAML that begins with ", "
	Spare            *pebbletest.Options // a second CA, called spare; nil: there is none
	DNS              string              // DNS providers, as YAML put below "dns:"; $DIR as in Targets
	PollEvery        string              // how often CAs are asked when to renew; default as in the product
	StickyTimeout    string
	StoreKey         string            // where the key of the store is, as inline YAML; default: a file
	Digest           string            // when teams are told of their week, as inline YAML; default: never
	Gather           string            // how notices wait for others, as inline YAML; default: they do not
	Channels         string            // more channels, as YAML put below "channels:"
	Sections         string            // more sections of the configuration, as YAML
	Reads            map[string]string // names of channels that a person or the team reads, by ID
	SocketMode       bool              // Slack's clicks come by Socket Mode; otherwise by HTTP
	Behind           *Forward          // Slack and the CA are reached through it only, and have private roots
}

// World is everything around one worker.
type World struct {
	Options
	CA        *pebbletest.CA
	Spare     *pebbletest.CA // nil unless the options have one
	Slack     *notifytest.SlackServer
	Mail      *notifytest.MailServer
	Nginx     *targettest.Nginx
	Worker    *Process
	HostWork  *Process // of Host
	Config    string   // path of the worker's configuration
	HTTP      string   // address of the worker's HTTP
	Namespace string   // of Temporal; a world on a shared engine has its own

	SecondWork *Process // the second worker; nil: there is none
	SecondHTTP string

	hosts    string       // what the host says of itself, as YAML for the worker's configuration
	balancer net.Listener // before the challenges of two workers
}

// New builds the world; the worker is not started yet. Close ends it.
func New(o Options) (_ *World, err error) {
	w := &World{Options: o, Namespace: "default"}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if o.Engine != "" && o.Access == "" {
		if w.Namespace, err = newNamespace(o); err != nil {
			return nil, err
		}
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	w.HTTP = fmt.Sprintf("127.0.0.1:%d", ports[0])
	o.CA.HTTPPort = ports[1]
	if o.CA.NonceReject == 0 && o.CA.AuthzReuse == 0 { // Pebble's own faults are on, as it has them by default
		o.CA.NonceReject, o.CA.AuthzReuse = 5, 50
	}
	if w.CA, err = pebbletest.New(o.CA); err != nil {
		return nil, err
	}
	if o.Spare != nil {
		second := *o.Spare
		second.HTTPPort = o.CA.HTTPPort
		if w.Spare, err = pebbletest.New(second); err != nil {
			return nil, err
		}
	}
	if w.Slack, err = w.newSlack(); err != nil {
		return nil, err
	}
	w.Slack.AddChannel(TeamSlack, true)
	for _, u := range []string{OwnerSlack, ManagerSlack, OnCallSlack} {
		w.Slack.AddUser(u)
	}
	if w.Mail, err = notifytest.NewMailServer(""); err != nil {
		return nil, err
	}
	if !o.NoNginx {
		dir := filepath.Join(o.Dir, "nginx")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if w.Nginx, err = targettest.StartNginx(dir, o.Nginx); err != nil {
			return nil, err
		}
	}
	if err := w.configureHost(); err != nil {
		return nil, err
	}
	if err := w.configure(ports[1]); err != nil {
		return nil, err
	}
	if o.Second != "" {
		if err := w.pairUp(ports[1]); err != nil {
			return nil, err
		}
	}
	w.Worker = &Process{Args: []string{o.Binaries.Worker, "--config", w.Config}, Env: w.env(), Log: filepath.Join(o.Dir, "worker.log")}
	return w, nil
}

func (w *World) env() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.Dir, "NEVERLAPSE_USER=tester", "NEVERLAPSE_TIMEOUT=1m"}
	if e := os.Getenv("NEVERLAPSE_ENGINE"); e != "" {
		env = append(env, "NEVERLAPSE_ENGINE="+e)
	}
	if w.Behind != nil {
		env = append(env, "HTTPS_PROXY=http://"+w.Behind.Address)
	}
	return env
}

// Data is the worker's data folder.
func (w *World) Data() string { return filepath.Join(w.Dir, "data") }

func (w *World) configure(http01 int) error {
	if w.Language == "" {
		w.Language = "en"
	}
	if w.StickyTimeout == "" {
		w.StickyTimeout = "5s"
	}
	files := map[string][]byte{
		"mail.pem": w.Mail.RootPEM, "slack.token": []byte(w.Slack.Token), "slack.secret": []byte(w.Slack.SigningSecret),
		"slack.app": []byte(w.Slack.AppToken), "slack.pem": w.Slack.RootPEM, "mail.password": []byte(w.Mail.Password),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(w.Dir, name), data, 0o600); err != nil {
			return err
		}
	}
	key := filepath.Join(w.Dir, "store.key")
	if _, err := os.Stat(key); errors.Is(err, os.ErrNotExist) {
		if err := store.GenerateKeyFile(key); err != nil {
			return err
		}
	}
	w.Config = filepath.Join(w.Dir, "neverlapse.yaml")
	return os.WriteFile(w.Config, []byte(w.yaml(http01)), 0o600)
}

func (w *World) yaml(http01 int) string {
	in := func(name string) string { return filepath.Join(w.Dir, name) }
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("data: %s", w.Data())
	p("temporal: {address: %q, namespace: %s, sticky_timeout: %s%s%s}", w.Engine, w.Namespace, w.StickyTimeout, w.queueTimeout(), w.Access)
	p("http: {listen: %q}", w.HTTP)
	p("acme_http: {listen: \"127.0.0.1:%d\"}", http01)
	p("acme_dns: {resolvers: [%q]}", w.CA.Resolver())
	p("store: {kind: files, options: {path: %s, %s}}", in("store"), cmp.Or(w.StoreKey, "key_file: "+in("store.key")))
	p("cas:\n  - {name: pebble, kind: acme, options: {directory: %q, root_file: %s, email: ops@example.com, accept_terms: true, http_port: %d%s}}", w.directory(), w.CA.RootFile(), http01, w.CAOptions)
	if w.Spare != nil {
		p("  - {name: spare, kind: acme, options: {directory: %q, root_file: %s, email: ops@example.com, accept_terms: true, http_port: %d}}", w.Spare.Directory(), w.Spare.RootFile(), http01)
	}
	p("  - {name: bought, kind: supplied}")
	if w.DNS != "" {
		p("dns:\n%s", strings.ReplaceAll(w.DNS, "$DIR", w.Dir))
	}
	if w.PollEvery != "" {
		p("renewal_info: {poll_every: %s}", w.PollEvery)
	}
	if w.Gather == "" {
		w.Gather = "every: 0s"
	}
	p("gather: {%s}", w.Gather)
	if w.Digest == "" {
		w.Digest = "day: never"
	}
	p("digest: {%s}", w.Digest)
	p("channels:")
	p("  - {name: slack, kind: slack, options: %s}", w.slackOptions())
	p("  - {name: mail, kind: email, options: {host: %s, port: %d, root_file: %s, username: %s, password_file: %s, from: \"Neverlapse <neverlapse@example.com>\"}}",
		w.Mail.Host, w.Mail.Port, in("mail.pem"), w.Mail.Username, in("mail.password"))
	p("  - {name: console, kind: console}")
	if w.Channels != "" {
		p("%s", w.Channels)
	}
	p("people:")
	for _, x := range [][3]string{{"minji", "Minji Kim", OwnerSlack}, {"hana", "Hana Lee", ManagerSlack}, {"jun", "Jun Park", OnCallSlack}} {
		p("  - {id: %s, name: %s, email: %s@example.com, slack: %s, language: %s, timezone: Asia/Seoul, channels: [%s]}", x[0], x[1], x[0], x[2], w.Language, w.Reads[x[0]])
	}
	p("teams:\n  - {id: platform, name: Platform, members: [minji, jun], manager: hana, on_call: [{person: jun}], slack: %s, email: platform@example.com, language: %s, timezone: Asia/Seoul, channels: [%s]}", TeamSlack, w.Language, w.Reads["platform"])
	p("catch_all: platform")
	if w.Sections != "" {
		p("%s", w.Sections)
	}
	if w.Policies != "" {
		p("policies:\n%s", w.Policies)
	}
	p("targets:")
	here := w.servers()
	if here == 0 && w.Targets == "" {
		p("  []")
	}
	for i := range here {
		p("%s", w.nginxTarget(i))
	}
	b.WriteString(strings.ReplaceAll(w.Targets, "$DIR", w.Dir))
	b.WriteString(w.hosts)
	return b.String()
}

func (w *World) nginxTarget(i int) string {
	text := NginxTarget(w.Nginx, i)
	if kept := w.Kept[w.Nginx.Servers[i].Name]; kept != "" {
		text = strings.TrimSuffix(text, "}}") + ", kept_key: " + kept + "}}"
	}
	return text
}

// NginxTarget is the YAML of the target that feeds the i-th server of an nginx.
func NginxTarget(n *targettest.Nginx, i int) string {
	return fmt.Sprintf("  - {name: %s, kind: nginx, options: {directory: %s, binary: %s, prefix: %s, config: %s, error_log: %s}}",
		n.Servers[i].Name, n.Directory(i), n.Binary, n.Prefix, n.Config, n.ErrorLog)
}

// StartWorker starts the worker, and the second where there is one, and waits
// until they are ready. What runs already stays.
func (w *World) StartWorker(ctx context.Context) error {
	if err := w.startOne(ctx, w.Worker, w.HTTP); err != nil || w.SecondWork == nil {
		return err
	}
	return w.startOne(ctx, w.SecondWork, w.SecondHTTP)
}

func (w *World) startOne(ctx context.Context, p *Process, page string) error {
	if !p.Running() {
		if err := p.Start(); err != nil {
			return err
		}
	}
	err := WaitFor(ctx, "the worker to be ready", func() (bool, error) {
		if !p.Running() {
			return true, nil
		}
		return ready(ctx, "http://"+page+"/readyz")
	})
	if err == nil && !p.Running() {
		return fmt.Errorf("the worker ended: %s", p.Output())
	}
	return err
}

// KillWorkers ends all workers as a crash does.
func (w *World) KillWorkers() {
	w.Worker.Kill()
	if w.SecondWork != nil {
		w.SecondWork.Kill()
	}
}

// SlackURL is where clicks go.
func (w *World) SlackURL() string { return "http://" + w.HTTP + "/slack/interactions" }

// CLI runs neverlapse and gives its output, both streams, and exit code.
func (w *World) CLI(ctx context.Context, args ...string) (out string, code int) {
	cmd := exec.CommandContext(ctx, w.Binaries.CLI, append([]string{"--config", w.Config}, args...)...)
	cmd.Env = w.env()
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		return err.Error(), -1
	}
	return string(text), code
}

// Client connects to the engine.
func (w *World) Client() (client.Client, error) {
	address := w.Engine
	if address == "" {
		var r struct{ Address string }
		b, err := os.ReadFile(filepath.Join(w.Data(), "engine", "engine.json"))
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			return nil, err
		}
		address = r.Address
	}
	return client.Dial(client.Options{HostPort: address, Namespace: w.Namespace, Logger: quiet{}})
}

// Status asks a certificate.
func (w *World) Status(ctx context.Context, c client.Client, name string) (workflows.Status, error) {
	var s workflows.Status
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	v, err := c.QueryWorkflow(ctx, workflows.WorkflowID(name), "", workflows.QueryStatus)
	if err == nil {
		err = v.Get(&s)
	}
	return s, err
}

// Close ends everything.
func (w *World) Close() {
	for _, p := range []*Process{w.Worker, w.SecondWork, w.HostWork} {
		if p != nil {
			p.Stop()
		}
	}
	if w.balancer != nil {
		_ = w.balancer.Close()
	}
	if w.Nginx != nil {
		_ = w.Nginx.Stop()
	}
	if w.Mail != nil {
		_ = w.Mail.Close()
	}
	if w.Slack != nil {
		_ = w.Slack.Close()
	}
	for _, ca := range []*pebbletest.CA{w.CA, w.Spare} {
		if ca != nil {
			_ = ca.Close()
		}
	}
}

func freePorts(n int) ([]int, error) {
	out := make([]int, n)
	for i := range out {
		var err error
		if out[i], err = targettest.FreePort(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
