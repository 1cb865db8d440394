package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// steady renews at once, and tries what is behind again every few seconds.
const steady = `
  - name: steady
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    renew_left: 99%
    renew_left_short: 99%
    last_safe: 555s
    retry_every: 5s
    observe_every: 10s
    proof_timeout: 20s`

const (
	here  = "www.shop.test"
	there = "eu.shop.test"
)

// apart is a world of two nginx servers, of which the second belongs to the host
// web7. The centre's worker runs; the one of the host does not yet.
func apart(t *testing.T, o harness.Options) *world {
	t.Helper()
	o.Policies, o.Host = steady, "web7"
	if o.QueueTimeout == "" {
		o.QueueTimeout = "3s"
	}
	o.Nginx = sites(site(t, here, time.Hour), site(t, there, time.Hour))
	w := prepare(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("host log:\n%s", tail(w.HostWork.Output(), 6000))
		}
	})
	w.start()
	w.tenMinutes()
	return w
}

func (w *world) startHost() {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	if err := w.StartHost(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// manageBoth enrols one certificate for both servers.
func (w *world) manageBoth(code int) string {
	w.t.Helper()
	endpoint := func(i int) string {
		return w.Nginx.Addresses[i] + "#" + w.Nginx.Servers[i].Name + "@" + w.Nginx.Servers[i].Name
	}
	return w.cli(code, "enroll", "--cert-name", "shop", "-d", here, "-d", there, "--endpoint", endpoint(0), "--endpoint", endpoint(1),
		"--manage", "--ca", "pebble", "--target", here, "--target", there, "--owner", "minji", "--team", "platform", "--policy", "steady")
}

func TestAnAbsentHostIsBehindAndToldAndCatchesUpByItself(t *testing.T) {
	t.Parallel()
	w := apart(t, harness.Options{})
	old := w.served(1)
	if out := w.manageBoth(4); !strings.Contains(out, "--role target --queue web7") {
		t.Errorf("a host that was never there is not said to be so:\n%s", out)
	}
	w.startHost()
	w.HostWork.Stop()
	w.manageBoth(0)

	s := w.until("shop", "the target of the host to be behind and the other proven", func(s workflows.Status) bool {
		p := s.State.Place(there)
		return p != nil && p.Behind != "" && s.State.Live.Fingerprint != "" && w.served(0) == s.State.Live.Fingerprint && open(s, string(alert.TargetBehind)) != nil
	})
	p := s.State.Place(there)
	if p.Host != "web7" || !strings.Contains(p.Behind, "no worker took it from queue web7 within 3s; is neverlapse-worker running there?") {
		t.Errorf("behind on host %q because %q", p.Host, p.Behind)
	}
	if n := len(s.State.Renewal.Attempts); n != 0 {
		t.Errorf("an absent host cost attempts: %+v", s.State.Renewal.Attempts)
	}
	if got := w.served(1); got != old {
		t.Errorf("nobody is on the host, and it serves %s", got)
	}
	w.eventually("the owner to be told", func() bool { return len(w.pages(harness.OwnerSlack, alert.TargetBehind)) > 0 })
	if text := w.pages(harness.OwnerSlack, alert.TargetBehind)[0].Reading(); !strings.Contains(text, "queue web7") {
		t.Errorf("the notice does not say which host:\n%s", text)
	}
	for _, verb := range []string{"status", "explain"} {
		if out := w.cli(0, verb, "shop"); !strings.Contains(out, there+" on host web7") || !strings.Contains(out, "no worker took it") {
			t.Errorf("%s does not tell where the target lives and why it is behind:\n%s", verb, out)
		}
	}
	if out := w.cli(0, "check", "shop"); !strings.Contains(out, "target "+there+" on host web7") || !strings.Contains(out, "no worker took it from queue web7 within 15s") {
		t.Errorf("check does not tell that the target could not be read back:\n%s", out)
	}

	w.startHost()
	s = w.until("shop", "the host to catch up by itself", func(s workflows.Status) bool {
		return open(s, string(alert.TargetBehind)) == nil && s.State.Place(there).Fingerprint == s.State.Live.Fingerprint
	})
	if got := w.served(1); got != s.State.Live.Fingerprint {
		t.Errorf("the host serves %s, live is %s", got, s.State.Live.Fingerprint)
	}
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates were issued, want 1", n)
	}
	w.backOnHost(t, s)
}

// backOnHost has a human roll the host's target forth and back, and holds that
// its folder is all that the host has of the store.
func (w *world) backOnHost(t *testing.T, first workflows.Status) {
	w.cli(0, "renew", "shop", "--new", "--wait")
	w.until("shop", "another version on both", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != first.State.Live.Fingerprint && w.served(0) == s.State.Live.Fingerprint && w.served(1) == s.State.Live.Fingerprint
	})
	w.cli(0, "rollback", "shop", "--to", "previous", "--wait")
	w.eventually("both to serve the version before", func() bool {
		return w.served(0) == first.State.Live.Fingerprint && w.served(1) == first.State.Live.Fingerprint
	})
	kept, err := filepath.Glob(filepath.Join(w.Dir, "store/hosts/web7/kept/certificates/shop/captures/*.sealed"))
	if err != nil || len(kept) == 0 {
		t.Errorf("the host kept no capture: %v", err)
	}
	pair, err := targetPair(w, 1)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cert.DecodeKey(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	lies := collection{}
	lies.add("log", "of the host", []byte(w.HostWork.Output()))
	files, err := fs.Glob(os.DirFS(w.Dir), "store/hosts/web7/*/certificates/shop/*/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("the folder of the host holds %v, %v", files, err)
	}
	for _, f := range files {
		lies.add("folder", f, []byte(readFile(t, filepath.Join(w.Dir, f))))
	}
	if found := lies.find(key); found != "" {
		t.Errorf("the key is in the open: %s", found)
	}
}

func TestWhatCannotBeTheWorkerOfAHostIsRefused(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: steady, Host: "web7", Nginx: sites(site(t, here, time.Hour), site(t, there, time.Hour))})
	host := filepath.Join(w.Dir, "host.yaml")
	for name, c := range map[string]struct {
		args  []string
		words []string
	}{
		"a role that nobody knows":        {[]string{"--role", "web"}, []string{`--role: "web" is not known; use central or target`}},
		"no queue":                        {[]string{"--role", "target"}, []string{"--queue: missing", "--role target --queue web7"}},
		"a queue of the centre":           {[]string{"--queue", "web7"}, []string{"add --role target"}},
		"the configuration of the centre": {[]string{"--config", w.Config, "--role", "target", "--queue", "web7", "--check"}, []string{"cas: belongs to the centre", "channels: belongs", "hosts: belongs"}},
		"a folder that is not there yet":  {[]string{"--config", host, "--role", "target", "--queue", "web7", "--check"}, []string{"store.options", "share the folder hosts/web7 of the centre's store"}},
	} {
		out, code := w.run(w.Binaries.Worker, c.args...)
		if code != 2 {
			t.Errorf("%s: exit code %d, want 2", name, code)
		}
		says(t, out, c.words...)
	}
	again, code := w.run(w.Binaries.Worker, "--config", host, "--role", "target", "--queue", "web7", "--init")
	if code != 0 || !strings.Contains(readFile(t, w.Config), again) {
		t.Errorf("asked again, --init says something else:\n%s", again)
	}
	secret := strings.TrimSpace(readFile(t, filepath.Join(w.Dir, "host.key")))
	out, code := w.run(w.Binaries.Worker, "--config", w.configured("    key: ", "    key: "+secret+" # "), "--check")
	if says(t, out, "hosts[0].key", "secret half"); code != 2 || strings.Contains(out, secret) {
		t.Errorf("the secret half at the centre: exit code %d\n%s", code, out)
	}
	w.start()
	if out, code := w.run(w.Binaries.Worker, "--config", host, "--role", "target", "--queue", "web7", "--check"); code != 0 {
		t.Errorf("once the centre runs, the host is refused:\n%s", out)
	}
	if out, code := w.run(w.Binaries.Worker, "--config", host, "--role", "target", "--queue", "web8", "--check"); code != 2 {
		t.Errorf("another host's folder: exit code %d", code)
	} else {
		says(t, out, `is the folder of host "web7", not of "web8"`)
	}
}

