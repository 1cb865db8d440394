package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/test/harness/browser"
	"github.com/neverlapse/neverlapse/workflows"
)

// source tells how one stands; nothing while no worker answers, as after a crash.
func (w *world) source(name string) (out estate.Standing) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	text, code := w.CLI(ctx, "sources", "-o", "json")
	var all []estate.Standing
	if code != 0 || json.Unmarshal([]byte(text), &all) != nil {
		return out
	}
	for _, s := range all {
		if s.Source == name {
			out = s
		}
	}
	return out
}

func TestSourcesFindWhatIsThereTellDriftAndGoOnWhereAWorkerDied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder, list := filepath.Join(dir, "found"), filepath.Join(dir, "hosts")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	shop, other, lone := site(t, here, 60*24*time.Hour), site(t, there, 80*24*time.Hour), site(t, "lone.test", 10*24*time.Hour)
	w := prepare(t, harness.Options{Policies: watchful, Nginx: sites(shop, other), Sections: fmt.Sprintf(`sources:
  - {name: disk, kind: files, every: 7d, options: {host: disk1, paths: [%s]}}
  - {name: web, kind: endpoints, every: 7d, team: platform, options: {list_file: %s}}`, folder, list)})
	first, firstAsked := scantest.Silent(t, false)
	hanging, hangs := scantest.Silent(t, true)
	hosts := []string{first}
	for i := range 249 { // the rest of a page; nothing listens there
		hosts = append(hosts, fmt.Sprint("127.0.0.9:", i+1))
	}
	hosts = append(hosts, hanging, w.Nginx.Addresses[0]+"#"+here, w.Nginx.Addresses[1]+"#"+there)
	writeFile(t, list, []byte(strings.Join(hosts, "\n")))
	copied := filepath.Join(folder, "copy.pem")
	writeFile(t, copied, shop.Initial.Chain)
	writeFile(t, filepath.Join(folder, "lone.pem"), lone.Initial.Chain)
	w.start()
	w.watch("shop", 0, "--policy", "watchful")
	shopPrint, lonePrint := targettest.FingerprintOf(shop.Initial), targettest.FingerprintOf(lone.Initial)
	w.until("shop", "it to be seen", func(s workflows.Status) bool { return s.State.Live.Fingerprint == shopPrint })

	w.cli(0, "sources", "run", "web")
	w.eventually("the second page to be asked for", func() bool { return hangs.Load() > 0 })
	asked := firstAsked.Load()
	w.Worker.Kill()
	ctx, cancel := w.patience()
	defer cancel()
	if err := w.StartWorker(ctx); err != nil {
		t.Fatal(err)
	}
	var web estate.Standing
	w.eventually("the run to be complete", func() bool {
		web = w.source("web")
		return web.Last.Complete
	})
	if got := firstAsked.Load(); got != asked || web.Last.Pages != 2 {
		t.Errorf("after the crash the first page was asked for again: %d connections, then %d", asked, got)
	}

	says(t, w.cli(0, "sources", "run", "disk", "--wait"), "2 places with a certificate, 2 new")
	says(t, w.cli(0, "where", "shop"), "file:disk1:"+copied, "endpoint:"+w.Nginx.Addresses[0]+"#"+here, shopPrint.Short())
	says(t, w.cli(0, "triage"), lonePrint.Short(), "lone.test", "file:disk1:", there)
	w.eventually("the team to be told of what nobody enrolled", func() bool { return len(w.pages(harness.TeamSlack, alert.Unenrolled)) > 0 })

	says(t, w.cli(0, "triage", "ignore", lonePrint.Short(), "--reason", "goes soon", "--until", "2d"), "is ignored until")
	says(t, w.cli(0, "triage", "adopt", "endpoint:"+w.Nginx.Addresses[1]+"#"+there, "--watch", "--owner", "minji"), there)
	w.until(there, "what was adopted to be seen", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint == targettest.FingerprintOf(other.Initial)
	})
	says(t, w.cli(0, "triage"), "every certificate that was found is enrolled")
	says(t, w.cli(0, "triage", "--all"), lonePrint.Short(), "ignored until", "by tester: goes soon")

	fresh := site(t, here, 90*24*time.Hour)
	w.replaceByHand(0, fresh)
	w.cli(0, "check", "shop")
	says(t, w.cli(0, "sources", "run", "disk", "--wait"), "1 certificates were told")
	w.until("shop", "the forgotten copy to be told", func(s workflows.Status) bool { return open(s, string(alert.Drifted)) != nil })
	says(t, w.cli(0, "explain", "shop"), copied, shopPrint.Short())
	writeFile(t, copied, fresh.Initial.Chain)
	says(t, w.cli(0, "sources", "run", "disk", "--wait"), "1 changed")
	w.until("shop", "the drift to be over", func(s workflows.Status) bool { return open(s, string(alert.Drifted)) == nil })
}

