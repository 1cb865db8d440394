package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// says holds that a text has every word, and nothing that a terminal would obey.
func says(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
		t.Errorf("control characters in %q", text)
	}
}

// absent holds that a name has no entity.
func (w *world) absent(name string) {
	w.t.Helper()
	_, err := w.client.DescribeWorkflowExecution(w.t.Context(), workflows.WorkflowID(name), "")
	if missing := new(serviceerror.NotFound); !errors.As(err, &missing) {
		w.t.Errorf("%s has an entity, although it was refused (%v)", name, err)
	}
}

// configured writes the world's configuration with a change into a file of its own.
func (w *world) configured(old, changed string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		w.t.Fatalf("the configuration has no %q:\n%s", old, text)
	}
	file := filepath.Join(w.t.TempDir(), "neverlapse.yaml")
	writeFile(w.t, file, []byte(strings.Replace(string(text), old, changed, 1)))
	return file
}

// run runs a program of ours to its end.
func (w *world) run(program string, args ...string) (string, int) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = w.Worker.Env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestAConfigurationThatCannotWorkIsRefusedByWorkerAndCLI(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{NoNginx: true, Policies: stepsPolicy})
	for name, c := range map[string]struct {
		old, changed string
		words        []string
	}{
		"an unknown section":         {"catch_all:", "cach_all: x\ncatch_all:", []string{"cach_all is not known; did you mean catch_all?"}},
		"an unknown key in a list":   {"observe_every:", "observe_evry:", []string{"policies[0].observe_evry is not known; did you mean policies[0].observe_every?"}},
		"a duration without a unit":  {"observe_every: 1h", "observe_every: soon", []string{"policies[0].observe_every", `"soon"`, "write 30d, 36h, 15m"}},
		"a number as a duration":     {"after: 30s", "after: 30", []string{"policies[0].escalations[0].steps[1].after: a number is not a duration; write 30s, 15m, 36h or 30d"}},
		"a share of too much":        {"last_safe: 10s", "last_safe: 133%", []string{"policies[0].last_safe", "between 0% and 100%"}},
		"a role that nobody has":     {"notify: [owner]", "notify: [boss]", []string{"policies[0].escalations[0].steps[0].notify", `"boss"`, "owner", "manager"}},
		"a CA that is not there":     {"last_safe: 10s", "last_safe: 10s\n    fallback_cas: [zerossl]", []string{"policies[0].fallback_cas[0]", `no CA is called "zerossl"`, "pebble"}},
		"last safe before the begin": {"last_safe: 10s", "last_safe: 300d", []string{"policies[0].last_safe", "renew_left"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := w.configured(c.old, c.changed)
			for _, program := range [][]string{{w.Binaries.Worker, "--config", file}, {w.Binaries.CLI, "--config", file, "list"}} {
				out, code := w.run(program[0], program[1:]...)
				if code != 2 {
					t.Errorf("%s: exit code %d, want 2", filepath.Base(program[0]), code)
				}
				says(t, out, append([]string{file}, c.words...)...)
			}
		})
	}
}

func TestAWorkerDoesNotStartWithoutWhatItNeedsToBeSafe(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{NoNginx: true})
	empty := filepath.Join(w.Dir, "empty")
	writeFile(t, empty, []byte("\n"))
	secret := filepath.Join(w.Dir, "slack.secret")
	for name, c := range map[string]struct {
		old, changed string
		words        []string
	}{
		"an empty signing secret":      {"signing_secret_file: " + secret, "signing_secret_file: " + empty, []string{"channels[0]", "signing_secret_file", empty, "is empty"}},
		"a secret that is not there":   {"token_file: " + filepath.Join(w.Dir, "slack.token"), "token_file: /nowhere/token", []string{"channels[0]", "token_file", "/nowhere/token", "no such file"}},
		"a kind that nobody knows":     {"kind: console", "kind: pigeon", []string{"channels[2].kind", `"pigeon"`, "use one of alertmanager, console, email, "}},
		"an option that nobody knows":  {"accept_terms: true", "acept_terms: true", []string{"cas[0].options", "acept_terms", "accept_terms"}},
		"a key of the store elsewhere": {"key_file: " + filepath.Join(w.Dir, "store.key"), "key_file: /nowhere/store.key", []string{"store.options", "key_file", "/nowhere/store.key"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := w.run(w.Binaries.Worker, "--config", w.configured(c.old, c.changed))
			if code == 0 {
				t.Error("it started")
			}
			says(t, out, c.words...)
			if strings.Contains(out, w.Slack.SigningSecret) || strings.Contains(out, w.Slack.Token) {
				t.Error("the refusal shows a secret")
			}
		})
	}
}

