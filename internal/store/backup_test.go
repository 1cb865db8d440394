package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// renewOn renews certificates as the worker does, one after the other, until ctx
// ends: each thing is written before what names it.
func renewOn(ctx context.Context, s *store.Store, name string, renewals chan<- int) error {
	var iss cert.Issuance
	for n := 1; ; n++ {
		pair, _, err := storetest.NewPair("www.example.com", start)
		if err != nil {
			return err
		}
		ref, err := s.PutKey(ctx, name, pair.Key)
		if err == nil {
			iss.Certificate, iss.CA, iss.KeyRef = name, "ca", ref
			iss, err = s.PutIssuance(ctx, iss)
		}
		var v cert.Version
		if err == nil {
			v, err = s.PutVersion(ctx, name, "ca", pair)
		}
		if err == nil {
			iss.Candidate = v.Fingerprint
			iss, err = s.PutIssuance(ctx, iss)
		}
		var live cert.Fingerprint
		if err == nil {
			live, err = s.Live(ctx, name)
		}
		if err == nil {
			err = s.SetLive(ctx, name, v.Fingerprint, live)
		}
		if err == nil {
			err = s.Append(ctx, name, []cert.Entry{{Sequence: int64(n), At: start, Kind: "issued", Text: string(v.Fingerprint)}})
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case renewals <- n:
		case <-ctx.Done():
			return nil
		}
	}
}

// torn tells what of a store names what it does not have.
func torn(ctx context.Context, s *store.Store, name string) error {
	versions, err := s.Versions(ctx, name)
	errs := []error{err}
	has := map[cert.Fingerprint]bool{}
	for _, v := range versions {
		_, err := s.Pair(ctx, name, v.Fingerprint)
		errs = append(errs, err)
		has[v.Fingerprint] = true
	}
	live, err := s.Live(ctx, name)
	errs = append(errs, err)
	iss, err := s.Issuance(ctx, name, "")
	errs = append(errs, err)
	_, err = s.Key(ctx, name, iss.KeyRef)
	errs = append(errs, err)
	for what, f := range map[string]cert.Fingerprint{"live": live, "candidate": iss.Candidate} {
		if f != "" && !has[f] {
			errs = append(errs, fmt.Errorf("%s is %s, and there is no such version", what, f.Short()))
		}
	}
	entries, err := s.Entries(ctx, name)
	errs = append(errs, err)
	for i, e := range entries {
		if e.Sequence != int64(i+1) || !has[cert.Fingerprint(e.Text)] {
			errs = append(errs, fmt.Errorf("entry %d of the journal is about a version that is not there", e.Sequence))
		}
	}
	return errors.Join(errs...)
}

// documentedTar is the command of docs/stores.md, for a folder.
func documentedTar(t *testing.T, dir, archive string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/stores.md")
	must(t, err)
	m := regexp.MustCompile("`(tar [^`]*-cf [^`]*)`").FindSubmatch(page)
	if m == nil {
		t.Fatal("docs/stores.md has no tar")
	}
	command := strings.NewReplacer("/var/lib/neverlapse", filepath.Dir(dir), "store.tar", archive).Replace(string(m[1]))
	return strings.Fields(command)
}

func TestATarOfAFolderThatIsWrittenToIsAStoreAsItWasAtOneInstant(t *testing.T) {
	dir := newDir(t)
	s := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	names := []string{"www", "shop"}
	renewals, ended := make(chan int), make(chan error, len(names))
	for _, name := range names {
		go func() { ended <- renewOn(ctx, s, name, renewals) }()
	}
	for n := range renewals { // enough to be in the middle of
		if n >= 5 {
			break
		}
	}
	for i := range 12 {
		archive := filepath.Join(t.TempDir(), "store.tar")
		args := documentedTar(t, dir, archive)
		archived := make(chan error, 1)
		go func() { archived <- exec.Command(args[0], args[1:]...).Run() }()
		for running := true; running; {
			select {
			case <-renewals: // the writers go on as long as it takes
			case err := <-archived:
				var exit *exec.ExitError
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: something changed meanwhile
					t.Fatalf("%v: %v", args, err)
				}
				running = false
			}
		}
		back := t.TempDir()
		if out, err := exec.Command("tar", "-C", back, "-xf", archive).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		restored, err := store.OpenFiles(t.Context(), filepath.Join(back, "store"), localsecrets.NewKeeper(rightKey))
		must(t, err)
		for _, name := range names {
			if err := torn(t.Context(), restored, name); err != nil {
				t.Errorf("backup %d: %s: %v", i, name, err)
			}
			must(t, storetest.AddName(t.Context(), restored, name, "goes on"))
		}
		must(t, restored.Close())
	}
	cancel()
	for range names {
		must(t, <-ended)
	}
}

// The order in which a backup is taken matters: this one is taken in the wrong one.
func TestABackupThatTakesVersionsBeforeWhatNamesThemIsTorn(t *testing.T) {
	dir, back := newDir(t), newDir(t)
	s := open(t, dir)
	once := func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		renewals := make(chan int)
		ended := make(chan error, 1)
		go func() { ended <- renewOn(ctx, s, "www", renewals) }()
		select {
		case <-renewals:
			cancel()
			must(t, <-ended)
		case err := <-ended:
			t.Fatal(err)
		}
	}
	once()
	take := func(part string) {
		to := filepath.Join(back, part)
		must(t, os.MkdirAll(filepath.Dir(to), 0o700))
		if out, err := exec.Command("cp", "-a", filepath.Join(dir, part), to).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	take("key-check.sealed")
	take("certificates/www/versions")
	must(t, os.Remove(filepath.Join(dir, "certificates/www/issuances/first.json"))) // a renewal of its own
	once()
	for _, part := range []string{"live", "issuances", "keys", "journal.jsonl"} {
		take("certificates/www/" + part)
	}
	restored, err := store.OpenFiles(t.Context(), back, localsecrets.NewKeeper(rightKey))
	must(t, err)
	defer restored.Close()
	if err := torn(t.Context(), restored, "www"); err == nil || !strings.Contains(err.Error(), "live is") {
		t.Errorf("nothing is torn: %v", err)
	}
}
