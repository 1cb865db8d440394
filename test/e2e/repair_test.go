package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// hasty renews at once and spends its three attempts within the first 45 of ten minutes.
const hasty = `
  - name: hasty
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    renew_left: 99%
    renew_left_short: 99%
    last_safe: 555s
    max_attempts: 3
    proof_timeout: 10s`

// tenMinutes gives every nginx server a certificate that was just issued for
// ten minutes, so that a slow start of the world does not count.
func (w *world) tenMinutes() {
	w.t.Helper()
	for i, s := range w.Nginx.Servers {
		now := time.Now()
		pair, err := targettest.NewPair([]string{s.Name}, now.Add(-5*time.Second), now.Add(10*time.Minute))
		if err != nil {
			w.t.Fatal(err)
		}
		w.replaceByHand(i, targettest.NginxServer{Name: s.Name, Initial: pair})
	}
}

// pages lists the P1 messages about a reason that a user got directly.
func (w *world) pages(user string, reason alert.Reason) []notifytest.SlackMessage {
	var out []notifytest.SlackMessage
	for _, m := range w.slackTo(user) {
		if strings.Contains(string(m.Metadata), string(reason)) {
			out = append(out, m)
		}
	}
	return out
}

func (w *world) mailsTo(address, about string) []notifytest.Mail {
	var out []notifytest.Mail
	for _, m := range w.Mail.Mails() {
		if len(m.To) == 1 && m.To[0] == address && strings.Contains(m.MessageID+m.Text, about) {
			out = append(out, m)
		}
	}
	return out
}

func TestNginxRefusesAndTheRepairUsesTheSameCertificate(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: hasty, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.tenMinutes()
	before, tree := w.served(0), targettest.Tree(t, w.Nginx.Directory(0))
	if err := w.Nginx.BreakConfig(); err != nil {
		t.Fatal(err)
	}
	w.manage("shop", 0, "--policy", "hasty")

	w.eventually("the owner to hear of the first failure by Slack and by mail", func() bool {
		return len(w.pages(harness.OwnerSlack, alert.RenewalFailing)) > 0 && len(w.mailsTo("minji@example.com", "nginx")) > 0
	})
	first := w.pages(harness.OwnerSlack, alert.RenewalFailing)[0]
	if !strings.Contains(first.Reading(), targettest.BrokenText) {
		t.Errorf("nginx's own words are missing:\n%s", first.Reading())
	}
	if got := w.slackTo(harness.OnCallSlack); len(got) > 0 {
		t.Errorf("the first failure paged: %s", got[0].Reading())
	}

	s := w.until("shop", "all attempts to be spent", func(s workflows.Status) bool { return open(s, string(alert.AttemptsSpent)) != nil })
	if n := len(s.State.Renewal.Attempts); n != 3 {
		t.Errorf("%d attempts, want 3: %+v", n, s.State.Renewal.Attempts)
	}
	w.eventually("a P1 page to owner, manager and on-call", func() bool {
		return len(w.pages(harness.OwnerSlack, alert.AttemptsSpent)) > 0 && len(w.pages(harness.ManagerSlack, alert.AttemptsSpent)) > 0 && len(w.pages(harness.OnCallSlack, alert.AttemptsSpent)) > 0
	})
	page := w.pages(harness.OnCallSlack, alert.AttemptsSpent)[0].Reading()
	for _, want := range []string{"P1", targettest.BrokenText, w.Nginx.Addresses[0], before.Short(), "neverlapse renew shop"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not tell %q:\n%s", want, page)
		}
	}
	if got := targettest.Tree(t, w.Nginx.Directory(0)); got != tree {
		t.Errorf("what was there before is not there byte for byte:\n%s\nwant:\n%s", got, tree)
	}
	if got := w.served(0); got != before {
		t.Errorf("nginx serves %s, want %s", got, before)
	}

	if err := w.Nginx.RepairConfig(); err != nil {
		t.Fatal(err)
	}
	w.cli(0, "renew", "shop", "--note", "nginx is repaired")
	s = w.until("shop", "the repair to be proven", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != before && open(s, string(alert.AttemptsSpent)) == nil
	})
	if got := w.served(0); got != s.State.Live.Fingerprint {
		t.Errorf("nginx serves %s, live is %s", got, s.State.Live.Fingerprint)
	}
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("all attempts and the repair used %d certificates, want 1", n)
	}
}

func TestTheFirstFailureReachesTheOwnerWhileOneChannelIsDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		breakIt func(*world)
		reached func(*world) bool
	}{
		{"mail is down", func(w *world) { w.Mail.SetMode(notifytest.MailDown) }, func(w *world) bool { return len(w.pages(harness.OwnerSlack, alert.RenewalFailing)) > 0 }},
		{"Slack is down", func(w *world) { w.Slack.SetMode(notifytest.SlackFails) }, func(w *world) bool { return len(w.mailsTo("minji@example.com", "nginx")) > 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := enter(t, harness.Options{Policies: hasty, Nginx: sites(site(t, "www.shop.test", time.Hour))})
			w.tenMinutes()
			if err := w.Nginx.BreakConfig(); err != nil {
				t.Fatal(err)
			}
			c.breakIt(w)
			w.manage("shop", 0, "--policy", "hasty")
			s := w.until("shop", "the first failure", func(s workflows.Status) bool { return len(s.State.Renewal.Attempts) > 0 })
			failed := s.State.Renewal.Attempts[0].At
			w.eventually("the other channel to deliver", func() bool { return c.reached(w) })
			// The broken channel is retried for a minute and a half; the other must not have waited for it.
			if waited := time.Since(failed); waited > time.Minute {
				t.Errorf("it took %s: one channel waited for the other", waited)
			}
		})
	}
}