func TestWhatCannotBeGuardedIsRefusedAtTheDoorAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", 24*time.Hour), site(t, "api.shop.test", 24*time.Hour))})
	enroll := func(name string, more ...string) []string {
		return append([]string{"enroll", w.Nginx.Addresses[1] + "#api.shop.test", "--cert-name", name, "-d", "api.shop.test", "--owner", "minji", "--team", "platform"}, more...)
	}
	w.manage("shop", 0)
	first := w.runOf("shop")

	for _, name := range []string{"../shop", "a/b", "shop\x1b[2J", "shop\nretired", "Shop", " ", "인증서"} {
		says(t, w.cli(2, enroll(name)...), "certificate name", "a-z, 0-9")
	}
	says(t, w.cli(2, "enroll", "host\x1b]0;x\x07.test", "--owner", "minji"), "host")
	says(t, w.cli(2, enroll("rival", "--timeout", "3 parsecs")...), "--timeout", "3 parsecs", "36h")
	says(t, w.cli(2, "snooze", "shop", "--until", "soonish"), "--until", "soonish", "2026-08-31", "30d, 36h")
	says(t, w.cli(2, enroll("rival", "--target", "api.shop.test")...), "--target needs --manage")

	out := w.cli(4, enroll("rival", "--manage", "--ca", "letsencript", "--target", "nowhere", "--policy", "step", "--owner", "minjee", "--team", "platfrom")...)
	says(t, out, `"letsencript" is not configured; use one of bought, pebble`, `"nowhere" is not configured; use one of api.shop.test, www.shop.test`,
		`"step" is not configured; use one of`, "steps", `owner: "minjee"`, `team: "platfrom"`, "add")
	w.absent("rival")

	says(t, w.cli(4, "enroll", w.Nginx.Addresses[0]+"#www.shop.test", "--cert-name", "shop", "--owner", "minji"), "shop is already enrolled", "neverlapse status shop", "--update")
	if again := w.runOf("shop"); again != first {
		t.Errorf("the refused enrolment replaced run %s by %s", first, again)
	}

	managed := []string{"--manage", "--ca", "pebble", "--target", "api.shop.test"}
	says(t, w.cli(4, enroll("rival", append(managed, "--target", "www.shop.test")...)...), "held by the certificate shop", w.Nginx.Directory(0), "only one")
	w.absent("rival")
	w.cli(0, enroll("rightful", managed...)...) // the place that the refused one also asked for is free

	says(t, w.cli(4, "ack", "rightful", "--note", "I have it"), "no alert is firing for rightful")
	says(t, w.cli(3, "ack", "nobody"), "nobody is not enrolled", "neverlapse list")
	says(t, w.cli(3, "status", "rival"), "rival is not enrolled")
	says(t, w.cli(3, "history", "rival"), "rival has no journal")
}

func TestOfTwoEnrolmentsAtTheSameTimeOneIsRefused(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, "www.shop.test", 24*time.Hour), site(t, "api.shop.test", 24*time.Hour))})
	for what, c := range map[string]struct {
		rivals []string
		server int
		words  []string
	}{
		"of one name":  {[]string{"shop", "shop"}, 0, []string{"shop", "already"}},
		"of one place": {[]string{"first", "second"}, 1, []string{"held by the certificate", "only one"}},
	} {
		t.Run(what, func(t *testing.T) {
			outs, codes := make([]string, 2), make([]int, 2)
			var both sync.WaitGroup
			for i, name := range c.rivals {
				both.Go(func() { outs[i], codes[i] = w.CLI(t.Context(), w.managing(name, c.server)...) })
			}
			both.Wait()
			loser := slices.Index(codes, 4)
			if loser < 0 || codes[1-loser] != 0 {
				t.Fatalf("exit codes %v, want 0 and 4:\n%s\n%s", codes, outs[0], outs[1])
			}
			says(t, outs[loser], c.words...)
			if c.rivals[0] != c.rivals[1] {
				w.absent(c.rivals[loser])
			}
			w.runOf(c.rivals[1-loser])
		})
	}
}

