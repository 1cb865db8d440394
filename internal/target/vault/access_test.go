package vault_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/internal/target/vault"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
)

// documentedPolicy gives what docs/targets-cloud.md calls enough.
func documentedPolicy(t testing.TB) vaulttest.Policy {
	t.Helper()
	page, err := os.ReadFile("../../../docs/targets-cloud.md")
	must(t, err)
	_, after, _ := strings.Cut(string(page), "<!-- policy:begin -->")
	text, _, _ := strings.Cut(after, "<!-- policy:end -->")
	out := vaulttest.Policy{"sys/capabilities-self": {"update"}} // of Vault's policy "default"
	for _, m := range regexp.MustCompile(`path "([^"]+)" *{ *capabilities = \[([^\]]+)\]`).FindAllStringSubmatch(text, -1) {
		for _, c := range strings.Split(m[2], ",") {
			out[m[1]] = append(out[m[1]], strings.Trim(c, ` "`))
		}
	}
	if len(out) < 3 {
		t.Fatalf("docs/targets-cloud.md has no policy: %v", out)
	}
	return out
}

func mentions(t testing.TB, err error, kind fault.Kind, says ...string) {
	t.Helper()
	for _, s := range says {
		if !fault.Is(err, kind) || !strings.Contains(fmt.Sprint(err), s) {
			t.Errorf("%v (%s); want %s with %q", err, fault.KindOf(err), kind, s)
		}
	}
}

func TestTheDocumentedPolicyIsEnoughAndASmallerOneIsToldBeforeAnythingIsWritten(t *testing.T) {
	s := scene{server(t), "", "secret", "tls/shop"}
	mentions(t, s.target(t, "hvs.no-delete").Preflight(t.Context()), fault.Configuration, `lacks the capability "update" on "secret/delete/tls/shop"`, "docs/targets-cloud.md")
	mentions(t, s.target(t, "hvs.reader").Preflight(t.Context()), fault.Configuration, `lacks the capability "create" on "secret/data/tls/shop"`)
	writer := s.target(t, "hvs.writer")
	must(t, writer.Preflight(t.Context()))
	before, err := writer.Capture(t.Context())
	must(t, err)
	must(t, writer.Install(t.Context(), targettest.Fresh(t), before))
	must(t, writer.Preflight(t.Context()))
	mentions(t, s.target(t, "hvs.reader").Preflight(t.Context()), fault.Configuration, `lacks the capability "update" on "secret/data/tls/shop"`)
	mentions(t, s.target(t, "hvs.reader").Install(t.Context(), targettest.Fresh(t), before), fault.Configuration, "cannot write it", "permission denied")
	must(t, writer.Restore(t.Context(), before))
	if s.state(t) != "none" {
		t.Errorf("after Restore there is %s", s.state(t))
	}
}

func TestATokenThatMayNotAskForItsCapabilitiesIsEnough(t *testing.T) {
	s := scene{server(t), "", "secret", "mute"}
	must(t, s.target(t, "hvs.mute").Preflight(t.Context()))
}

func TestAnEngineOfVersionOneIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	s := newScene(t)
	s.mount = "old"
	mentions(t, s.target(t, vaulttest.Root).Preflight(t.Context()), fault.Configuration, "no KV engine of version 2", "vault kv enable-versioning old")
	s.mount = "nowhere"
	mentions(t, s.target(t, vaulttest.Root).Preflight(t.Context()), fault.Configuration, "find its engine")
	mentions(t, captureOf(t, s.target(t, vaulttest.Root)), fault.Configuration, "no handler for route", "correct namespace or mount")
}

func captureOf(t testing.TB, tgt *vault.Target) error {
	t.Helper()
	_, err := tgt.Capture(t.Context())
	return err
}

func TestASealedVaultIsBehindAndNotBroken(t *testing.T) {
	s := newScene(t)
	tgt := s.target(t, vaulttest.Root)
	s.Do(t, http.MethodPost, "", "sys/seal", nil)
	err := captureOf(t, tgt)
	s.Do(t, http.MethodPost, "", "sys/unseal", nil)
	mentions(t, err, fault.Unavailable, "Vault is sealed")
	must(t, captureOf(t, tgt))
}

func byAppRole(t testing.TB, secretID string) func(*vault.Options) {
	return func(o *vault.Options) { o.TokenFile, o.RoleID, o.SecretIDFile = "", "role-1", tokenFile(t, secretID) }
}

func TestAppRoleLogsInOnceAndAgainWhenItsTokenHasEnded(t *testing.T) {
	s := newScene(t)
	logins := 0
	counted := between(t, s, func(r *http.Request) bool {
		if r.URL.Path == "/v1/auth/approle/login" {
			logins++
		}
		return false
	}, nil)
	tgt := counted.target(t, "", byAppRole(t, "secret-of-the-role"))
	must(t, tgt.Preflight(t.Context()))
	must(t, captureOf(t, tgt))
	if logins != 1 {
		t.Errorf("%d logins for two acts, want 1", logins)
	}
	s.Do(t, http.MethodPost, "", "sys/leases/revoke-prefix/auth/approle/login", nil)
	must(t, captureOf(t, tgt))
	if logins != 2 {
		t.Errorf("%d logins after the token was revoked, want 2", logins)
	}
	mentions(t, captureOf(t, s.target(t, "", byAppRole(t, "wrong-secret"))), fault.Configuration, "cannot log in by AppRole", "invalid role or secret ID", "correct role_id")
}