// detached is a world in which the target writes where nobody reads: every
// deployment reloads well, and the endpoint goes on serving what it had.
func detached(t *testing.T, expired bool) (w *world, dir string) {
	w = enter(t, harness.Options{Policies: hasty, Nginx: sites(site(t, "www.shop.test", time.Hour)),
		Targets: "  - {name: detached, kind: file, options: {directory: $DIR/detached, reload: [/bin/true]}}\n"})
	dir = filepath.Join(w.Dir, "detached")
	w.tenMinutes()
	if expired {
		w.replaceByHand(0, site(t, "www.shop.test", -time.Minute))
	}
	if err := os.MkdirAll(filepath.Join(dir, "live"), 0o755); err != nil {
		t.Fatal(err)
	}
	pair, err := targetFiles(w, 0)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "live", "fullchain.pem"), pair.Chain)
	writeFile(t, filepath.Join(dir, "live", "privkey.pem"), pair.Key)
	return w, dir
}

func (w *world) manageDetached() {
	w.cli(0, "enroll", w.Nginx.Addresses[0]+"#www.shop.test", "--cert-name", "shop", "-d", "www.shop.test",
		"--manage", "--ca", "pebble", "--target", "detached", "--owner", "minji", "--team", "platform", "--policy", "hasty")
}

func TestAReloadThatServesTheWrongCertificateIsRolledBackAndProven(t *testing.T) {
	t.Parallel()
	w, dir := detached(t, false)
	tree := targettest.Tree(t, dir)
	pair, err := targetFiles(w, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := targettest.FingerprintOf(pair)
	w.manageDetached()
	s := w.until("shop", "all attempts to be spent", func(s workflows.Status) bool { return open(s, string(alert.AttemptsSpent)) != nil })
	for _, a := range s.State.Renewal.Attempts {
		if !strings.Contains(a.Cause, "serves "+before.Short()) || a.Outcome != lifecycle.ProofFailed || !a.Counts {
			t.Errorf("attempt %+v is not a failed proof that tells what is served", a)
		}
	}
	if got := targettest.Tree(t, dir); got != tree {
		t.Errorf("what was there before is not there byte for byte:\n%s\nwant:\n%s", got, tree)
	}
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates for %d attempts, want 1", n, len(s.State.Renewal.Attempts))
	}
}

func TestAnExpiredPreviousVersionIsNotPutBack(t *testing.T) {
	t.Parallel()
	w, dir := detached(t, true)
	tree := targettest.Tree(t, dir)
	w.manageDetached()
	s := w.until("shop", "the page", func(s workflows.Status) bool { return open(s, string(alert.RollbackUnproven)) != nil })
	if cause := open(s, string(alert.RollbackUnproven)).Cause; !strings.Contains(cause, "expired") {
		t.Errorf("the page does not tell why: %s", cause)
	}
	if got := targettest.Tree(t, dir); got == tree {
		t.Error("the expired pair was put back over a valid one")
	}
	w.eventually("the page to go out at once", func() bool { return len(w.pages(harness.OnCallSlack, alert.RollbackUnproven)) > 0 })
}

func TestADeadServerIsPagedAtOnce(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: hasty, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.tenMinutes()
	tree := targettest.Tree(t, w.Nginx.Directory(0))
	name := w.Nginx.Servers[0].Name
	if err := w.Nginx.Kill(); err != nil {
		t.Fatal(err)
	}
	w.cli(0, "enroll", w.Nginx.Addresses[0]+"#"+name, "--cert-name", "shop", "-d", name,
		"--manage", "--ca", "pebble", "--target", name, "--owner", "minji", "--team", "platform", "--policy", "hasty")
	w.until("shop", "the page", func(s workflows.Status) bool { return open(s, string(alert.RollbackUnproven)) != nil })
	w.eventually("the page to go out", func() bool { return len(w.pages(harness.OnCallSlack, alert.RollbackUnproven)) > 0 })
	if got := targettest.Tree(t, w.Nginx.Directory(0)); got != tree {
		t.Errorf("the old bytes are not back:\n%s", got)
	}
	if err := w.Nginx.Start(); err != nil {
		t.Fatal(err)
	}
	w.cli(0, "renew", "shop")
	w.until("shop", "the renewal after the repair", func(s workflows.Status) bool {
		return open(s, string(alert.RollbackUnproven)) == nil && w.served(0) == s.State.Live.Fingerprint && w.CA.Issued() == 1
	})
}
