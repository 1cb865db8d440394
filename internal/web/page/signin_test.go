package page

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/people"
)

const (
	tokenOfHana  = "hana-0123456789abcdef"
	tokenOfMinji = "minji-0123456789abcdef"
)

func tokens(t *testing.T, text string) Tokens {
	t.Helper()
	out, err := ParseTokens(text, directory)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func both(t *testing.T) func(*Config) {
	return func(c *Config) {
		c.Listen, c.Tokens = ":8080", holding(tokens(t, "# who may come in\nhana "+tokenOfHana+"\n\nminji\t"+tokenOfMinji+"\n"))
	}
}

func (v *visitor) signIn(token string) (int, string) {
	v.t.Helper()
	resp, text := v.do(http.MethodPost, "/sign-in", url.Values{"token": {token}, "back": {"/c/pay"}}, nil)
	return resp.StatusCode, text
}

func holding(t Tokens) func() Tokens { return func() Tokens { return t } }

func TestEverythingWrongWithTokensIsSaidAtOnceByLineAndNoTokenIsShown(t *testing.T) {
	_, err := ParseTokens("hana "+tokenOfHana+"\nstranger 0123456789abcdefghij\nminji short\njun\nminji "+tokenOfHana+"\n", directory)
	if err == nil {
		t.Fatal("taken")
	}
	contains(t, err.Error(), `line 2: "stranger" is nobody`, "line 3: the token of \"minji\" has 5 characters; use 20", "line 4: 1 words", "line 5: the token stands in line 1")
	if strings.Contains(err.Error(), tokenOfHana) || strings.Contains(err.Error(), "short;") {
		t.Errorf("a token is shown: %v", err)
	}
	if _, err := ParseTokens("# nobody\n", directory); err == nil {
		t.Error("a file without tokens is taken")
	}
}

func TestWhoeverShowsATokenComesInAndActsUnderThatName(t *testing.T) {
	w := populated()
	base := serve(t, w, both(t))
	v := visit(t, base)
	if status, text := v.get("/c/pay"); status != http.StatusOK || strings.Contains(text, "expires") || !strings.Contains(text, `type="password"`) {
		t.Fatalf("%d: without a token there is\n%s", status, text)
	}
	if status, text := v.signIn("hana-0123456789abcdeX"); status != http.StatusUnauthorized || !strings.Contains(text, "No line of the file") {
		t.Errorf("a wrong token: %d", status)
	}
	status, text := v.signIn(tokenOfHana)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	contains(t, text, "Signed in as Hana Lee", "pay")
	f := v.form(text, "/c/pay/acknowledge")
	f.Set("person", "minji") // whoever signed in is who acts
	if resp, _ := v.do(http.MethodPost, "/c/pay/acknowledge", f, map[string]string{"Cookie": "person=minji"}); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d", resp.StatusCode)
	}
	if a := w.states["pay"].Alerts[0].Answer; a == nil || a.By != "hana" || a.Via != "page" {
		t.Errorf("answered by %+v", a)
	}
}

func TestTheSessionIsOfThisBrowserAndEndsWithSigningOutAndWithTheToken(t *testing.T) {
	now := time.Now()
	s := newSessions(holding(tokens(t, "hana "+tokenOfHana)), true, func() time.Time { return now })
	cookie := func(in *http.Cookie) *http.Request {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(in)
		return r
	}
	begin := func() (session, *http.Cookie) {
		w := &recorder{header: http.Header{}}
		hana, _ := s.tokens().find(tokenOfHana)
		in := s.begin(w, hana)
		c, err := http.ParseSetCookie(w.header.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		return in, c
	}
	in, c := begin()
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("cookie %+v", c)
	}
	if got, ok := s.of(cookie(c)); !ok || got.person != "hana" || !got.fits(in.form()) {
		t.Errorf("%+v, %v", got, ok)
	}
	bent := *c
	bent.Value = "bWlu" + c.Value[4:] // mina, not hana
	if _, ok := s.of(cookie(&bent)); ok {
		t.Error("a bent cookie is taken")
	}
	another := newSessions(s.tokens, true, s.now) // another worker with the same file
	if _, ok := another.of(cookie(c)); !ok {
		t.Error("another worker does not know the session")
	}
	changed := newSessions(holding(tokens(t, "hana another-0123456789abcdef\nminji "+tokenOfMinji)), true, s.now)
	if _, ok := changed.of(cookie(c)); ok {
		t.Error("the session outlives its token")
	}
	open := newSessions(holding(nil), true, s.now)
	if _, ok := open.of(cookie(c)); ok {
		t.Error("a worker without tokens takes it")
	}
	s.end(&recorder{header: http.Header{}}, in)
	if _, ok := s.of(cookie(c)); ok {
		t.Error("it outlives signing out")
	}
	_, c = begin()
	now = now.Add(lasting)
	if _, ok := s.of(cookie(c)); ok {
		t.Error("it never ends")
	}
}

