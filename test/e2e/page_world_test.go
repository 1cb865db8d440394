package e2e

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/test/harness/browser"
	"github.com/neverlapse/neverlapse/workflows"
)

var update = flag.Bool("update", false, "write the pictures of the documents")

// lived is an nginx server whose certificate of 90 days has so long to live.
func lived(t *testing.T, name string, left time.Duration) targettest.NginxServer {
	t.Helper()
	ends := time.Now().Add(left)
	pair, err := targettest.NewPair([]string{name}, ends.Add(-90*24*time.Hour), ends)
	if err != nil {
		t.Fatal(err)
	}
	return targettest.NginxServer{Name: name, Initial: pair}
}

// url is where the worker serves its page.
func (w *world) url(path string) string { return "http://" + w.HTTP + path }

// onPage opens the page as somebody.
func (w *world) onPage(o browser.Options, as, path string) *browser.Page {
	w.t.Helper()
	p := browser.Open(w.t, o)
	p.Go(w.url(path))
	if as != "" {
		p.Select("You are", as)
		p.Becomes(`document.querySelector("select[name=person]")?.selectedOptions[0].text ?? ""`, as)
	}
	return p
}

// firing is a watched certificate about which its owner was told.
func firing(t *testing.T, name string) *world {
	t.Helper()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.watch(name, 0, "--policy", "steps")
	w.settled(name, alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) == 1 })
	return w
}

func TestThePicturesOfTheDocuments(t *testing.T) {
	t.Parallel()
	const d = 24 * time.Hour
	all := []struct {
		name    string
		left    time.Duration
		managed bool
		owner   string
	}{
		{"pay", 20 * time.Hour, false, "hana"}, {"vpn", 6 * d, false, "jun"}, {"mail", 11*d + 5*time.Hour, false, "minji"},
		{"shop", 71*d + 3*time.Hour, true, "minji"}, {"login", 30*d + 9*time.Hour, true, "minji"}, {"api", 33*d + 4*time.Hour, true, "jun"}, {"www", 55 * d, true, "minji"},
		{"status", 35*d + 2*time.Hour, false, "jun"}, {"wiki", 62 * d, true, "hana"}, {"git", 48 * d, true, "jun"}, {"docs", 80 * d, true, "hana"},
	}
	var servers []targettest.NginxServer
	for _, x := range all {
		servers = append(servers, lived(t, x.name+".example.com", x.left))
	}
	w := enter(t, harness.Options{Nginx: sites(servers...)})
	for i, x := range all {
		enroll := w.watch
		if x.managed {
			enroll = w.manage
		}
		enroll(x.name, i, "--owner", x.owner)
	}
	for _, x := range all {
		w.until(x.name, "nothing to be under way", func(s workflows.Status) bool {
			return !s.State.Sight.At.IsZero() && len(s.State.Flights) == 0 && s.Unread == 0
		})
	}
	w.cli(0, "ack", "mail", "--as", "minji", "--note", "the new one is ordered")
	images := t.TempDir()
	if *update {
		root, err := harness.Root()
		if err != nil {
			t.Fatal(err)
		}
		images = filepath.Join(root, "docs", "images")
	}
	p := w.onPage(browser.Options{Width: 1120, Height: 900, Zone: "Asia/Seoul"}, "Hana Lee", "/")
	p.See("2 certificates need somebody.")
	p.Screenshot(filepath.Join(images, "page.png"), false)
	p.Click("pay")
	p.See("What happens next")
	p.See("Live")
	p.Screenshot(filepath.Join(images, "page-certificate.png"), false)
	phone := w.onPage(browser.Options{Width: 390, Height: 844, Scale: 2, Phone: true, Dark: true, Language: "ko", Zone: "Asia/Seoul"}, "", "/")
	phone.See("앞으로 7일")
	phone.Screenshot(filepath.Join(images, "page-phone-ko.png"), false)
	if out := p.Troubles() + phone.Troubles() + phone.Overflow(); out != "" {
		t.Error(out)
	}
}
