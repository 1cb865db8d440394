package target_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// nginxOptions fit a server that targettest.StartNginx started in dir.
func nginxOptions(binary, dir string, f target.Files) target.NginxOptions {
	return target.NginxOptions{
		Files: f, Binary: binary, Prefix: dir,
		Config: filepath.Join(dir, "conf", "nginx.conf"), ErrorLog: filepath.Join(dir, "logs", "error.log"),
	}
}

func startNginx(t testing.TB, dir string, servers ...targettest.NginxServer) *targettest.Nginx {
	t.Helper()
	n, err := targettest.StartNginx(dir, targettest.NginxOptions{Binary: targettest.NeedNginx(t), Servers: servers})
	must(t, err)
	t.Cleanup(func() { must(t, n.Stop()) })
	return n
}

func TestNginx(t *testing.T) {
	t.Parallel()
	binary := targettest.NeedNginx(t)
	targettest.Run(t, targettest.Harness{
		Atomic: true,
		Open: func(dir string) (targettest.Target, error) {
			return target.NewNginx("web", nginxOptions(binary, dir, target.Files{Directory: filepath.Join(dir, "certs", "a.test")}))
		},
		Before: map[string]func(testing.TB, string){"the pair it was started with": func(testing.TB, string) {}},
		Prepare: func(t testing.TB, dir string) targettest.Place {
			n := startNginx(t, dir, targettest.NginxServer{Name: "a.test", Initial: targettest.Fresh(t)})
			return targettest.Place{
				Dirs: []string{n.Directory(0)},
				Read: func() (cert.Pair, error) { return readPair(n.Servers[0].Certificate, n.Servers[0].Key) },
				BreakCheck: func(t testing.TB) string {
					must(t, n.BreakConfig())
					return "nginx: [emerg] " + targettest.BrokenText + " in " + filepath.Join(dir, "conf", "extra", "broken.conf") + ":1"
				},
				RepairCheck:  func(t testing.TB) { must(t, n.RepairConfig()) },
				BreakReload:  func(t testing.TB) { must(t, n.Kill()) },
				RepairReload: func(t testing.TB) { must(t, n.Start()) },
			}
		},
	})
}

// started is a running nginx with one server and the target for it.
func started(t *testing.T) (*targettest.Nginx, *target.Nginx, cert.Fingerprint) {
	t.Helper()
	dir := t.TempDir()
	old := targettest.Fresh(t)
	n := startNginx(t, dir, targettest.NginxServer{Name: "a.test", Initial: old})
	tgt, err := target.NewNginx("web", nginxOptions(n.Binary, dir, target.Files{Directory: n.Directory(0)}))
	must(t, err)
	waitServed(t, n, 0, targettest.FingerprintOf(old))
	return n, tgt, targettest.FingerprintOf(old)
}

func served(t testing.TB, n *targettest.Nginx, i int) cert.Fingerprint {
	t.Helper()
	f, err := targettest.Served(t.Context(), n.Addresses[i], n.Servers[i].Name)
	must(t, err)
	return f
}

func waitServed(t testing.TB, n *targettest.Nginx, i int, want cert.Fingerprint) {
	t.Helper()
	must(t, awaitServed(t.Context(), n, i, want))
}

// awaitServed looks until it sees want, for a reload returns before the new workers serve.
func awaitServed(ctx context.Context, n *targettest.Nginx, i int, want cert.Fingerprint) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		got, err := targettest.Served(ctx, n.Addresses[i], n.Servers[i].Name)
		if err != nil || got == want {
			return err
		}
	}
}

