package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// receiver takes what Alertmanager delivers.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []map[string]string // labels and annotations of what fires
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var body struct {
			Alerts []struct {
				Status              string
				Labels, Annotations map[string]string
			}
		}
		_ = json.NewDecoder(req.Body).Decode(&body)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, a := range body.Alerts {
			if a.Status == "firing" {
				a.Labels["runbook_url"] = a.Annotations["runbook_url"]
				r.got = append(r.got, a.Labels)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// told gives what fired of a name; nil if nothing did.
func (r *receiver) told(name string) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.got {
		if l["alertname"] == name {
			return l
		}
	}
	return nil
}

// prometheus starts a real Prometheus and a real Alertmanager that scrape the
// worker, judge by the rules that are shipped, without their patience, and
// deliver to the receiver. It gives the address of Prometheus.
func (w *world) prometheus(r *receiver) string {
	w.t.Helper()
	program := targettest.NeedProgram(w.t, "prometheus")
	alertmanager := targettest.NeedProgram(w.t, "prometheus-alertmanager")
	root, err := harness.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	shipped, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/rules/neverlapse.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	here, there := w.address(), w.address()
	writeFile(w.t, in("rules.yaml"), regexp.MustCompile(`(?m)^ +for: .*\n`).ReplaceAll(shipped, nil))
	writeFile(w.t, in("am.yaml"), fmt.Appendf(nil, "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\nreceivers: [{name: hook, webhook_configs: [{url: %q}]}]\n", r.URL))
	writeFile(w.t, in("prometheus.yaml"), fmt.Appendf(nil, `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs: [{job_name: neverlapse, static_configs: [{targets: [%q]}]}]
`, there, w.HTTP))
	for _, args := range [][]string{
		{alertmanager, "--config.file=" + in("am.yaml"), "--storage.path=" + in("am"), "--web.listen-address=" + there, "--cluster.listen-address="},
		{program, "--config.file=" + in("prometheus.yaml"), "--storage.tsdb.path=" + in("tsdb"), "--web.listen-address=" + here},
	} {
		p := &harness.Process{Args: args, Env: os.Environ(), Log: in(filepath.Base(args[0]) + ".log")}
		if err := p.Start(); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() {
			p.Kill()
			if w.t.Failed() {
				w.t.Logf("%s:\n%s", args[0], tail(p.Output(), 3000))
			}
		})
	}
	return here
}

func (w *world) address() string {
	w.t.Helper()
	port, err := targettest.FreePort()
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// A renewal is seen in the metrics of a real worker; when everything dies,
// Prometheus tells, and the page of the runbook to which it leads puts the
// certificate in place by hand.
func TestPrometheusTellsThatTheWorkerIsGoneAndTheRunbookTakesTheCertificateOut(t *testing.T) {
	t.Parallel()
	promtool := targettest.NeedProgram(t, "promtool")
	var beats atomic.Int32
	deadMan := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	defer deadMan.Close()
	urlFile := filepath.Join(t.TempDir(), "url")
	writeFile(t, urlFile, []byte(deadMan.URL+"/ping/5ec7e7-0f-the-5w1tch\n"))
	w := prepareOwn(t, harness.Options{
		Nginx:    sites(site(t, "pay.shop.test", 20*time.Minute)),
		Sections: fmt.Sprintf("metrics: {every: 1s}\nheartbeat: {url_file: %s, every: 10s}", urlFile),
	})
	w.start()
	before, r := w.served(0), newReceiver(t)
	prometheus := w.prometheus(r)
	w.manage("pay", 0)
	s := w.until("pay", "the renewal to be proven", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before
	})
	live := s.State.Live

	var page string
	wanted := []string{
		`neverlapse_renewal_outcomes_total{ca="pebble",outcome="proven",purpose="renew"} 1`, `neverlapse_target_operations_total{kind="nginx",operation="install",outcome="ok"} 1`,
		`neverlapse_certificate_state{certificate="pay",`, `mode="managed",owner="minji",team="platform"} 1`, "temporal_workflow_task_execution_latency_seconds_bucket{",
		fmt.Sprintf(`neverlapse_certificate_not_after_timestamp_seconds{certificate="pay"} %v`+"\n", float64(live.NotAfter.Unix())), "process_open_fds ", `neverlapse_folder_bytes{folder="engine"} `,
	}
	w.eventually("the metrics to show the renewal", func() bool {
		page, _ = get("http://" + w.HTTP + "/metrics")
		for _, piece := range wanted {
			if !strings.Contains(page, piece) {
				return false
			}
		}
		return true
	})
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	w.eventually("Prometheus to know the end of the certificate", func() bool {
		got, err := get("http://" + prometheus + "/api/v1/query?query=certificate:neverlapse_left:seconds")
		return err == nil && strings.Contains(got, `"certificate":"pay"`)
	})
	w.eventually("the watchdog to arrive", func() bool { return r.told("NeverlapseWatchdog") != nil })
	if got := r.told("NeverlapseAbsent"); got != nil {
		t.Errorf("the worker runs, and yet: %v", got)
	}

	w.eventually("the dead-man's switch to hear that all is well", func() bool { return beats.Load() > 0 })
	if strings.Contains(w.Worker.Output()+page, "5ec7e7") {
		t.Error("the address of the switch is in the log or in the metrics")
	}

	w.killAll()
	w.eventually("somebody to be told that no worker is left", func() bool { return r.told("NeverlapseAbsent") != nil && r.told("NeverlapseWorkerDown") != nil })
	if got := r.told("NeverlapseAbsent"); got["severity"] != "critical" || !strings.HasSuffix(got["runbook_url"], "RUNBOOK.md#neverlapseabsent") {
		t.Errorf("it tells %v", got)
	}

	if out := w.cli(0, "store", "list"); !strings.Contains(out, "pay") || !strings.Contains(out, live.Fingerprint.Short()) {
		t.Errorf("store list:\n%s", out)
	}
	out := filepath.Join(t.TempDir(), "pay")
	w.cli(0, "store", "export", "pay", "--out", out)
	pair := cert.Pair{Chain: []byte(readFile(t, filepath.Join(out, "fullchain.pem"))), Key: []byte(readFile(t, filepath.Join(out, "privkey.pem")))}
	if err := pair.Check([]string{"pay.shop.test"}, time.Now()); err != nil {
		t.Errorf("what came out cannot be installed: %v", err)
	}
	if v, err := pair.Version(); err != nil || v.Fingerprint != live.Fingerprint {
		t.Errorf("%s came out (%v), %s was live", v.Fingerprint, err, live.Fingerprint)
	}
	for line := range strings.Lines(string(pair.Key)) {
		if line = strings.TrimSpace(line); len(line) > 40 && (strings.Contains(page, line) || strings.Contains(w.Worker.Output(), line)) {
			t.Error("a piece of the private key is in the metrics or in the log")
		}
	}
}
