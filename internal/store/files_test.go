package store_test

import (
	"context"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

var _ interface {
	activities.Versions
	activities.Issuances
	activities.Captures
	activities.Journal
	activities.Claims
} = (*store.Store)(nil)

func TestMain(m *testing.M) {
	// Nothing but the store's own modes keeps its files private here.
	syscall.Umask(0)
	if mode := os.Getenv(childMode); mode != "" {
		runChild(mode)
	}
	os.Exit(m.Run())
}

var (
	rightKey = [32]byte{1, 2, 3}
	otherKey = [32]byte{3, 2, 1}
	start    = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

func TestFilesKeepTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		dir := newDir(t)
		return storetest.Backend{
			Open: func(t *testing.T) storetest.Store { return open(t, dir) },
			OpenOther: func(t *testing.T) error {
				s, err := store.OpenFiles(t.Context(), dir, localsecrets.NewKeeper(otherKey))
				if err == nil {
					must(t, s.Close())
				}
				return err
			},
			AtRest: func(t *testing.T) []byte { return everyByte(t, dir) },
		}
	})
}

func TestFilesAreReadableByTheirOwnerOnly(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	writeOneOfEach(t, s)
	must(t, os.Chmod(filepath.Join(dir, "certificates/www/journal.jsonl"), 0o644)) // as a restored backup may be
	writeOneOfEach(t, open(t, dir))
	seen := 0
	walk(t, dir, func(name string, info fs.FileInfo) {
		seen++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	})
	if seen < 20 {
		t.Errorf("only %d files and folders were looked at", seen)
	}
}

func TestADirectoryThatEverybodyWritesToIsRefused(t *testing.T) {
	dir := newDir(t)
	must(t, os.Chmod(dir, 0o777))
	_, err := store.OpenFiles(t.Context(), dir, localsecrets.NewKeeper(rightKey))
	wantKind(t, err, fault.Configuration, "chmod 700")
}

func TestAStuckHolderOfTheLockDoesNotHoldACallPastItsDeadline(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	must(t, s.Append(t.Context(), "www", entries(1)))
	held, err := os.OpenFile(filepath.Join(dir, "certificates/www/.lock"), os.O_RDWR, 0)
	must(t, err)
	must(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
	for range 2 { // the second waits for the turn of the first, which still waits for the kernel
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err = s.Append(ctx, "www", entries(2))
		cancel()
		wantKind(t, err, fault.Transient, "lock of certificates/www")
	}
	if _, err := s.Entries(t.Context(), "www"); err != nil {
		t.Errorf("reading needs no lock: %v", err)
	}
	must(t, held.Close())
	must(t, s.Append(t.Context(), "www", entries(2)))
}

func newDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	must(t, os.Mkdir(dir, 0o700))
	return dir
}

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.OpenFiles(t.Context(), dir, localsecrets.NewKeeper(rightKey))
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// writeOneOfEach writes something of every kind for www and gives the version.
func writeOneOfEach(t *testing.T, s *store.Store) cert.Fingerprint {
	t.Helper()
	ctx := t.Context()
	pair, _, err := storetest.NewPair("www.example.com", start)
	must(t, err)
	v, err := s.PutVersion(ctx, "www", "ca", pair)
	must(t, err)
	live, err := s.Live(ctx, "www")
	must(t, err)
	must(t, s.SetLive(ctx, "www", v.Fingerprint, live))
	must(t, storetest.AddName(ctx, s, "www", v.Serial))
	_, err = s.PutKey(ctx, "www", pair.Key)
	must(t, err)
	must(t, s.PutCapture(ctx, "www", v.Serial, "target", pair.Key))
	must(t, s.Append(ctx, "www", entries(1, 2, 3)))
	must(t, s.Claim(ctx, "www", []string{"place " + v.Serial}))
	must(t, s.PutAccount(ctx, cert.Account{CA: "ca", Email: v.Serial, Key: pair.Key}))
	return v.Fingerprint
}

func entries(sequences ...int64) []cert.Entry {
	var out []cert.Entry
	for _, n := range sequences {
		out = append(out, cert.Entry{Sequence: n, At: start, Kind: "alert", Text: "만료 안내"})
	}
	return out
}

func walk(t *testing.T, dir string, visit func(name string, info fs.FileInfo)) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		visit(name, info)
		return nil
	}))
}

func everyByte(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	walk(t, dir, func(name string, info fs.FileInfo) {
		all = append(all, name+"\n"...)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			must(t, err)
			all = append(append(all, data...), '\n')
		}
	})
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Errorf("error of kind %q: %v\nwant kind %q, saying %q", fault.KindOf(err), err, kind, says)
	}
}

func keyText(key [32]byte) string { return base64.StdEncoding.EncodeToString(key[:]) + "\n" }