type recorder struct{ header http.Header }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(int)             {}

func TestGuessingIsSlowedDownAndNobodyElseIs(t *testing.T) {
	now := time.Now()
	l := newLimit(func() time.Time { return now })
	for range maxFailures {
		if l.wait("192.0.2.1:1000") > 0 {
			t.Fatal("too early")
		}
		l.failed("192.0.2.1:2000")
	}
	if l.wait("192.0.2.1:3000") <= 0 || l.wait("192.0.2.2:1000") > 0 {
		t.Error("who fails does not wait, or somebody else does")
	}
	now = now.Add(failuresFor)
	if l.wait("192.0.2.1:3000") > 0 {
		t.Error("it never ends")
	}
	v := visit(t, serve(t, populated(), both(t)))
	for range maxFailures {
		v.signIn("wrong-0123456789abcdef")
	}
	if status, _ := v.signIn(tokenOfHana); status != http.StatusTooManyRequests {
		t.Errorf("the right token after too many tries: %d", status)
	}
}

func TestTheWayBackStaysInside(t *testing.T) {
	p, err := New(Config{URL: "https://ops.example.com/neverlapse", Certificates: newWorld(), Records: newWorld()})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"/neverlapse/c/pay?page=2": "/neverlapse/c/pay?page=2", "https://attacker.example/": "/neverlapse/", "//attacker.example/": "/neverlapse/",
		"/elsewhere": "/neverlapse/", "/neverlapse/\\\\attacker.example": "/neverlapse/", "javascript:alert(1)": "/neverlapse/", "": "/neverlapse/",
	} {
		if got := p.within(in); got != want {
			t.Errorf("%q leads to %q, want %q", in, got, want)
		}
	}
}

func TestWhoIsRemovedFromTheDirectoryIsOut(t *testing.T) {
	var gone atomic.Bool
	v := visit(t, serve(t, populated(), func(c *Config) {
		both(t)(c)
		c.Directory = func() people.Directory {
			if gone.Load() {
				return people.Directory{}
			}
			return directory
		}
	}))
	v.signIn(tokenOfHana)
	if _, text := v.get("/c/pay"); strings.Contains(text, `name="token"`) {
		t.Fatal("hana cannot sign in")
	}
	gone.Store(true)
	if _, text := v.get("/c/pay"); !strings.Contains(text, `name="token"`) {
		t.Error("the session goes on")
	}
	if status, _ := v.signIn(tokenOfHana); status != http.StatusUnauthorized {
		t.Errorf("the token still opens: %d", status)
	}
}

func TestEveryScreenSaysThatTheConfigurationIsRefused(t *testing.T) {
	v := visit(t, serve(t, populated(), func(c *Config) {
		c.Configured = func() Configured {
			return Configured{Refused: []string{"people[0].id: <b>bad</b>", "catch_all: is missing"}, Since: c.Now().Add(-3 * time.Hour), Restart: []string{"cas", "targets"}}
		}
	}))
	for _, path := range []string{"/", "/c/pay"} {
		_, text := v.do(http.MethodGet, path, nil, nil)
		for _, want := range []string{"file of the worker&#39;s configuration has been refused for ", "people[0].id: &lt;b&gt;bad", "catch_all: is missing", "cas, targets"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
}
