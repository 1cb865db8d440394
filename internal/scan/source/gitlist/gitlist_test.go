package gitlist_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/gitlist"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// repository is a bare one, and a clone in which somebody works.
type repository struct{ bare, work string }

func newRepository(t testing.TB) repository {
	t.Helper()
	dir := t.TempDir()
	r := repository{filepath.Join(dir, "lists.git"), filepath.Join(dir, "work")}
	git(t, dir, "init", "--quiet", "--bare", "--initial-branch=main", r.bare)
	git(t, dir, "clone", "--quiet", r.bare, r.work)
	return r
}

func git(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=kim", "-c", "user.email=kim@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func (r repository) commit(t testing.TB, file, text string) {
	t.Helper()
	path := filepath.Join(r.work, file)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
	git(t, r.work, "add", "--", file)
	git(t, r.work, "commit", "--quiet", "-m", "a change")
	git(t, r.work, "push", "--quiet", "origin", "HEAD:main")
}

// served is an endpoint and what it serves.
func served(t testing.TB) (address string, print cert.Fingerprint) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), cert.FingerprintOf(server.Certificate())
}

func open(t testing.TB, o gitlist.Options, dir string) *gitlist.Source {
	t.Helper()
	o.File = "tls/hosts.txt"
	s, err := gitlist.New("platform", o, scan.New(scan.Options{Timeout: 5 * time.Second}), dir)
	must(t, err)
	return s
}

func TestAListInGitKeepsTheContract(t *testing.T) {
	r := newRepository(t)
	address, print := served(t)
	port, err := targettest.FreePort()
	must(t, err)
	r.commit(t, "tls/hosts.txt", fmt.Sprintf("# ours\n%s\n127.0.0.1:%d\n", address, port))
	sourcetest.Run(t, sourcetest.Harness{
		Open:  func(t *testing.T) source.Source { return open(t, gitlist.Options{Repository: r.bare}, t.TempDir()) },
		Want:  map[string]cert.Fingerprint{"endpoint:" + address: print, fmt.Sprintf("endpoint:127.0.0.1:%d", port): ""},
		Pages: 1,
	})
}

func look(t testing.TB, s source.Source) (places []string) {
	t.Helper()
	for page, first := []byte(nil), true; first || page != nil; first = false {
		p, err := s.Look(t.Context(), page, func(string) {})
		must(t, err)
		for _, x := range p.Sightings {
			places = append(places, x.Place)
		}
		page = p.Next
	}
	return places
}

func TestARunStaysAtItsCommitAndTheNextSeesTheChange(t *testing.T) {
	r := newRepository(t)
	var lines strings.Builder
	for i := range 260 { // more than a page; nothing listens there
		fmt.Fprintf(&lines, "127.0.0.2:%d\n", i+1)
	}
	r.commit(t, "tls/hosts.txt", lines.String())
	s := open(t, gitlist.Options{Repository: r.bare, Ref: "main"}, t.TempDir())
	first, err := s.Look(t.Context(), nil, func(string) {})
	must(t, err)
	r.commit(t, "tls/hosts.txt", "127.0.0.2:7\n")
	second, err := s.Look(t.Context(), first.Next, func(string) {})
	must(t, err)
	if n := len(first.Sightings) + len(second.Sightings); n != 260 || second.Next != nil {
		t.Errorf("%d places of one run, want 260", n)
	}
	elsewhere := open(t, gitlist.Options{Repository: r.bare, Ref: "main"}, t.TempDir())
	if _, err := elsewhere.Look(t.Context(), first.Next, func(string) {}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a machine that never saw the commit: %v", err)
	}
	if now := look(t, s); len(now) != 1 || now[0] != "endpoint:127.0.0.2:7" {
		t.Errorf("the next run sees %q", now)
	}
}

// overTLS serves a repository as hosting services do, to who knows the password.
func overTLS(t testing.TB, r repository) (url, roots string) {
	t.Helper()
	where, err := exec.Command("git", "--exec-path").Output()
	must(t, err)
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(where)), "git-http-backend"), Dir: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.bare), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "reader" || password != "opensesame" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	roots = filepath.Join(t.TempDir(), "roots.pem")
	must(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return server.URL + "/" + filepath.Base(r.bare), roots
}

func TestAListIsReadOverHTTPSWithAPasswordThatIsInNoCommandLine(t *testing.T) {
	r := newRepository(t)
	r.commit(t, "tls/hosts.txt", "127.0.0.2:7\n")
	url, roots := overTLS(t, r)
	file := filepath.Join(t.TempDir(), "credentials")
	must(t, os.WriteFile(file, []byte(strings.Replace(url, "https://", "https://reader:opensesame@", 1)+"\n"), 0o600))
	if places := look(t, open(t, gitlist.Options{Repository: url, CredentialsFile: file, RootFile: roots}, t.TempDir())); len(places) != 1 {
		t.Errorf("%q", places)
	}
	for name, o := range map[string]gitlist.Options{
		"no password":        {Repository: url, RootFile: roots},
		"another's CA":       {Repository: url, CredentialsFile: file},
		"no such repository": {Repository: r.bare + "-gone"},
		"no such branch":     {Repository: r.bare, Ref: "release"},
	} {
		if _, err := open(t, o, t.TempDir()).Look(t.Context(), nil, func(string) {}); !fault.Is(err, fault.Configuration) {
			t.Errorf("%s: %v (%s)", name, err, fault.KindOf(err))
		}
	}
	port, err := targettest.FreePort()
	must(t, err)
	o := gitlist.Options{Repository: fmt.Sprintf("https://127.0.0.1:%d/x.git", port)}
	if _, err := open(t, o, t.TempDir()).Look(t.Context(), nil, func(string) {}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("where nobody listens: %v", err)
	}
}

func TestABadListIsToldByFileCommitAndLine(t *testing.T) {
	r := newRepository(t)
	r.commit(t, "tls/hosts.txt", "127.0.0.2:7\nhost with words\n")
	_, err := open(t, gitlist.Options{Repository: r.bare}, t.TempDir()).Look(t.Context(), nil, func(string) {})
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "tls/hosts.txt at ") || !strings.Contains(err.Error(), ":2: ") {
		t.Errorf("Look = %v", err)
	}
	s, err := gitlist.New("x", gitlist.Options{Repository: r.bare, File: "gone.txt"}, scan.New(scan.Options{}), t.TempDir())
	must(t, err)
	if _, err := s.Look(t.Context(), nil, func(string) {}); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "file: gone.txt is not in the repository") {
		t.Errorf("Look = %v", err)
	}
}

func TestHostileOptionsAreRefusedWithTheirField(t *testing.T) {
	for value, says := range map[string]string{
		"ext::sh -c touch% /tmp/x": "repository:", "--upload-pack=touch /tmp/x": "repository:", "http://git.test/x": "use https or ssh",
		"https://kim:secret@git.test/x": "credentials_file", "ssh://-oProxyCommand=x/y": "repository:", "-oProxyCommand=x@h:y": "repository:",
	} {
		_, err := gitlist.New("x", gitlist.Options{Repository: value, File: "hosts"}, nil, "")
		if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", value, err)
		}
	}
	for says, o := range map[string]gitlist.Options{
		"ref:":              {Ref: "--upload-pack=x"},
		"file:":             {File: "../x"},
		"credentials_file:": {CredentialsFile: "/etc/x; touch y"},
		"ssh_key_file:":     {SSHKeyFile: "id"},
		"timeout:":          {Timeout: time.Hour},
	} {
		o.Repository = "https://git.test/x"
		if _, err := gitlist.New("x", o, nil, ""); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v, want %s", err, says)
		}
	}
}
