package acme

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestListenerServesWhatIsPresentedAndNothingElse(t *testing.T) {
	t.Parallel()
	l := NewListener("127.0.0.1:0")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	get := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		l.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code, w.Body.String()
	}
	must(l.present("tok_1-A", "tok_1-A.thumb"))
	must(l.present("tok_1-A", "tok_1-A.thumb"))
	for path, want := range map[string]int{
		challengePath + "tok_1-A": 200, challengePath + "tok_1-a": 404, challengePath: 404, "/": 404,
		challengePath + "tok_1-A/": 404, challengePath + "../acme-challenge/tok_1-A": 404, "/metrics": 404,
	} {
		if got, _ := get(http.MethodGet, path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if code, _ := get(http.MethodPost, challengePath+"tok_1-A"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
	if !fault.Is(l.present("tok_1-A", "another"), fault.Unavailable) {
		t.Error("another answer took the token")
	}
	if !fault.Is(l.present("../x", "x"), fault.Configuration) {
		t.Error("a path is no token")
	}
	must(l.cleanUp("tok_1-A"))
	if code, body := get(http.MethodGet, challengePath+"tok_1-A"); code != 200 || body != "tok_1-A.thumb" {
		t.Errorf("the second user lost its answer: %d %q", code, body)
	}
	must(l.cleanUp("tok_1-A"))
	must(l.cleanUp("tok_1-A"))
	if code, _ := get(http.MethodGet, challengePath+"tok_1-A"); code != 404 {
		t.Errorf("still served: %d", code)
	}
}

func TestListenerSaysWhyItCannotStart(t *testing.T) {
	t.Parallel()
	first := NewListener("127.0.0.1:0")
	if first.Addr() != nil {
		t.Error("an address before Start")
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	second := NewListener(first.Addr().String())
	if err := second.Start(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWebrootFilesAreWholePublicAndRemoved(t *testing.T) {
	t.Parallel()
	w := &webroot{dir: t.TempDir()}
	file := filepath.Join(w.dir, ".well-known", "acme-challenge", "tok")
	for range 2 {
		if err := w.present("tok", "tok.thumb"); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != "tok.thumb" {
		t.Fatalf("%q, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(filepath.Dir(file)); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := w.cleanUp("tok"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the second user lost its answer: %v", err)
	}
	if err := w.cleanUp("tok"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	missing := &webroot{dir: filepath.Join(w.dir, "missing")}
	if err := missing.present("tok", "x"); !fault.Is(err, fault.Configuration) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Time{
		"": {}, "soon": {}, "0": {}, "-5": {}, "Mon, 23 Nov 2026 08:00:00 GMT": {},
		"120":                           now.Add(2 * time.Minute),
		"Mon, 23 Nov 2026 10:00:00 GMT": now.Add(time.Hour),
		"99999999999999":                now.Add(longestRetryAfter),
		"Mon, 23 Nov 2099 10:00:00 GMT": now.Add(longestRetryAfter),
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); !got.Equal(want) {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