func TestAHostWorkerKilledInTheMiddleOfInstallingLeavesAWholePair(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		moment   harness.Moment
		activity string
	}{{harness.Before, "Install"}, {harness.After, "Install"}, {harness.After, "Prepare"}, {harness.After, "Verify"}} {
		t.Run(string(at.moment)+" "+at.activity, func(t *testing.T) {
			t.Parallel()
			proxy, err := harness.NewProxy(server.Address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			w := apart(t, harness.Options{HostEngine: proxy.Address, QueueTimeout: "1m"})
			killed := make(chan struct{})
			var once sync.Once
			proxy.OnActivity(func(m harness.Moment, name string) (err error) {
				if m == at.moment && name == at.activity {
					once.Do(func() {
						w.HostWork.Kill()
						close(killed)
						err = harness.ErrDropped
					})
				}
				return err
			})
			w.startHost()
			w.manageBoth(0)
			select {
			case <-killed:
			case <-time.After(time.Minute):
				t.Fatalf("%s never reached the host", at.activity)
			}
			w.startHost()
			s := w.until("shop", "both to have the version", func(s workflows.Status) bool {
				live := s.State.Live.Fingerprint
				return live != "" && w.served(0) == live && w.served(1) == live && s.State.Place(there) != nil && s.State.Place(there).Fingerprint == live
			})
			pair, err := targetPair(w, 1)
			if err != nil || targettest.FingerprintOf(pair) != s.State.Live.Fingerprint {
				t.Errorf("on the disk of the host: %v", err)
			}
			if n := w.CA.Issued(); n != 1 {
				t.Errorf("%d certificates were issued, want 1", n)
			}
		})
	}
}

