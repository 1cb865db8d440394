package store_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// copyTo copies a folder into another one.
func copyTo(t *testing.T, from, to string, o store.CopyOptions, keys ...store.Keeper) (store.Copied, error) {
	t.Helper()
	if keys == nil {
		keys = []store.Keeper{localsecrets.NewKeeper(rightKey)}
	}
	on := func(dir string, k store.Keeper) *store.Store {
		m, err := store.Folder(dir)
		must(t, err)
		s := store.On(m, k)
		t.Cleanup(func() { must(t, s.Close()) })
		return s
	}
	return store.Copy(t.Context(), on(from, localsecrets.NewKeeper(rightKey)), on(to, store.NewRing(keys[0], keys[1:]...)), o)
}

// pieces are all files of a store that a copy has, by name.
func pieces(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	walk(t, dir, func(name string, info fs.FileInfo) {
		rel, err := filepath.Rel(dir, name)
		must(t, err)
		if !info.Mode().IsRegular() || filepath.Base(name) == ".lock" || strings.Contains(rel, ".staging") || strings.HasPrefix(rel, "beat/") || rel == "secrets/workers.sealed" {
			return
		}
		data, err := os.ReadFile(name)
		must(t, err)
		out[rel] = string(data)
	})
	return out
}

func filled(t *testing.T) string {
	t.Helper()
	dir := newDir(t)
	s := open(t, dir)
	writeOneOfEach(t, s)
	writeOneOfEach(t, s)
	for _, purpose := range []string{"links", store.NamePurpose} {
		_, err := s.Secret(t.Context(), purpose)
		must(t, err)
	}
	must(t, s.Beat(t.Context(), time.Now()))
	must(t, s.Welcome(t.Context(), "web7"))
	return dir
}

func TestACopyHasAllThatTheOriginalHasAndIsAnotherStore(t *testing.T) {
	from, to := filled(t), newDir(t)
	look, err := copyTo(t, from, to, store.CopyOptions{DryRun: true})
	must(t, err)
	if n := len(pieces(t, to)); n != 0 {
		t.Errorf("a dry run wrote %d files", n)
	}
	rooms := 0
	done, err := copyTo(t, from, to, store.CopyOptions{Now: start, Progress: func(n, all int) { rooms = n*1000 + all }})
	must(t, err)
	want, got := pieces(t, from), pieces(t, to)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s differs", name)
		}
	}
	if len(want) != len(got) || done.Pieces != len(want) || done.Written != len(want) || done.Versions != 2 || done.Certificates == 0 || done.Entries == 0 || rooms == 0 || rooms/1000 != rooms%1000 {
		t.Errorf("%+v of %d pieces, %d rooms", done, len(want), rooms)
	}
	if look.Pieces != done.Pieces || look.Versions != done.Versions || look.Entries != done.Entries {
		t.Errorf("the dry run counted %+v", look)
	}
	name := func(dir string) []byte {
		b, err := open(t, dir).Secret(t.Context(), store.NamePurpose)
		must(t, err)
		return b
	}
	if bytes.Equal(name(from), name(to)) {
		t.Error("workers of the original would take the copy for their store")
	}
	_, err = copyTo(t, from, to, store.CopyOptions{Now: start})
	wantKind(t, err, fault.Conflict, "an empty place")
	_, err = copyTo(t, from, from, store.CopyOptions{Now: start})
	wantKind(t, err, fault.Invalid, "into itself")
}