func TestWhatASourceFoundIsAdoptedByThoseWhoMay(t *testing.T) {
	t.Parallel()
	found := site(t, there, 80*24*time.Hour)
	list := filepath.Join(t.TempDir(), "hosts")
	w := prepare(t, harness.Options{Policies: watchful, Nginx: sites(found), Sections: fmt.Sprintf(`sources:
  - {name: web, kind: endpoints, every: 7d, options: {list_file: %s}}`, list)})
	writeFile(t, list, []byte(w.Nginx.Addresses[0]+"#"+there))
	w.edit("people:\n", "people:\n  - {id: dana, name: Dana Oh, email: dana@example.com}\n", "teams:\n", "teams:\n  - {id: web, members: [dana], email: web@example.com}\n")
	w.start()
	w.cli(0, "sources", "run", "web", "--wait")
	key := targettest.FingerprintOf(found.Initial).Short()
	says(t, w.cli(4, "triage", "adopt", key, "--owner", "dana", "--as", "dana"), "dana may not triage "+key, "neverlapse triage assign "+key+" --owner dana")
	says(t, w.cli(4, "triage", "ignore", key, "--until", "2d", "--reason", "later", "--as", "dana"), "dana may not triage "+key)
	says(t, w.cli(4, "enroll", w.Nginx.Addresses[0], "--cert-name", "taken", "-d", there, "--owner", "minji", "--as", "dana"), "dana may not enroll taken", "enroll it as your own (owner dana)")
	w.cli(0, "triage", "assign", key, "--owner", "dana", "--as", "jun")
	says(t, w.cli(4, "triage", "adopt", key, "--owner", "minji", "--as", "dana"), "dana may not enroll "+there)
	w.cli(0, "triage", "adopt", key, "--as", "dana")
	w.until(there, "what was adopted to be seen", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint == targettest.FingerprintOf(found.Initial) && s.State.Spec.Owner == "dana" && s.State.EnrolledBy == "dana"
	})
}

func TestWhatASourceFoundIsDecidedAboutOnThePage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lone, found := site(t, "lone.test", 10*24*time.Hour), site(t, there, 80*24*time.Hour)
	list := filepath.Join(t.TempDir(), "hosts")
	w := prepare(t, harness.Options{Policies: watchful, Nginx: sites(found), Sections: fmt.Sprintf(`sources:
  - {name: disk, kind: files, every: 7d, options: {host: disk1, paths: [%s]}}
  - {name: web, kind: endpoints, every: 7d, options: {list_file: %s}}`, dir, list)})
	writeFile(t, list, []byte(w.Nginx.Addresses[0]+"#"+there))
	writeFile(t, filepath.Join(dir, "lone.pem"), lone.Initial.Chain)
	w.start()
	w.cli(0, "sources", "run", "disk", "--wait")
	w.cli(0, "sources", "run", "web", "--wait")
	w.eventually("the list to tell of them", func() bool {
		return strings.Contains(w.cli(0, "list"), "2 certificates are out there that nobody enrolled; see: neverlapse triage")
	})
	p := w.onPage(browser.Options{}, "Jun Park", "/triage")
	p.See("Found and open 2")
	p.See("file:disk1:" + filepath.Join(dir, "lone.pem"))
	p.Click("Nothing has to be done") // the first ends first
	p.Fill("Why?", "goes soon")
	p.Eval(`(() => { document.querySelector("details[open] input[type=date]").value = "2099-01-01"; return true; })()`, new(bool))
	p.Click("Ignore")
	p.See("Noted: nothing has to be done until then.")
	says(t, w.cli(0, "triage", "--all"), targettest.FingerprintOf(lone.Initial).Short(), "by jun: goes soon")
	p.Click("Somebody else decides")
	p.Select("Who decides?", "platform")
	p.Click("Assign")
	p.See("jun gave it to platform")
	p.Click("Watch it")
	p.Click("Watch")
	p.See("Noted: it is enrolled.")
	w.until(there, "what was adopted to be seen", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint == targettest.FingerprintOf(found.Initial) && s.State.Spec.Team == "platform" && s.State.EnrolledBy == "jun"
	})
	w.eventually("triage to be empty", func() bool {
		return strings.Contains(w.cli(0, "triage"), "every certificate that was found is enrolled")
	})
	if out := p.Troubles(); out != "" {
		t.Error(out)
	}
}
