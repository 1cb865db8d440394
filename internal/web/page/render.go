package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

//go:embed layout/*.html
var layout embed.FS

//go:embed assets/*
var assets embed.FS

// screens are the templates by name, each with the frame around it. They are read
// when the first page is shown: the CLI holds this package, too, and shows none.
var screens = sync.OnceValue(func() map[string]*template.Template {
	out := map[string]*template.Template{}
	for _, name := range []string{"overview", "certificate", "signin", "message", "answer", "waiting", "delivery", "triage"} {
		t := template.New("frame.html").Funcs(template.FuncMap{"clean": alert.Clean, "asset": assetPath, "join": func(s []string) string { return strings.Join(s, ", ") }})
		out[name] = template.Must(t.ParseFS(layout, "layout/frame.html", "layout/parts.html", "layout/"+name+".html"))
	}
	return out
})

// fingerprints of the assets, so that a browser never mixes two releases.
var assetMarks = func() map[string]string {
	out := map[string]string{}
	entries, err := assets.ReadDir("assets")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		data, err := assets.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		out[e.Name()] = hex.EncodeToString(sum[:6])
	}
	return out
}()

func assetPath(name string) string { return "/assets/" + name + "?v=" + assetMarks[name] }

func asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
	w.Header().Set("Content-Type", kind)
	if r.URL.Query().Get("v") == assetMarks[name] {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(data)
}

// frame is what every screen has around it.
type frame struct {
	R          reader
	Base       string
	Title      string
	Topic      string // what live updates are about; "-": nothing
	Back       string // where a change of preferences leads
	Form       string // token of this session's forms
	Tokens     bool   // people sign in
	Signed     bool
	Person     people.Person
	People     []people.Person
	Said       string // what came of what the reader did
	Trouble    bool   // and it was not taken
	HomePage   bool
	Inventory  bool // something looks for certificates that nobody enrolled
	Configured Configured
}

func (p *Page) frame(r *http.Request, in session, title string) frame {
	f := frame{
		R: p.reader(r, in), Base: p.base, Title: title, Topic: "-", Back: p.base + r.URL.RequestURI(), Form: in.form(),
		Tokens: len(p.Tokens()) > 0, Signed: in.person != "", Person: p.person(r, in), People: p.Directory().People, Configured: p.Configured(),
		Inventory: p.Strays != nil,
	}
	if r.Method != http.MethodGet {
		f.Back = p.base + "/"
	}
	if said := r.URL.Query().Get("said"); said != "" && r.Method == http.MethodGet && p.words.Has("said."+said) && !strings.Contains(said, ".") {
		f.Said = f.R.T("said." + said)
	}
	return f
}

// show writes a screen, whole or not at all.
func (p *Page) show(w http.ResponseWriter, screen string, status int, data any) {
	var b bytes.Buffer
	if err := screens()[screen].ExecuteTemplate(&b, "frame.html", data); err != nil {
		p.Log.Error("page not shown", "screen", screen, "cause", err.Error())
		http.Error(w, "the page could not be made; the log of the worker says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// message is a screen that says one thing.
type message struct {
	frame
	Lead string
}

// explain says why nothing was done or shown.
func (p *Page) explain(w http.ResponseWriter, r *http.Request, in session, status int, key string) {
	f := p.frame(r, in, "Neverlapse")
	p.show(w, "message", status, message{f, f.R.T(key)})
}

func (p *Page) nothing(w http.ResponseWriter, r *http.Request) {
	p.known(func(w http.ResponseWriter, r *http.Request, in session) {
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
	})(w, r)
}
