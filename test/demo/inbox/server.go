package inbox

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed page.html page.css page.js
var files embed.FS

// Server serves the page.
type Server struct {
	URL    string
	http   *http.Server
	stage  Stage
	ending chan struct{}
}

// Serve listens on a loopback address, port 0 for a free one, and serves the
// page of a stage until Close.
func Serve(address string, stage Stage) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the stage %q: %w; write 127.0.0.1:PORT", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("the address of the stage %q: everybody who reaches it can break things, so it must be a loopback address", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the stage: %w", err)
	}
	s := &Server{URL: "http://" + l.Addr().String() + "/", stage: stage, ending: make(chan struct{})}
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Close ends it and every open page.
func (s *Server) Close() error {
	close(s.ending)
	return s.http.Close()
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("GET /page.css", asset("page.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /page.js", asset("page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("POST /choose", s.choose)
	mux.HandleFunc("POST /click", s.click)
	mux.HandleFunc("POST /trouble", s.trouble)
	return guarded(http.NewCrossOriginProtection().Handler(mux))
}

// guarded keeps other sites out: names that somebody points at this machine,
// frames, and whatever is not ours.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		ip := net.ParseIP(host)
		if err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "the stage is reached by a loopback address", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func asset(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := files.ReadFile(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(data)
	}
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := templates.ExecuteTemplate(w, "page", s.reader(r).look(s.stage.View())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// choices are what a visitor can set, with the values that are taken.
func (s *Server) choices() map[string][]string {
	out := map[string][]string{"language": Languages, "theme": {"light", "dark"}}
	for _, p := range s.stage.View().People {
		out["person"] = append(out["person"], p.ID)
	}
	return out
}

// choose keeps a choice in a cookie.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	for name, values := range s.choices() {
		v := r.PostFormValue(name)
		if v == "" {
			continue
		}
		if !slices.Contains(values, v) {
			http.Error(w, fmt.Sprintf("%s: %.40q is not one of %s", name, v, strings.Join(values, ", ")), http.StatusBadRequest)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "neverlapse-demo-" + name, Value: v, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) click(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	answer(w, r, s.stage.Click(ctx, r.PostFormValue("message"), r.PostFormValue("action"), s.reader(r).Person))
}

func (s *Server) trouble(w http.ResponseWriter, r *http.Request) {
	tag := r.PostFormValue("tag")
	if r.PostFormValue("do") == "back" {
		answer(w, r, s.stage.Back(tag, s.reader(r).Person))
		return
	}
	answer(w, r, s.stage.Cause(tag))
}

// ErrUnknown is what a Stage returns for a message, button or trouble that is
// not there.
var ErrUnknown = errors.New("there is no such thing on the stage")

// answer goes back to the page, or with the script's requests says only how it went.
func answer(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrUnknown):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	case r.Header.Get("X-Requested-By") == "page":
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}
