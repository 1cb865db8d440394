package target_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func plainIn(dir string) target.FileOptions {
	return target.FileOptions{Files: target.Files{Fullchain: filepath.Join(dir, "fullchain.pem"), Key: filepath.Join(dir, "privkey.pem")}}
}

func newFile(t testing.TB, o target.FileOptions) *target.File {
	t.Helper()
	tgt, err := target.NewFile("web", o)
	must(t, err)
	return tgt
}

func modeOf(t testing.TB, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Mode()
}

func TestExistingModesAreKeptUnlessTheKeyIsOpen(t *testing.T) {
	for was, want := range map[os.FileMode]os.FileMode{0o644: 0o600, 0o640: 0o640, 0o400: 0o400, 0o604: 0o600} {
		dir := t.TempDir()
		writePair(t, dir, was)
		must(t, os.Chmod(filepath.Join(dir, "fullchain.pem"), 0o640))
		tgt := newFile(t, plainIn(dir))
		before := install(t, tgt, targettest.Fresh(t))
		if got := modeOf(t, filepath.Join(dir, "privkey.pem")); got != want {
			t.Errorf("a key of mode %s became %s, want %s", was, got, want)
		}
		if got := modeOf(t, filepath.Join(dir, "fullchain.pem")); got != 0o640 {
			t.Errorf("the mode of the certificate became %s", got)
		}
		must(t, tgt.Restore(t.Context(), before))
		if got := modeOf(t, filepath.Join(dir, "privkey.pem")); got != was {
			t.Errorf("Restore gave mode %s, it was %s", got, was)
		}
	}
}

func TestConfiguredModesHold(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, 0o600)
	o := plainIn(dir)
	o.Mode, o.KeyMode = "0440", "0640"
	install(t, newFile(t, o), targettest.Fresh(t))
	if k, c := modeOf(t, filepath.Join(dir, "privkey.pem")), modeOf(t, filepath.Join(dir, "fullchain.pem")); k != 0o640 || c != 0o440 {
		t.Errorf("modes %s and %s", k, c)
	}
}

func TestAMissingDirectoryIsSaidAsSuch(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for _, o := range []target.FileOptions{plainIn(gone), {Files: target.Files{Directory: gone}}} {
		err := newFile(t, o).Preflight(t.Context())
		for _, want := range []string{gone, "does not exist", fmt.Sprintf("uid %d", os.Geteuid()), "create it"} {
			if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("Preflight = %v, lacks %q", err, want)
			}
		}
	}
}

func TestADirectoryInTheWayIsNotRemoved(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "privkey.pem", "precious"), 0o755))
	if _, err := newFile(t, plainIn(dir)).Capture(t.Context()); !fault.Is(err, fault.Configuration) {
		t.Errorf("Capture = %v, want fault.Configuration", err)
	}
	tgt := newFile(t, target.FileOptions{Files: target.Files{Directory: t.TempDir()}})
	before, err := tgt.Capture(t.Context())
	must(t, err)
	live := strings.TrimPrefix(tgt.Identity()[0], "file:"+hostname(t)+":")
	must(t, os.MkdirAll(filepath.Join(live, "precious"), 0o755))
	for _, err := range []error{tgt.Install(t.Context(), targettest.Fresh(t), before), tgt.Restore(t.Context(), before)} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a directory that was never captured: %v, want fault.Conflict", err)
		}
	}
	modeOf(t, filepath.Join(live, "precious"))
}

func hostname(t testing.TB) string {
	t.Helper()
	host, err := os.Hostname()
	must(t, err)
	return host
}

func TestIdentityFollowsSymlinkedParents(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	must(t, os.Symlink("real", filepath.Join(dir, "alias")))
	a := newFile(t, plainIn(filepath.Join(dir, "alias"))).Identity()
	r := newFile(t, plainIn(filepath.Join(dir, "real"))).Identity()
	if want := "file:" + hostname(t) + ":" + filepath.Join(dir, "real", "fullchain.pem"); a[0] != want || r[0] != want || len(a) != 2 {
		t.Errorf("Identity = %q and %q, want %q first", a, r, want)
	}
}

