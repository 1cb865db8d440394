package vault_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/internal/target/vault"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
)

// A process that is killed finds the place by files, so dir holds the options.
func TestVaultKeepsTheContract(t *testing.T) {
	options := func(dir string) (o vault.Options, err error) {
		data, err := os.ReadFile(filepath.Join(dir, "options"))
		if err == nil {
			err = json.Unmarshal(data, &o)
		}
		return o, err
	}
	at := func(t testing.TB, dir string) scene {
		o, err := options(dir)
		must(t, err)
		return scene{server(t), o.Namespace, o.Mount, o.Path}
	}
	vaulttest.Need(t)
	targettest.Run(t, targettest.Harness{
		Atomic: true,
		Lacks:  targettest.NoCheck | targettest.NoReload | targettest.NoFiles,
		Prepare: func(t testing.TB, dir string) targettest.Place {
			s := newScene(t)
			o := vault.Options{Access: vaultapi.Access{Address: s.URL, RootFile: s.RootFile, TokenFile: filepath.Join(dir, "token")}, Mount: s.mount, Path: s.path}
			data, err := json.Marshal(o)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, "options"), data, 0o600))
			must(t, os.WriteFile(o.TokenFile, []byte(vaulttest.Root), 0o600))
			return targettest.Place{
				State: s.state,
				Read: func() (cert.Pair, error) {
					now, _ := s.read(t)
					if now == nil {
						return cert.Pair{}, errors.New("there is no secret")
					}
					chain, _ := now["certificate"].(string)
					key, _ := now["private_key"].(string)
					return cert.Pair{Chain: []byte(chain), Key: []byte(key)}, nil
				},
			}
		},
		Open: func(dir string) (targettest.Target, error) {
			o, err := options(dir)
			if err != nil {
				return nil, err
			}
			return vault.New("web", o)
		},
		Before: map[string]func(testing.TB, string){
			"nothing":                   func(testing.TB, string) {},
			"a pair":                    func(t testing.TB, dir string) { at(t, dir).put(t, fields(targettest.Fresh(t))) },
			"a secret without pair":     func(t testing.TB, dir string) { at(t, dir).put(t, map[string]any{"password": "kept"}) },
			"a secret without anything": func(t testing.TB, dir string) { at(t, dir).put(t, map[string]any{}) },
			"a pair and other fields": func(t testing.TB, dir string) {
				f := fields(targettest.Fresh(t))
				f["number"], f["list"], f["markup"] = 12345678901234567, []any{"a", nil, 1.5}, "<&>"
				at(t, dir).put(t, f)
			},
			"a pair that was deleted": func(t testing.TB, dir string) {
				at(t, dir).put(t, fields(targettest.Fresh(t)))
				at(t, dir).delete(t)
			},
		},
	})
}

func TestOnlyThePairOfASecretChangesAndOnlyWhereItDiffers(t *testing.T) {
	s := newScene(t)
	f := fields(targettest.Fresh(t))
	f["note"] = "kept"
	s.put(t, f)
	tgt, pair := s.target(t, vaulttest.Root), targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Preflight(t.Context()))
	for range 2 {
		must(t, tgt.Install(t.Context(), pair, before))
	}
	now, version := s.read(t)
	if now["note"] != "kept" || len(now) != 3 || version != 2 {
		t.Errorf("version %d has %d fields, note %q; want version 2 with the note kept", version, len(now), now["note"])
	}
	if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(pair) {
		t.Errorf("Installed = %s, %v", v.Fingerprint.Short(), err)
	}
	now["private_key"] = string(targettest.Fresh(t).Key)
	s.put(t, now)
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.Proof) {
		t.Errorf("Installed with another's key = %v, want fault.Proof", err)
	}
	now["private_key"] = 7
	s.put(t, now)
	if _, err := tgt.Installed(t.Context()); err == nil {
		t.Error("Installed takes a number for a key")
	}
}

func TestFieldsHaveTheNamesThatReadersWant(t *testing.T) {
	s := newScene(t)
	tgt, pair := s.target(t, vaulttest.Root, func(o *vault.Options) { o.CertificateField, o.KeyField = "tls.crt", "tls.key" }), targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Install(t.Context(), pair, before))
	if now, _ := s.read(t); now["tls.key"] != string(pair.Key) || len(now) != 2 {
		t.Errorf("the secret has %d fields", len(now))
	}
}

func TestANamespaceIsAPlaceOfItsOwn(t *testing.T) {
	s := newScene(t)
	inside := scene{s.Vault, "team-a", "kv", s.path}
	tgt, pair := inside.target(t, vaulttest.Root), targettest.Fresh(t)
	must(t, tgt.Preflight(t.Context()))
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Install(t.Context(), pair, before))
	if now, _ := inside.read(t); now["certificate"] != string(pair.Chain) {
		t.Error("it is not in the namespace")
	}
	if want := "vault:" + s.URL + ":team-a/kv/" + s.path; tgt.Identity()[0] != want {
		t.Errorf("Identity = %q, want %q", tgt.Identity(), want)
	}
	other := scene{s.Vault, "team-b", "kv", s.path}
	if err := other.target(t, vaulttest.Root).Preflight(t.Context()); !fault.Is(err, fault.Configuration) {
		t.Errorf("Preflight in a namespace that is not there = %v", err)
	}
}

// between passes requests on, and lets somebody else act before the first that
// is chosen.
func between(t testing.TB, s scene, chosen func(*http.Request) bool, act func()) scene {
	t.Helper()
	to, err := url.Parse(s.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = s.Client().Transport
	acted := false
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !acted && chosen(r) {
			acted = true
			act()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	v := *s.Vault
	v.URL = front.URL
	return scene{&v, s.namespace, s.mount, s.path}
}

func posts(what string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/v1/secret/"+what)
	}
}

func TestAWriteBetweenOursIsNotLost(t *testing.T) {
	s := newScene(t)
	f := fields(targettest.Fresh(t))
	s.put(t, f)
	tgt := between(t, s, posts("data/"), func() {
		f["note"] = "written meanwhile"
		s.put(t, f)
	}).target(t, vaulttest.Root)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	pair := targettest.Fresh(t)
	must(t, tgt.Install(t.Context(), pair, before))
	if now, version := s.read(t); now["note"] != "written meanwhile" || now["certificate"] != string(pair.Chain) || version != 3 {
		t.Errorf("version %d, note %v; want version 3 with the note and our pair", version, now["note"])
	}
}

func TestWhatSomebodyWritesWhileOursIsTakenAwayStays(t *testing.T) {
	s := newScene(t)
	tgt := between(t, s, posts("delete/"), func() { s.put(t, map[string]any{"note": "theirs"}) }).target(t, vaulttest.Root)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Install(t.Context(), targettest.Fresh(t), before))
	must(t, tgt.Restore(t.Context(), before))
	if now, _ := s.read(t); now["note"] != "theirs" {
		t.Errorf("the secret is now %v", now)
	}
}

func TestASecretThatWasDeletedMeanwhileComesBackWhole(t *testing.T) {
	s := newScene(t)
	f := fields(targettest.Fresh(t))
	f["note"] = "kept"
	s.put(t, f)
	tgt, was := s.target(t, vaulttest.Root), s.state(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Install(t.Context(), targettest.Fresh(t), before))
	s.delete(t)
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("Installed of a deleted secret = %v, want fault.NotFound", err)
	}
	must(t, tgt.Restore(t.Context(), before))
	if s.state(t) != was {
		t.Error("Restore made another secret than was there")
	}
}
