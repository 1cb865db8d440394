package store_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

func TestATornJournalLineIsRepaired(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	name := filepath.Join(dir, "certificates/www/journal.jsonl")
	must(t, s.Append(t.Context(), "www", entries(1, 2)))
	whole, err := os.ReadFile(name)
	must(t, err)
	second := bytes.IndexByte(whole, '\n') + 1
	for cut := second; cut < len(whole); cut++ {
		must(t, os.WriteFile(name, whole[:cut], 0o600))
		got, err := s.Entries(t.Context(), "www")
		must(t, err)
		if len(got) != 1 {
			t.Fatalf("cut at %d: %d entries, want the complete one", cut, len(got))
		}
		must(t, s.Append(t.Context(), "www", entries(1, 2)))
		after, err := os.ReadFile(name)
		must(t, err)
		if !bytes.Equal(after, whole) {
			t.Fatalf("cut at %d: the file is not what it was:\n%s", cut, after)
		}
	}
}

func TestADamagedJournalLineHidesNoOther(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	must(t, s.Append(t.Context(), "www", entries(1)))
	f, err := os.OpenFile(filepath.Join(dir, "certificates/www/journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("a line that was private\n")
	must(t, err)
	must(t, f.Close())
	must(t, s.Append(t.Context(), "www", entries(2)))
	got, err := s.Entries(t.Context(), "www")
	wantKind(t, err, fault.Configuration, "lines [2]")
	if len(got) != 2 {
		t.Errorf("%d entries, want 2", len(got))
	}
	if strings.Contains(err.Error(), "private") {
		t.Error("the error quotes content")
	}
}

func TestSealedFilesCannotBeAlteredOrSwapped(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	writeOneOfEach(t, s)
	writeOneOfEach(t, s)
	contents := map[string][]byte{}
	walk(t, dir, func(name string, _ fs.FileInfo) {
		if strings.HasSuffix(name, ".sealed") || strings.Contains(name, "accounts/ca,") {
			data, err := os.ReadFile(name)
			must(t, err)
			contents[name] = data
		}
	})
	if len(contents) != 9 {
		t.Fatalf("%d sealed files, want two of each of four kinds and the key check", len(contents))
	}
	for name, content := range contents {
		must(t, openSealed(t, s, dir, name))
		replace := func(what string, data []byte) {
			must(t, os.WriteFile(name, data, 0o600))
			if err := openSealed(t, s, dir, name); !fault.Is(err, fault.Configuration) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
		for other, data := range contents {
			if other != name {
				replace("with the content of "+other, data)
			}
		}
		for _, at := range []int{len(content) / 2, len(content) * 9 / 10} {
			altered := bytes.Clone(content)
			altered[at] ^= 1
			replace("altered", altered)
		}
		replace("cut", content[:len(content)/2])
		replace("emptied", nil)
		must(t, os.WriteFile(name, content, 0o600))
	}
}

// openSealed asks the store for what a file holds.
func openSealed(t *testing.T, s *store.Store, dir, name string) error {
	t.Helper()
	ctx, base := t.Context(), filepath.Base(name)
	var err error
	switch filepath.Base(filepath.Dir(name)) {
	case "keys":
		_, err = s.Key(ctx, "www", strings.TrimSuffix(base, ".sealed"))
	case "captures":
		_, err = s.Capture(ctx, "www", strings.TrimSuffix(base, ",target.sealed"), "target")
	case "accounts":
		_, err = s.Account(ctx, "ca", strings.TrimSuffix(strings.TrimPrefix(base, "ca,"), ".json"))
	case filepath.Base(dir):
		var again *store.Store
		if again, err = store.OpenFiles(ctx, dir, localsecrets.NewKeeper(rightKey)); err == nil {
			err = again.Close()
		}
	default:
		_, err = s.Pair(ctx, "www", cert.Fingerprint(filepath.Base(filepath.Dir(name))))
	}
	return err
}

func TestADamagedVersionIsNotTakenForAMissingOne(t *testing.T) {
	for _, file := range []string{"chain.pem", "version.json", "key.sealed"} {
		for how, harm := range map[string]func(name, other string) error{
			"is missing":   func(name, _ string) error { return os.Remove(name) },
			"is empty":     func(name, _ string) error { return os.Truncate(name, 0) },
			"is another's": func(name, other string) error { return os.Rename(other, name) },
		} {
			t.Run(file+" "+how, func(t *testing.T) {
				dir := newDir(t)
				s := open(t, dir)
				other, f := writeOneOfEach(t, s), writeOneOfEach(t, s)
				versions := filepath.Join(dir, "certificates/www/versions")
				must(t, harm(filepath.Join(versions, string(f), file), filepath.Join(versions, string(other), file)))
				_, err := s.Pair(t.Context(), "www", f)
				if !fault.Is(err, fault.Configuration) {
					t.Errorf("kind %q: %v", fault.KindOf(err), err)
				}
			})
		}
	}
}

func TestDamagedRecordsAreRefusedWithoutQuotingThem(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	writeOneOfEach(t, s)
	ctx := t.Context()
	for file, use := range map[string]func() error{
		"certificates/www/live":                 func() error { _, err := s.Live(ctx, "www"); return err },
		"certificates/www/issuances/first.json": func() error { return storetest.AddName(ctx, s, "www", "x") },
		"claims/holders/www.json":               func() error { return s.Claim(ctx, "www", []string{"x"}) },
	} {
		for _, content := range []string{"private", `{"private": 1, "certificate": "other", "holder": 7}`} {
			must(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
			err := use()
			wantKind(t, err, fault.Configuration, file)
			if err != nil && strings.Contains(err.Error(), "private") {
				t.Errorf("%s: the error quotes content: %v", file, err)
			}
		}
	}
}

func TestLinksOutOfTheStoreAreNotFollowed(t *testing.T) {
	dir, outside := newDir(t), t.TempDir()
	s := open(t, dir)
	f := writeOneOfEach(t, s)
	must(t, os.Symlink(outside, filepath.Join(dir, "certificates/linked")))
	if err := s.Append(t.Context(), "linked", entries(1)); err == nil {
		t.Error("a journal was written through a link")
	}
	chain := filepath.Join(dir, "certificates/www/versions", string(f), "chain.pem")
	must(t, os.Rename(chain, filepath.Join(outside, "chain.pem")))
	must(t, os.Symlink(filepath.Join(outside, "chain.pem"), chain))
	if _, err := s.Pair(t.Context(), "www", f); err == nil {
		t.Error("a chain was read through a link")
	}
	left, err := os.ReadDir(outside)
	must(t, err)
	if len(left) != 1 {
		t.Errorf("outside the store: %v", left)
	}
}

func TestAClaimThatACrashCutShortHoldsNothing(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	ctx := t.Context()
	must(t, s.Claim(ctx, "one", []string{"a"}))
	must(t, s.Claim(ctx, "two", []string{"b"}))
	// The index says that two holds c, but its own record was not written any more.
	index, err := os.ReadFile(filepath.Join(dir, "claims/places/b.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "claims/places/c.json"), bytes.Replace(index, []byte(`"b"`), []byte(`"c"`), 1), 0o600))
	must(t, s.Claim(ctx, "one", []string{"a", "c"}))
	wantKind(t, s.Claim(ctx, "two", []string{"b", "c"}), fault.Conflict, "one")
}
