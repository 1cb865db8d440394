package browser

import (
	"fmt"
	"html"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sample = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>body { background: white } @media (prefers-color-scheme: dark) { body { background: black } }</style>
<p>You speak %s.</p>
<form action="/said"><label for="n">Note</label><input id="n" name="n" value="old">
<label>Who <select name="w"><option value="">nobody</option><option value="m">Minji</option></select></label>
<button>Say it</button> <button name="twice" value="1" aria-label="Say it, loudly"><b>!</b></button></form>
<a href="#there">There</a><p id="wide">short</p><p id="script">off</p>
<script>document.getElementById("script").textContent = "on, " + Intl.DateTimeFormat().resolvedOptions().timeZone</script>`

func serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, sample, html.EscapeString(r.Header.Get("Accept-Language")))
	})
	mux.HandleFunc("/said", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<!doctype html><p>said %q by %q, twice %q", r.FormValue("n"), r.FormValue("w"), r.FormValue("twice"))
	})
	mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAFormIsFilledInByItsLabelsAndClickedByItsName(t *testing.T) {
	p := Open(t, Options{})
	p.Go(serve(t))
	p.Fill("Note", "new words")
	p.Select("Who", "Minji")
	if p.Has("Say") || !p.Has("Say it, loudly") {
		t.Error("names are not compared whole")
	}
	p.Click("Say it, loudly")
	p.See(`said "new words" by "m", twice "1"`)
	if !strings.Contains(p.Address(), "/said?") || p.Troubles() != "" {
		t.Errorf("at %s, with %s", p.Address(), p.Troubles())
	}
}

func TestTheKeyboardAloneIsEnough(t *testing.T) {
	p := Open(t, Options{})
	p.Go(serve(t))
	p.TabTo("Note")
	p.Type("typed")
	p.TabTo("Say it, loudly")
	p.Press("Shift+Tab")
	if got := p.Focused(); got != "Say it" {
		t.Errorf("the focus is on %q", got)
	}
	p.Press("Enter")
	p.See(`said "typed" by "", twice ""`)
}

func TestTheScreenIsAsWideDarkAndForeignAsAsked(t *testing.T) {
	p := Open(t, Options{Width: 390, Height: 700, Scale: 2, Phone: true, Dark: true, Language: "ko", Zone: "Asia/Seoul"})
	p.Go(serve(t))
	p.See("You speak ko.")
	p.See("on, Asia/Seoul")
	var background string
	var width int
	p.Eval("getComputedStyle(document.body).backgroundColor", &background)
	p.Eval("innerWidth", &width)
	if background != "rgb(0, 0, 0)" || width != 390 {
		t.Errorf("the background is %s, the width %d", background, width)
	}
	if got := p.Overflow(); got != "" {
		t.Errorf("too wide: %s", got)
	}
	p.script(`document.getElementById("wide").style.width = "900px"`)
	if got := p.Overflow(); !strings.Contains(got, "P.") {
		t.Errorf("900 pixels on a screen of 390 are not found: %q", got)
	}
	file := filepath.Join(t.TempDir(), "page.png")
	p.Screenshot(file, false)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil || picture.Bounds().Dx() != 2*390 {
		t.Errorf("the picture is %v wide: %v", picture.Bounds(), err)
	}
}

func TestAPageWithoutScriptsRunsNone(t *testing.T) {
	p := Open(t, Options{NoScript: true})
	p.Go(serve(t))
	p.See("off")
	p.SeeNot("on, UTC")
}