// An older release on the host knows fewer activities, and newer fields in what
// it is sent are nothing to it.
func TestAHostOfAnOlderReleaseIsBehindUntilItIsUpgraded(t *testing.T) {
	t.Parallel()
	w := apart(t, harness.Options{})
	w.startHost()
	w.HostWork.Stop()
	old := worker.New(w.client, "web7", worker.Options{DisableWorkflowWorker: true})
	old.RegisterActivityWithOptions(func() error { return nil }, activity.RegisterOptions{Name: "Former"})
	if err := old.Start(); err != nil {
		t.Fatal(err)
	}
	w.manageBoth(0)
	w.until("shop", "the host to be said to be older", func(s workflows.Status) bool {
		p := s.State.Place(there)
		return p != nil && strings.Contains(p.Behind, "older") && strings.Contains(p.Behind, "upgrade neverlapse-worker there") && w.served(0) == s.State.Live.Fingerprint
	})
	old.Stop()
	w.startHost()
	w.until("shop", "the upgraded host to catch up", func(s workflows.Status) bool {
		return s.State.Place(there).Behind == "" && w.served(1) == s.State.Live.Fingerprint
	})
}

func TestATargetMovesToAHostByTheConfigurationAlone(t *testing.T) {
	t.Parallel()
	w := apart(t, harness.Options{})
	w.startHost()
	w.manageBoth(0)
	first := w.until("shop", "the first version on both", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && w.served(1) == s.State.Live.Fingerprint && s.State.Place(there) != nil && s.State.Place(there).Host == "web7"
	})
	w.HostWork.Stop()
	w.Worker.Stop()
	text := readFile(t, w.Config)
	at := strings.Index(text, "hosts:\n")
	if at < 0 {
		t.Fatal("the configuration has no hosts")
	}
	writeFile(t, w.Config, []byte(text[:at]+harness.NginxTarget(w.Nginx, 1)+"\n"))
	w.start()
	w.eventually("the new worker to take the order", func() bool {
		ctx, cancel := w.patience()
		defer cancel()
		_, code := w.CLI(ctx, "renew", "shop", "--new")
		return code == 0
	})
	s := w.until("shop", "the target to be reached from the centre", func(s workflows.Status) bool {
		live := s.State.Live.Fingerprint
		return live != first.State.Live.Fingerprint && w.served(1) == live && s.State.Place(there).Host == ""
	})
	var shown struct {
		Behind []struct{ Target, Host string } `json:"behind"`
	}
	if err := json.Unmarshal([]byte(w.cli(0, "status", "shop", "-o", "json")), &shown); err != nil || len(shown.Behind) > 0 {
		t.Errorf("behind: %+v, %v; %+v", shown.Behind, err, s.State.Installed)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