func TestACopyThatWasCutShortIsOpenedByNobodyAndGoesOn(t *testing.T) {
	from, to := filled(t), newDir(t)
	cut, cancel := context.WithCancel(t.Context())
	m, err := store.Folder(to)
	must(t, err)
	target := store.On(m, localsecrets.NewKeeper(rightKey))
	defer target.Close()
	half, err := store.Copy(cut, open(t, from), target, store.CopyOptions{Now: start, Progress: func(n, _ int) {
		if n == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || half.Written == 0 {
		t.Fatalf("%+v, %v", half, err)
	}
	_, err = store.OpenFiles(t.Context(), to, localsecrets.NewKeeper(rightKey))
	wantKind(t, err, fault.Configuration, "is not finished")
	_, err = store.OpenFilesToRead(t.Context(), to, localsecrets.NewKeeper(rightKey))
	wantKind(t, err, fault.Configuration, "is not finished")
	_, err = copyTo(t, filled(t), to, store.CopyOptions{Now: start})
	wantKind(t, err, fault.Conflict, "a copy of "+from)

	// The original goes on in between, and loses something.
	s := open(t, from)
	writeOneOfEach(t, s)
	must(t, os.Remove(filepath.Join(from, "README")))
	rest, err := copyTo(t, from, to, store.CopyOptions{Now: start})
	must(t, err)
	if rest.Written == 0 || rest.Written >= rest.Pieces {
		t.Errorf("%+v: it began from the start", rest)
	}
	got := pieces(t, to)
	for name, text := range pieces(t, from) {
		if got[name] != text {
			t.Errorf("%s differs", name)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more than the original has: %v", got)
	}
	open(t, to)
}

func TestACopyNoticesWhoWritesMeanwhile(t *testing.T) {
	from, to := filled(t), newDir(t)
	s := open(t, from)
	_, err := copyTo(t, from, to, store.CopyOptions{Now: start, Progress: func(n, all int) {
		if n == all {
			writeOneOfEach(t, s)
		}
	}})
	wantKind(t, err, fault.Conflict, "somebody wrote to it")
	_, err = store.OpenFiles(t.Context(), to, localsecrets.NewKeeper(rightKey))
	wantKind(t, err, fault.Configuration, "is not finished")
	_, err = copyTo(t, from, to, store.CopyOptions{Now: start})
	must(t, err)
}

func TestACopyNeedsTheKeyOfTheOriginalAndAnEmptyPlace(t *testing.T) {
	from := filled(t)
	to := newDir(t)
	_, err := copyTo(t, from, to, store.CopyOptions{Now: start}, localsecrets.NewKeeper(otherKey))
	wantKind(t, err, fault.Configuration, "does not open what is sealed in "+from)
	if n := len(pieces(t, to)); n != 0 {
		t.Errorf("%d files were written", n)
	}
	ring := []store.Keeper{localsecrets.NewKeeper(otherKey), localsecrets.NewKeeper(rightKey)}
	_, err = copyTo(t, from, to, store.CopyOptions{Now: start}, ring...)
	must(t, err)
	s, err := store.OpenFiles(t.Context(), to, store.NewRing(localsecrets.NewKeeper(otherKey), localsecrets.NewKeeper(rightKey)))
	must(t, err)
	_, err = s.RotateKey(t.Context())
	must(t, err)
	must(t, s.Close())
	s, err = store.OpenFiles(t.Context(), to, localsecrets.NewKeeper(otherKey))
	must(t, err)
	must(t, s.Close())

	for _, there := range []string{"notes.txt", "certificates/www/live"} {
		other := newDir(t)
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(other, there)), 0o700))
		must(t, os.WriteFile(filepath.Join(other, there), []byte("x"), 0o600))
		_, err = copyTo(t, from, other, store.CopyOptions{Now: start})
		wantKind(t, err, fault.Conflict, there)
	}
}

func TestAVersionThatIsDamagedInTheOriginalIsNamedAndACopyThatCannotBeReadIsRefused(t *testing.T) {
	from, to := filled(t), newDir(t)
	keys, err := filepath.Glob(filepath.Join(from, "certificates/www/versions/*/key.sealed"))
	must(t, err)
	must(t, os.WriteFile(keys[0], []byte("{}"), 0o600))
	done, err := copyTo(t, from, to, store.CopyOptions{Now: start})
	must(t, err)
	if len(done.Damaged) != 1 || !strings.HasPrefix(done.Damaged[0], "www ") {
		t.Errorf("%+v", done)
	}
	file, err := os.OpenFile(filepath.Join(from, "certificates/www/journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString("not a line\n")
	must(t, errors.Join(err, file.Close()))
	_, err = copyTo(t, from, newDir(t), store.CopyOptions{Now: start})
	wantKind(t, err, fault.Configuration, "journal.jsonl is damaged")
}
