package stage

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/test/harness/browser"
)

var update = flag.Bool("update", false, "write docs/images/demo.png")

// visitor is the page of somebody who looks at the stage.
type visitor struct {
	*browser.Page
	demo *demo
}

func (d *demo) visit(o browser.Options) visitor {
	d.t.Helper()
	v := visitor{browser.Open(d.t, o), d}
	v.Go(d.url)
	return v
}

// part is the text of an element by its id; empty if it is not there or hidden.
func (v visitor) part(id string) string {
	var text string
	v.Eval("document.getElementById("+strconv.Quote(id)+")?.innerText ?? ''", &text)
	return text
}

// sees waits until an element reads so.
func (v visitor) sees(id, text string) {
	v.demo.t.Helper()
	v.demo.until(id+" to read "+text, func() bool { return strings.Contains(v.part(id), text) })
}

// message gives the id of the newest message whose text holds all of these; empty if none does.
func (v visitor) message(texts ...string) string {
	var found [][2]string
	v.Eval("[...document.querySelectorAll('.message')].map(m => [m.id, m.textContent])", &found)
next:
	for _, m := range found {
		for _, text := range texts {
			if !strings.Contains(m[1], text) {
				continue next
			}
		}
		return m[0]
	}
	return ""
}

// waitsFor waits for such a message.
func (v visitor) waitsFor(texts ...string) (id string) {
	v.demo.t.Helper()
	v.demo.until("a message with "+strings.Join(texts, ", "), func() bool { id = v.message(texts...); return id != "" })
	return id
}

// press clicks an element by its id, with the mouse.
func (v visitor) press(id string) {
	v.demo.t.Helper()
	var ok bool
	v.Eval("(() => { const b = document.getElementById("+strconv.Quote(id)+"); b?.click(); return !!b })()", &ok)
	if !ok {
		v.demo.t.Fatalf("there is no %s", id)
	}
}

func (v visitor) number(id string) int {
	v.demo.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(v.part(id)))
	if err != nil {
		v.demo.t.Fatalf("%s: %v", id, err)
	}
	return n
}

// well sees that nothing is lost, doubled or superfluous.
func (v visitor) well() {
	v.demo.t.Helper()
	v.demo.until("the CA's count to be as expected", func() bool { return v.number("count-issued") == v.number("count-expected") })
	if lost, twice := v.number("count-lost"), v.number("count-twice"); lost != 0 || twice != 0 {
		v.demo.t.Errorf("lost %d, twice %d: %s", lost, twice, v.part("count"))
	}
	if v.number("count-sent") == 0 || v.number("count-issued") == 0 {
		v.demo.t.Errorf("nothing happened: %s", v.part("count"))
	}
	if got := v.Troubles(); got != "" {
		v.demo.t.Errorf("the page complains: %s", got)
	}
}

// hosts gives a TLS server of the visitor's own and an address where nobody answers.
func hosts(t *testing.T) (there, gone string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	gone, err := harness.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return s.Listener.Addr().(*net.TCPAddr).AddrPort().String(), gone
}

func TestEveryButtonOfTheStageShowsWhatItPromises(t *testing.T) {
	there, gone := hosts(t)
	d := start(t, "--hosts", there+" "+gone)
	minji := d.visit(browser.Options{Width: 1280, Height: 920})
	d.says("The first five certificates were there")
	t.Log(regexp.MustCompile(`The first five certificates were there .*`).FindString(d.output()))
	hana := d.visit(browser.Options{Width: 390, Height: 800, Phone: true, Dark: true, Language: "ko"})
	hana.press("person-hana")
	hana.See("고장 내기")

	minji.Click("Nobody answers")
	minji.Click("Break nginx")

	asking := minji.waitsFor("door", "to minji", "Acknowledge")
	two(t, minji, hana, asking)
	minji.sees("trouble-silence", "Seen:")

	minji.sees("trouble-nginx", "minji was told after")
	minji.waitsFor("Mail", "cafe", "neverlapse_was_here")
	picture(t, minji)
	minji.Click("Mend it")
	minji.sees("trouble-nginx", "Seen: cafe.test never stopped serving")
	minji.waitsFor("[resolved] cafe")

	minji.Click("Take the CA down")
	hana.Click("엔진 죽이기")
	hana.sees("trouble-engine", "다시 시작")
	hana.press("trouble-engine-back")
	hana.sees("trouble-engine", "1번 알림")

	minji.sees("trouble-ca", "It was told after")
	minji.Click("Bring it back")
	minji.sees("trouble-ca", "and nobody about bank itself")

	keyboardAlone(minji)
	minji.sees("trouble-worker", "the CA issued 1 certificate for this renewal")
	if wide := hana.Overflow(); wide != "" {
		t.Errorf("too wide for a phone: %s", wide)
	}

	d.says(gone + " cannot be reached")
	minji.sees("certificates", there)
	minji.sees("certificates", "did not answer")
	leadsSomewhere(t, minji)
	minji.well()
	hana.well()
}

// leadsSomewhere sees that the links to the product's own page are good.
func leadsSomewhere(t *testing.T, v visitor) {
	t.Helper()
	v.sees("links", "Neverlapse's own page")
	var links []string
	v.Eval("['#links a', '#certificate-shop .more a'].map(s => document.querySelector(s)?.href ?? s)", &links)
	for _, link := range links {
		resp, err := http.Get(link)
		if err != nil {
			t.Errorf("%s: %v", link, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", link, resp.Status)
		}
	}
	if !strings.HasSuffix(links[1], "/c/shop") {
		t.Errorf("the certificate's link is %s", links[1])
	}
}

// two people answer the same message in the same moment: one of them has it, and
// the other one is told.
func two(t *testing.T, a, b visitor, id string) {
	t.Helper()
	b.demo.until("the message on both pages", func() bool { return b.part(id) != "" })
	at := time.Now().Add(3 * time.Second).UnixMilli()
	for _, v := range []visitor{a, b} {
		v.Eval(fmt.Sprintf("(setTimeout(() => document.getElementById(%q).click(), %d - Date.now()), true)", id+"-acknowledge", at), new(bool))
	}
	a.sees(id, "Acknowledged by")
	a.sees(id, "Not done:")
	a.sees(id, "was first")
}

// keyboardAlone kills the worker and starts it again without a mouse.
func keyboardAlone(v visitor) {
	v.demo.t.Helper()
	v.TabTo("Kill the worker")
	v.Press("Enter")
	v.sees("trouble-worker", "Killed while the CA issued")
	if got := v.Focused(); got != "Kill the worker" {
		v.demo.t.Errorf("the focus went to %q when the page changed", got)
	}
	v.TabTo("Start again")
	v.Press("Space")
}

// picture is what the README shows.
func picture(t *testing.T, v visitor) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "demo.png")
	if *update {
		root, err := harness.Root()
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(root, "docs", "images", "demo.png")
	}
	v.Eval("(scrollTo(0, 0), document.getAnimations().forEach(a => a.finish()), true)", new(bool))
	v.Screenshot(file, false)
	if info, err := os.Stat(file); err != nil || info.Size() > 250<<10 {
		t.Errorf("the picture: %v, %d bytes", err, info.Size())
	}
}
