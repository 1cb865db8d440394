package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/test/harness/browser"
)

func TestAnAlertIsAnsweredOnThePageByKeyboardAloneAndWhoeverLooksSeesIt(t *testing.T) {
	t.Parallel()
	w := firing(t, "shop")
	phone := w.onPage(browser.Options{Width: 390, Height: 844, Phone: true, Language: "ko", Dark: true, Zone: "Asia/Seoul"}, "", "/")
	phone.See("인증서 1개에 조치가 필요합니다.")
	if wide := phone.Overflow(); wide != "" {
		t.Errorf("wider than a phone: %s", wide)
	}
	p := w.onPage(browser.Options{Zone: "Asia/Seoul"}, "Hana Lee", "/")
	p.See("One certificate needs somebody.")
	p.TabTo("shop")
	p.Press("Enter")
	p.See("Nobody has answered.")
	p.TabTo("Note for the record")
	p.Type("on it")
	p.TabTo("Acknowledge")
	p.Press("Enter")
	p.See("Noted: you have it.")
	p.See("hana has it until")
	p.See("page, unverified")
	phone.See("담당자가 확인했습니다.") // nobody touched it
	got := w.journal("shop", "acknowledged")
	if len(got) != 1 || got[0].By != "hana" || got[0].Via != "page, unverified" || got[0].Note != "on it" {
		t.Errorf("on record: %+v", got)
	}
	if text := w.slackTo(harness.OwnerSlack)[0].Reading(); !strings.Contains(text, w.url("/c/shop")) {
		t.Errorf("the message does not lead to the page:\n%s", text)
	}
	if out := p.Troubles() + phone.Troubles(); out != "" {
		t.Error(out)
	}
}

func TestEveryButtonOfThePageDoesWhatItSays(t *testing.T) {
	t.Parallel()
	w := firing(t, "shop")
	p := w.onPage(browser.Options{}, "Minji Kim", "/c/shop")
	p.See("Live")
	w.cli(0, "ack", "shop", "--as", "jun", "--note", "by the CLI")
	p.See("jun has it until") // by itself
	p.Click("Take over")
	p.See("minji has it until")
	p.Click("Snooze")
	p.Select("Quiet until", "in 3 days")
	p.Click("Snooze it")
	p.See("Noted: it is quiet until then.")
	w.replaceBy(0, 80*24*time.Hour)
	p.Click("Check again")
	p.See("Every place is looked at now.")
	p.SeeNot("Open alerts")
	p.See("79 days left")
	p.Click("Neverlapse")
	p.See("Nothing needs you now.")
	p.Fill("Name, host or issuer", "www.shop")
	p.Click("Filter")
	p.See("Found 1")
	p.Click("Clear")
	p.See("The calm rest 1")
	p.Click("한국어")
	p.See("지금 조치할 인증서가 없습니다.")
	p.Click("English")
	p.See("Nothing needs you now.")
	if out := p.Troubles(); out != "" {
		t.Error(out)
	}
}

// Temporal goes on asking a worker that was killed for ten seconds.
func TestThePageOfACertificateIsThereAsSoonAsAWorkerIsAgain(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{StickyTimeout: "1m", Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.watch("shop", 0, "--policy", "steps")
	w.settled("shop", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) == 1 })
	w.Worker.Kill()
	w.start()
	p := w.onPage(browser.Options{}, "Minji Kim", "/c/shop")
	p.See("Nobody has answered.")
	if out := p.Troubles(); out != "" {
		t.Error(out)
	}
}

func TestWhenTwoPeopleAnswerOnThePageTheSecondIsToldWhoWasFirst(t *testing.T) {
	t.Parallel()
	w := firing(t, "shop")
	o := browser.Options{NoScript: true} // so that neither page follows the other
	hana, jun := browser.Open(t, o), browser.Open(t, o)
	for p, name := range map[*browser.Page]string{hana: "Hana Lee", jun: "Jun Park"} {
		p.Go(w.url("/c/shop"))
		p.Select("You are", name)
		p.Click("Use")
		p.See("Nobody has answered.")
	}
	hana.Click("Acknowledge")
	hana.See("Noted: you have it.")
	jun.Click("Acknowledge")
	jun.See("hana was faster")
	jun.Click("Take over")
	jun.See("Noted: you have it.")
	a := w.settled("shop", alert.Expiring, "jun to have it", func(a lifecycle.Alert) bool { return a.Answer != nil && a.Answer.By == "jun" })
	if a.Told != 1 {
		t.Errorf("told %d times", a.Told)
	}
}

func TestThePageOfAnotherAddressAsksForATokenAndRefusesWhatIsForeign(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	tokens := filepath.Join(w.Dir, "page.tokens")
	writeFile(t, tokens, []byte("hana a-token-of-hana-0123456789\n"))
	if err := os.Chmod(tokens, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	open := strings.Replace(string(text), "http: {listen: \"127.0.0.1:", "http: {token_file: "+tokens+", url: \"http://"+w.HTTP+"\", listen: \"0.0.0.0:", 1)
	if err := os.WriteFile(w.Config, []byte(open), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.watch("shop", 0, "--policy", "steps")
	w.settled("shop", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) == 1 })
	p := browser.Open(t, browser.Options{})
	p.Go(w.url("/c/shop"))
	p.Fill("Token", "a-token-of-nobody-0123456789")
	p.Click("Sign in")
	p.See("No line of the file holds this token.")
	p.Fill("Token", "a-token-of-hana-0123456789")
	p.Click("Sign in")
	p.See("Signed in as Hana Lee")
	p.Click("Acknowledge")
	p.See("Noted: you have it.")
	if got := w.journal("shop", "acknowledged"); len(got) != 1 || got[0].By != "hana" || got[0].Via != "page" {
		t.Errorf("on record: %+v", got)
	}
	p.Click("Sign out")
	p.See("Your token is a line of the file")
}

func TestThePageAnswersNoOtherHostAndNoOtherSite(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{NoNginx: true})
	ask := func(method, path, host, origin string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, w.url(path), strings.NewReader(url.Values{"note": {"x"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Host = host
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, c := range []struct {
		method, path, host, origin string
		want                       int
	}{
		{"GET", "/", w.HTTP, "", http.StatusOK},
		{"GET", "/", "rebound.example.net", "", http.StatusForbidden},
		{"GET", "/healthz", "rebound.example.net", "", http.StatusOK},
		{"POST", "/c/shop/acknowledge", w.HTTP, "https://attacker.example", http.StatusForbidden},
		{"POST", "/c/shop/acknowledge", w.HTTP, "", http.StatusForbidden}, // without a form's token
	} {
		if got := ask(c.method, c.path, c.host, c.origin); got != c.want {
			t.Errorf("%s %s of host %q from %q: %d, want %d", c.method, c.path, c.host, c.origin, got, c.want)
		}
	}
}