func TestNginxKeepsServingTheOldPairWhenItRefusesTheNewOne(t *testing.T) {
	n, tgt, old := started(t)
	ca, err := targettest.NewCA()
	must(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	pair, err := ca.IssueFor(weak, targettest.Names, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	must(t, err)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	tree := targettest.Tree(t, n.Directory(0))
	err = tgt.Install(t.Context(), pair, before)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "key too small") || !strings.Contains(err.Error(), "the old ones are back and pass it") {
		t.Errorf("Install = %v, want nginx's own words about the weak key and that the old files pass", err)
	}
	if got := targettest.Tree(t, n.Directory(0)); got != tree {
		t.Errorf("the old bytes are not back:\n%s\n%s", tree, got)
	}
	if got := served(t, n, 0); got != old {
		t.Errorf("%s is served, not the old pair", got.Short())
	}
}

func TestNginxWhoseMasterHangsStillServesTheOldPair(t *testing.T) {
	n, tgt, old := started(t)
	pair := targettest.Fresh(t)
	must(t, n.Signal(syscall.SIGSTOP))
	install(t, tgt, pair)
	if got := served(t, n, 0); got != old {
		t.Errorf("%s is served while the master hangs", got.Short())
	}
	must(t, n.Signal(syscall.SIGCONT))
	waitServed(t, n, 0, targettest.FingerprintOf(pair))
}

func TestNginxThatIsDownIsToldInItsOwnWords(t *testing.T) {
	n, tgt, _ := started(t)
	must(t, n.Stop())
	before, err := tgt.Capture(t.Context())
	must(t, err)
	err = tgt.Install(t.Context(), targettest.Fresh(t), before)
	if !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "nginx.pid") || !strings.Contains(err.Error(), "is the server running?") {
		t.Errorf("Install = %v, want the words of nginx about its pid", err)
	}
}

// Without directory the files of a pair change one after the other, so that
// nginx -t of one target would see the half of another but for the lock.
func TestNginxTargetsOfOneConfigurationTakeTurns(t *testing.T) {
	dir := t.TempDir()
	n := startNginx(t, dir, targettest.NginxServer{Name: "a.test"}, targettest.NginxServer{Name: "b.test"})
	var wg sync.WaitGroup
	for i, s := range n.Servers {
		tgt, err := target.NewNginx(s.Name, nginxOptions(n.Binary, dir, target.Files{Fullchain: s.Certificate, Key: s.Key}))
		must(t, err)
		wg.Go(func() {
			for range 5 {
				pair := targettest.Fresh(t)
				before, err := tgt.Capture(t.Context())
				if err == nil {
					err = tgt.Install(t.Context(), pair, before)
				}
				if err == nil {
					err = awaitServed(t.Context(), n, i, targettest.FingerprintOf(pair))
				}
				if err != nil {
					t.Errorf("install beside another target: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNginxWithoutConfigLocksTheBuiltInOne(t *testing.T) {
	binary := targettest.NeedNginx(t)
	etc, err := os.Open("/etc/nginx")
	if err != nil {
		t.Skipf("this nginx has its configuration elsewhere: %v", err)
	}
	defer etc.Close()
	tgt, err := target.NewNginx("web", target.NginxOptions{Binary: binary, Files: target.Files{Directory: t.TempDir()}})
	must(t, err)
	_, err = tgt.Capture(t.Context())
	must(t, err)
	must(t, syscall.Flock(int(etc.Fd()), syscall.LOCK_EX))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := tgt.Capture(ctx); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "holds the lock on /etc/nginx") {
		t.Errorf("Capture while another process holds the lock = %v", err)
	}
}

func TestNginxGuaranteesFollowTheOptions(t *testing.T) {
	binary := targettest.NeedNginx(t)
	for want, f := range map[bool]target.Files{
		true:  {Directory: "/etc/ssl/x"},
		false: {Fullchain: "/etc/ssl/x.pem", Key: "/etc/ssl/x.key"},
	} {
		tgt, err := target.NewNginx("web", target.NginxOptions{Binary: binary, Files: f})
		must(t, err)
		if g := tgt.Guarantees(); g.Atomic != want || !g.ReloadsWithoutDrop {
			t.Errorf("Guarantees of %+v = %s", f, fmt.Sprint(g))
		}
	}
}