func TestAnEnrolmentOutlivesTheWorkerThatAdmitsIt(t *testing.T) {
	t.Parallel()
	for _, moment := range []harness.Moment{harness.Before, harness.After} {
		t.Run(string(moment), func(t *testing.T) {
			t.Parallel()
			w, killed := dyingAt(t, moment, "Admit")
			out := make(chan string, 1)
			go func() {
				text, code := w.CLI(t.Context(), w.managing("shop", 0)...)
				out <- fmt.Sprintf("exit code %d\n%s", code, text)
			}()
			select {
			case <-killed:
			case <-time.After(time.Minute):
				t.Fatal("nothing was admitted")
			}
			w.start()
			says(t, <-out, "exit code 0", "shop is enrolled")
			s := w.until("shop", "the first look", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && s.Unread == 0 })
			if n := len(w.journal("shop", "enrolled")); n != 1 || s.State.Spec.Owner != "minji" {
				t.Errorf("enrolled %d times, owner %q", n, s.State.Spec.Owner)
			}
		})
	}
}

func TestAnEnrolmentThatIsAdmittedTooLateLeavesNothing(t *testing.T) {
	t.Parallel()
	w, killed := dyingAt(t, harness.After, "Admit")
	says(t, w.cli(5, w.managing("rival", 0, "--timeout", "5s")...), "no worker admitted rival within 5s, so it is not enrolled", "neverlapse-worker")
	select {
	case <-killed:
	default:
		t.Fatal("nothing was admitted")
	}
	w.start()
	w.eventually("the enrolment to end", func() bool {
		d, err := w.client.DescribeWorkflowExecution(t.Context(), workflows.EnrollmentID("rival"), "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_FAILED
	})
	w.absent("rival")
	w.cli(0, w.managing("rightful", 0)...) // the place is free
}

// dyingAt is a world whose worker is killed once, around an activity.
func dyingAt(t *testing.T, moment harness.Moment, activity string) (*world, <-chan struct{}) {
	t.Helper()
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w := enter(t, harness.Options{Engine: proxy.Address, Upstream: server.Address(), Nginx: sites(site(t, "www.shop.test", 24*time.Hour))})
	killed := make(chan struct{})
	var once sync.Once
	proxy.OnActivity(func(m harness.Moment, name string) (err error) {
		if m == moment && name == activity {
			once.Do(func() {
				w.Worker.Kill()
				close(killed)
				err = harness.ErrDropped
			})
		}
		return err
	})
	return w, killed
}

// managing is the command line that enrols the i-th nginx server to be renewed here.
func (w *world) managing(name string, i int, more ...string) []string {
	s := w.Nginx.Servers[i].Name
	return append([]string{"enroll", w.Nginx.Addresses[i] + "#" + s, "--cert-name", name, "-d", s,
		"--manage", "--ca", "pebble", "--target", s, "--owner", "minji", "--team", "platform"}, more...)
}

// runOf names the run of a certificate's entity.
func (w *world) runOf(name string) string {
	w.t.Helper()
	d, err := w.client.DescribeWorkflowExecution(w.t.Context(), workflows.WorkflowID(name), "")
	if err != nil {
		w.t.Fatal(err)
	}
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

func TestTheWorkerRefusesABadNameEvenWithoutTheCLI(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{NoNginx: true})
	for _, name := range []string{"../../etc/passwd", "shop\x1b[2J", "a/b", ""} {
		var in workflows.EnrollmentInput
		in.Name, in.Names, in.By = name, []string{"www.shop.test"}, "tester"
		ctx, cancel := w.patience()
		run, err := w.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "enrollment/forged", TaskQueue: "neverlapse"}, (&workflows.Workflows{}).EnrollmentWorkflow, in)
		if err != nil {
			t.Fatal(err)
		}
		err = run.Get(ctx, nil)
		cancel()
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != "Refused" {
			t.Fatalf("%q: %v, want a refusal", name, err)
		}
		says(t, app.Message(), "certificate name", "a-z, 0-9")
	}
	list, code := w.CLI(t.Context(), "list", "--output", "json")
	if code != 0 || strings.Contains(list, "etc") {
		t.Errorf("exit code %d, list:\n%s", code, list)
	}
}