// No secret of ours is in any error, whatever goes wrong.
func TestNoErrorHoldsATokenOrASecretID(t *testing.T) {
	s := newScene(t)
	const token = "hvs.very-secret"
	port, err := targettest.FreePort()
	must(t, err)
	elsewhere := func(o *vault.Options) { o.Address = fmt.Sprintf("https://127.0.0.1:%d", port) }
	for _, err := range []error{
		captureOf(t, s.target(t, token)), captureOf(t, s.target(t, token, elsewhere)), captureOf(t, s.target(t, token+"\x01")), captureOf(t, s.target(t, token, func(o *vault.Options) { o.RootFile = "" })),
		captureOf(t, s.target(t, "", byAppRole(t, token))), captureOf(t, s.target(t, "", byAppRole(t, token), elsewhere)),
	} {
		if err == nil || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestATokenIsReadAnewForEveryAct(t *testing.T) {
	s := newScene(t)
	file := tokenFile(t, "hvs.ended")
	tgt := s.target(t, "", func(o *vault.Options) { o.TokenFile = file })
	mentions(t, captureOf(t, tgt), fault.Configuration, "the token is not valid")
	must(t, os.WriteFile(file, []byte(vaulttest.Root), 0o600))
	must(t, captureOf(t, tgt))
	must(t, os.Chmod(file, 0o644))
	mentions(t, captureOf(t, tgt), fault.Configuration, "token_file: everybody on this machine may use", "chmod o=")
	t.Setenv("TOKEN_OF_THIS_TEST", vaulttest.Root)
	byEnv := s.target(t, "", func(o *vault.Options) { o.TokenFile, o.TokenEnv = "", "TOKEN_OF_THIS_TEST" })
	must(t, captureOf(t, byEnv))
	t.Setenv("TOKEN_OF_THIS_TEST", "")
	mentions(t, captureOf(t, byEnv), fault.Configuration, "token_env: the environment variable TOKEN_OF_THIS_TEST is empty")
}

// at is a target whose Vault answers one thing; real ones rarely do.
func at(t testing.TB, server *httptest.Server) *vault.Target {
	t.Helper()
	t.Cleanup(server.Close)
	tgt, err := vault.New("web", vault.Options{Access: vaultapi.Access{Address: server.URL, TokenFile: tokenFile(t, "t")}, Path: "x", Timeout: 10 * time.Second})
	must(t, err)
	return tgt
}

func TestEachTroubleOfVaultHasItsKind(t *testing.T) {
	answers := func(status int, retryAfter string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", retryAfter)
			w.WriteHeader(status)
			fmt.Fprint(w, `{"errors":["said so"]}`)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
	}{
		"400": {answers(400, ""), fault.Configuration}, "405": {answers(405, ""), fault.Configuration}, "412": {answers(412, ""), fault.Transient},
		"429": {answers(429, "30"), fault.Unavailable}, "429 without a date": {answers(429, ""), fault.Unavailable},
		"472": {answers(472, ""), fault.Unavailable}, "473": {answers(473, ""), fault.Unavailable}, "500": {answers(500, ""), fault.Transient},
		"502": {answers(502, ""), fault.Unavailable}, "503": {answers(503, ""), fault.Unavailable},
		"no Vault":         {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello") }, fault.Configuration},
		"a way out of TLS": {http.RedirectHandler("http://127.0.0.2:1/", http.StatusTemporaryRedirect).ServeHTTP, fault.Configuration},
		"one to itself": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, fault.Unavailable},
		"a connection lost": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fault.Unavailable},
	} {
		err := captureOf(t, at(t, httptest.NewServer(c.answer)))
		if !fault.Is(err, c.kind) {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.KindOf(err), c.kind)
		}
		if name == "429" && time.Until(fault.RetryAt(err)) < 20*time.Second {
			t.Errorf("Retry-After was lost: %s", fault.RetryAt(err))
		}
	}
	mentions(t, captureOf(t, at(t, httptest.NewTLSServer(http.NotFoundHandler()))), fault.Configuration, "correct address or root_file")
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	good := vault.Options{Access: vaultapi.Access{Address: "https://vault.test:8200", TokenFile: "/run/token"}, Path: "tls/shop"}
	must(t, good.Validate())
	noPEM := filepath.Join(t.TempDir(), "root.pem")
	must(t, os.WriteFile(noPEM, []byte("x"), 0o600))
	for says, change := range map[string]func(*vault.Options){
		"address:":                          func(o *vault.Options) { o.Address = "vault" },
		"/v1\" is not the URL":              func(o *vault.Options) { o.Address += "/v1" },
		"in the open":                       func(o *vault.Options) { o.Address = "http://vault.test" },
		"path: missing":                     func(o *vault.Options) { o.Path = "/" },
		"path: \"a/../b\"":                  func(o *vault.Options) { o.Path = "a/../b" },
		"path: \"a?version=1\"":             func(o *vault.Options) { o.Path = "a?version=1" },
		"mount: \"a//b\"":                   func(o *vault.Options) { o.Mount = "a//b" },
		"namespace: \"a\\n\"":               func(o *vault.Options) { o.Namespace = "a\n" },
		"key_field:":                        func(o *vault.Options) { o.KeyField = "certificate" },
		"exactly one of":                    func(o *vault.Options) { o.RoleID = "r" },
		"role_id needs secret_id":           func(o *vault.Options) { o.TokenFile, o.RoleID = "", "r" },
		"belong to it":                      func(o *vault.Options) { o.SecretIDEnv = "X" },
		"token_file: \"token\" is not an a": func(o *vault.Options) { o.TokenFile = "token" },
		"root_file: \"x\" is not an abso":   func(o *vault.Options) { o.RootFile = "x" },
		"holds no certificate":              func(o *vault.Options) { o.RootFile = noPEM },
		"timeout:":                          func(o *vault.Options) { o.Timeout = -1 },
	} {
		o := good
		change(&o)
		if _, err := vault.New("web", o); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
}