func TestFileGuaranteesFollowTheOptions(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		options target.FileOptions
		want    [2]bool
	}{
		{target.FileOptions{Files: target.Files{Directory: dir}, Check: []string{"ls"}}, [2]bool{true, true}},
		{target.FileOptions{Files: target.Files{Combined: filepath.Join(dir, "all.pem")}}, [2]bool{true, false}},
		{plainIn(dir), [2]bool{false, false}},
	} {
		g := newFile(t, c.options).Guarantees()
		if got := [2]bool{g.Atomic, g.ChecksBefore}; got != c.want || !g.Reversible || g.Note == "" {
			t.Errorf("Guarantees = %+v, want atomic and checks before %v", g, c.want)
		}
	}
}

func TestATornPairIsNotEvidence(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, 0o600)
	must(t, os.WriteFile(filepath.Join(dir, "privkey.pem"), targettest.Fresh(t).Key, 0o600))
	if _, err := newFile(t, plainIn(dir)).Installed(t.Context()); !fault.Is(err, fault.Proof) {
		t.Errorf("Installed of a torn pair = %v, want fault.Proof", err)
	}
	must(t, os.Remove(filepath.Join(dir, "privkey.pem")))
	if _, err := newFile(t, plainIn(dir)).Installed(t.Context()); !fault.Is(err, fault.Proof) {
		t.Errorf("Installed without the key = %v, want fault.Proof", err)
	}
	must(t, os.Remove(filepath.Join(dir, "fullchain.pem")))
	if _, err := newFile(t, plainIn(dir)).Installed(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("Installed of nothing = %v, want fault.NotFound", err)
	}
}

func TestOldVersionsArePrunedButThoseOfOthersStay(t *testing.T) {
	dir := t.TempDir()
	tgt := newFile(t, target.FileOptions{Files: target.Files{Directory: dir}})
	install(t, tgt, targettest.Fresh(t))
	must(t, os.Mkdir(filepath.Join(dir, "versions", "by-hand"), 0o755))
	var last [2]string
	for range 6 {
		pair := targettest.Fresh(t)
		install(t, tgt, pair)
		last = [2]string{last[1], string(targettest.FingerprintOf(pair))}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "versions"))
	must(t, err)
	if len(entries) != 5 {
		t.Errorf("%d entries of versions, want live, three before it, and by-hand: %v", len(entries), entries)
	}
	for _, v := range append(last[:], "by-hand") {
		modeOf(t, filepath.Join(dir, "versions", v))
	}
}

// Somebody who may write in the directory swaps names for symlinks all the time.
func TestSymlinksOfOthersAreNotFollowedWhenWriting(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	must(t, os.WriteFile(victim, []byte("untouched"), 0o644))
	was := targettest.Tree(t, outside)
	for layout, o := range map[string]func(dir string) target.FileOptions{
		"files":     plainIn,
		"directory": func(dir string) target.FileOptions { return target.FileOptions{Files: target.Files{Directory: dir}} },
	} {
		t.Run(layout, func(t *testing.T) {
			dir := t.TempDir()
			tgt := newFile(t, o(dir))
			before, err := tgt.Capture(t.Context())
			must(t, err)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() { swapNames(dir, outside, victim, stop) })
			pair := targettest.Fresh(t)
			done := 0
			for range 60 {
				if tgt.Install(t.Context(), pair, before) == nil { // it may fail, it must not be led astray
					done++
				}
			}
			close(stop)
			wg.Wait()
			if got := targettest.Tree(t, outside); got != was {
				t.Errorf("something outside was written:\n%s", got)
			}
			t.Logf("%d of 60 installs succeeded against the swapping", done)
		})
	}
}

func swapNames(dir, outside, victim string, stop chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		for name, to := range map[string]string{"privkey.pem": victim, "fullchain.pem": victim, "versions": outside, "live": outside} {
			path := filepath.Join(dir, name)
			trick := path + ".trick"
			_ = os.Remove(trick) // every step may lose the race
			if i%2 == 0 {
				_ = os.RemoveAll(path)
				continue
			}
			if os.Symlink(to, trick) == nil {
				_ = os.Rename(trick, path)
			}
		}
	}
}