func TestAForgedClickChangesNothing(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	_, message := fired(t, w)
	for name, o := range map[string]notifytest.ClickOption{
		"another secret":    notifytest.SignedWith("8f742231b10e8888abcd99yyyzzz85a6"),
		"the empty secret":  notifytest.SignedWith(""),
		"no signature":      notifytest.Unsigned(),
		"six minutes old":   notifytest.SignedAt(time.Now().Add(-6 * time.Minute)),
		"six minutes ahead": notifytest.SignedAt(time.Now().Add(6 * time.Minute)),
	} {
		if got := w.click(message, alert.ActAcknowledge, harness.OwnerSlack, o); got != http.StatusUnauthorized {
			t.Errorf("%s was answered by %d, want 401", name, got)
		}
	}
	s := w.until("shop", "an answer", func(workflows.Status) bool { return true })
	if a := open(s, "expiring"); a == nil || a.Status != lifecycle.Firing || a.Answer != nil {
		t.Errorf("the alert is %+v, want it to fire", a)
	}
	if got := w.journal("shop", "acknowledged", "refused"); len(got) != 0 {
		t.Errorf("on record: %+v", got)
	}
}

func TestAPlaceThatCannotBeWrittenEndsTheAttemptWithTheRemedy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shelf, file := filepath.Join(dir, "etc", "ssl", "shop"), filepath.Join(dir, "file")
	writeFile(t, file, nil)
	places := []struct {
		name, path string
		words      []string
	}{
		{"shelf", shelf, []string{"does not exist", "create it"}},
		{"file", file, []string{"is not a directory", "correct the path"}},
		{"proc", "/proc/sys/kernel", []string{"cannot write"}}, // nobody may make a file there, root neither
	}
	targets := ""
	for _, p := range places {
		targets += "  - {name: " + p.name + ", kind: file, options: {directory: " + p.path + "}}\n"
	}
	w := enter(t, harness.Options{NoNginx: true, Policies: hasty, Targets: targets})
	for _, p := range places {
		w.cli(0, "enroll", "--cert-name", p.name, "-d", p.name+".shop.test", "--manage", "--ca", "pebble", "--target", p.name, "--owner", "minji", "--team", "platform", "--policy", "hasty")
	}
	for _, p := range places {
		s := w.until(p.name, "the attempt to end", func(s workflows.Status) bool { return len(s.State.Renewal.Attempts) > 0 })
		a := s.State.Renewal.Attempts[0]
		if a.Outcome != lifecycle.ConfigurationRefused || !a.Counts {
			t.Errorf("%s: outcome %s, counts %v; want %s, which counts", p.name, a.Outcome, a.Counts, lifecycle.ConfigurationRefused)
		}
		says(t, a.Cause, append(p.words, p.name, p.path)...)
		told := func() []notifytest.SlackMessage {
			return slices.DeleteFunc(w.pages(harness.OwnerSlack, alert.RenewalFailing), func(m notifytest.SlackMessage) bool {
				return !strings.Contains(string(m.Metadata), p.name+"/")
			})
		}
		w.eventually("the owner to hear of it", func() bool { return len(told()) > 0 })
		says(t, told()[0].Reading(), append(p.words, p.path, "neverlapse renew "+p.name)...)
		says(t, w.cli(0, "status", p.name), p.path)
	}

	if err := os.MkdirAll(shelf, 0o755); err != nil {
		t.Fatal(err)
	}
	w.until("shelf", "no attempt to be under way", func(s workflows.Status) bool { return len(s.State.Flights) == 0 })
	w.cli(0, "renew", "shelf", "--note", "the directory is there")
	s := w.until("shelf", "the version to be proven", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" })
	if len(s.State.Installed) != 1 || s.State.Installed[0].Fingerprint != s.State.Live.Fingerprint {
		t.Errorf("installed: %+v, live is %s", s.State.Installed, s.State.Live.Fingerprint)
	}
	if n := w.CA.Issued(); n != len(places) {
		t.Errorf("%d certificates were issued, want one for each of the %d", n, len(places))
	}
}

// early renews at once and gives up seldom.
const early = `
  - name: early
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    renew_left: 95%
    renew_left_short: 95%
    last_safe: 10s
    retry_every: 1s
    max_attempts: 3`

// unpaged holds that nobody but the owner heard anything but that the CA is
// down, which the catch-all hears, and that no attempt was counted.
func (w *world) unpaged(s workflows.Status) {
	w.t.Helper()
	for _, a := range s.State.Renewal.Attempts {
		if a.Counts || a.Outcome != lifecycle.CAUnavailable {
			w.t.Errorf("attempt %+v, want none that counts", a)
		}
	}
	w.onlyTo(harness.ManagerSlack, 0)
	for _, m := range append(w.slackTo(harness.OnCallSlack), w.slackTo(harness.TeamSlack)...) { // the catch-all team, and who is on call in it
		if !strings.Contains(string(m.Metadata), string(alert.CAOutage)) {
			w.t.Errorf("told beyond the owner: %s", m.Reading())
		}
	}
	for _, m := range w.Mail.Mails() {
		outage := strings.Contains(m.MessageID+m.Text, string(alert.CAOutage))
		if len(m.To) != 1 || m.To[0] != "minji@example.com" && !outage {
			w.t.Errorf("a mail to %v: %s", m.To, m.Subject)
		}
	}
}

