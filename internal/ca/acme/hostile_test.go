package acme_test

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

var anOrder = cert.Order{Names: []string{"a.example.com"}}

func TestAHostileTokenWritesNothing(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"../../x", "..", "/etc/x", "a/b", "a\x00b", "", "a b", strings.Repeat("a", 300)} {
		f := newFakeCA(t)
		f.authz = httpChallenge(f.URL+"/challenge", token)
		outside := t.TempDir()
		o := f.options(t)
		o.Challenge, o.Webroot = acme.Webroot, filepath.Join(outside, "a", "webroot")
		if err := os.MkdirAll(o.Webroot, 0o755); err != nil {
			t.Fatal(err)
		}
		c, err := acme.New("hostile", o, &accounts{}, acme.Ways{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := testContext(t)
		url, err := c.Order(ctx, anOrder)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Authorize(ctx, cert.Order{URL: url}, nil)
		wantKind(t, err, fault.Configuration)
		wantText(t, err, "base64url")
		_ = filepath.WalkDir(outside, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				t.Errorf("token %q: %s: %v", token, path, err)
			}
			return nil
		})
		if f.seen.at("/challenge") != 0 {
			t.Error("the challenge was accepted")
		}
	}
}

func TestAWebrootThatLeadsElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	f := newFakeCA(t)
	f.authz = httpChallenge(f.URL+"/challenge", "token")
	outside, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, ".well-known")); err != nil {
		t.Fatal(err)
	}
	o := f.options(t)
	o.Challenge, o.Webroot = acme.Webroot, root
	c, err := acme.New("hostile", o, &accounts{}, acme.Ways{})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Authorize(testContext(t), cert.Order{URL: f.URL + "/order/1"}, nil)
	wantKind(t, err, fault.Configuration)
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("written outside: %v, %v", left, err)
	}
}

func TestUnencryptedURLsOfTheCAAreRefused(t *testing.T) {
	t.Parallel()
	l := acme.NewListener("127.0.0.1:0")
	for what, change := range map[string]func(*fakeCA){
		"newOrder":      func(f *fakeCA) { f.directory = map[string]any{"newOrder": "http://ca.example.com/new-order"} },
		"authorization": func(f *fakeCA) { f.order = map[string]any{"authorizations": []string{"http://ca.example.com/authz"}} },
		"challenge":     func(f *fakeCA) { f.authz = httpChallenge("http://ca.example.com/challenge", "token") },
	} {
		f := newFakeCA(t)
		f.authz = httpChallenge(f.URL+"/challenge", "token")
		change(f)
		c, err := acme.New("hostile", f.options(t), &accounts{}, acme.Ways{HTTP: l})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Authorize(testContext(t), cert.Order{URL: f.URL + "/order/1"}, nil)
		if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "https URL") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if l.Held() != 0 {
		t.Error("an answer was left behind")
	}
}

func TestTextOfTheCAIsHarmless(t *testing.T) {
	t.Parallel()
	f := newFakeCA(t)
	f.authz = httpChallenge(f.URL+"/challenge", "token")
	f.authz["status"] = "invalid"
	f.authz["challenges"].([]map[string]any)[0]["error"] = map[string]any{
		"type": "urn:ietf:params:acme:error:caa", "detail": "$(id)\x1b[2J\r\n\u202egnp.exe " + strings.Repeat("x", 5000),
	}
	c, err := acme.New("hostile", f.options(t), &accounts{}, acme.Ways{HTTP: acme.NewListener("")})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Authorize(testContext(t), cert.Order{URL: f.URL + "/order/1"}, nil)
	wantKind(t, err, fault.Configuration) // only who owns the DNS zone can mend CAA
	wantText(t, err, "a.example.com: urn:ietf:params:acme:error:caa: $(id)?[2J  ?gnp.exe xxx")
	if len(err.Error()) > 3000 || strings.ContainsAny(err.Error(), "\x1b\r\n") {
		t.Errorf("%d bytes: %q", len(err.Error()), err.Error())
	}
}

func TestAnEndlessAnswerIsCut(t *testing.T) {
	t.Parallel()
	f := newFakeCA(t)
	f.newOrder = func(w http.ResponseWriter) { _, _ = io.CopyN(w, zeros{}, 8<<20) }
	c, err := acme.New("hostile", f.options(t), &accounts{}, acme.Ways{HTTP: acme.NewListener("")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Order(testContext(t), anOrder)
	wantKind(t, err, fault.Unavailable)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A limit of one set of names lasts up to a week: the others must go on.
func TestALimitOfSomeNamesHoldsUpOnlyThose(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{
		`too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s`,
		`too many failed authorizations (5) for \"a.example.com\" in the last 1h0m0s`,
	} {
		aLimitOfSomeNames(t, limit)
	}
}

func aLimitOfSomeNames(t *testing.T, limit string) {
	t.Helper()
	f := newFakeCA(t)
	f.newOrder = func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"`+limit+`"}`)
	}
	c, err := acme.New("limited", f.options(t), &accounts{}, acme.Ways{HTTP: acme.NewListener("")})
	if err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	for range 3 {
		_, err = c.Order(ctx, anOrder)
		wantKind(t, err, fault.Unavailable)
		if at := fault.RetryAt(err); time.Until(at) < 50*time.Minute {
			t.Errorf("retry at %s", at)
		}
	}
	if n := f.seen.at("/new-order"); n != 1 {
		t.Errorf("%d orders were sent, want 1", n)
	}
	if _, err = c.Order(ctx, cert.Order{Names: []string{"b.example.com"}}); fault.RetryAt(err).IsZero() || f.seen.at("/new-order") != 2 {
		t.Errorf("another name was held up: %v", err)
	}
}