// outages lists what the catch-all team was told in Slack about a CA that is down.
func (w *world) outages() []notifytest.SlackMessage {
	return slices.DeleteFunc(w.slackTo(harness.TeamSlack), func(m notifytest.SlackMessage) bool {
		return !strings.Contains(string(m.Metadata), string(alert.CAOutage))
	})
}

func (w *world) renewed(name string, before string) workflows.Status {
	w.t.Helper()
	s := w.until(name, "the renewal by itself", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && string(s.State.Live.Fingerprint) != before && len(s.State.Flights) == 0 && open(s, string(alert.CAUnavailable)) == nil
	})
	if got := w.served(0); got != s.State.Live.Fingerprint {
		w.t.Errorf("nginx serves %s, live is %s", got, s.State.Live.Fingerprint)
	}
	if n := w.CA.Issued(); n != 1 {
		w.t.Errorf("%d certificates were issued, want 1", n)
	}
	return s
}

func TestACAThatIsDownCostsNoAttemptAndPagesNobody(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: early, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	before := string(w.served(0))
	w.CA.SetDown(true)
	w.manage("shop", 0, "--policy", "early")
	s := w.until("shop", "the renewal to begin", func(s workflows.Status) bool { return s.Summary.State == lifecycle.StateRenewing })
	child := "renewal/shop/" + s.State.Live.Fingerprint.Short()
	w.eventually("the CA to be tried again and again", func() bool { return w.tried(child) >= 3 })
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a minute of trying again, on a slow machine
	defer cancel()
	if err := w.Slack.Wait(ctx, func([]notifytest.SlackMessage) bool { return len(w.outages()) > 0 }); err != nil {
		t.Fatal(err)
	}
	// An outage is the CA's: one word to the catch-all, however many certificates wait, and none to each owner.
	says(t, w.outages()[0].Reading(), "P3", "pebble", "does not answer")
	w.onlyTo(harness.OwnerSlack, 0)
	s = w.until("shop", "an answer", func(workflows.Status) bool { return true })
	w.unpaged(s)
	w.CA.SetDown(false)
	s = w.renewed("shop", before)
	w.unpaged(s)
	w.eventually("the catch-all to hear that it is over", func() bool {
		return len(w.outages()[0].Buttons()) == 0 && strings.Contains(w.outages()[0].Reading(), "answers again")
	})
}

// tried is how often the pending activity of a workflow was begun.
func (w *world) tried(id string) int {
	d, err := w.client.DescribeWorkflowExecution(w.t.Context(), id, "")
	if err != nil || len(d.GetPendingActivities()) == 0 {
		return 0
	}
	return int(d.GetPendingActivities()[0].GetAttempt())
}

func TestACAThatAsksToWaitIsToldQuietlyAndAskedAgainByItself(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: early, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	before := string(w.served(0))
	w.CA.SetRetryAfter(http.StatusServiceUnavailable, 45)
	w.manage("shop", 0, "--policy", "early")
	s := w.until("shop", "the CA's word to be taken", func(s workflows.Status) bool { return len(s.State.Renewal.Attempts) > 0 })
	w.CA.SetRetryAfter(0, 0)
	says(t, s.State.Renewal.Attempts[0].Cause, "pebble", "503")
	at := s.State.Renewal.RetryAt
	if left := time.Until(at); left < 20*time.Second || left > 50*time.Second {
		t.Errorf("the next attempt is in %s; the CA said 45 s", left)
	}
	w.eventually("the owner to be told", func() bool { return len(w.pages(harness.OwnerSlack, alert.CAUnavailable)) > 0 })
	says(t, w.pages(harness.OwnerSlack, alert.CAUnavailable)[0].Reading(), "P4", "503")
	w.unpaged(s)

	s = w.renewed("shop", before)
	w.unpaged(s)
	if s.State.LiveAt.Before(at) {
		t.Errorf("renewed at %s, before the CA's date %s", s.State.LiveAt, at)
	}
	w.eventually("the owner to hear that it is over", func() bool { return len(w.slackTo(harness.OwnerSlack)) > 1 })
	w.onlyTo(harness.OwnerSlack, 2) // the notice, and in its thread that it is over
}
