package store_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

const fullDisk = "NEVERLAPSE_STORE_FULL_DISK"

// The test runs itself again in namespaces of its own, where it may mount a
// small file system whoever runs it.
func TestAFullOrReadOnlyDiskLeavesTheOldContent(t *testing.T) {
	if os.Getenv(fullDisk) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fullDisk+"="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Skipf("SKIPPED, this machine gives no user namespace: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		return
	}
	dir := os.Getenv(fullDisk)
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=700"))
	onAFullDisk(t, dir)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	onAReadOnlyDisk(t, dir)
}

const page = 4096

func onAFullDisk(t *testing.T, dir string) {
	s := open(t, dir)
	f := writeOneOfEach(t, s)
	must(t, s.SetLive(t.Context(), "www", "", f))
	filler, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	size := int64(0)
	for err == nil {
		var n int
		n, err = filler.Write(make([]byte, page))
		size += int64(n)
	}
	refused, accepted := 0, 0
	for pages := range int64(24) {
		must(t, filler.Truncate(size-pages*page))
		for _, attempt := range attempts(t, s, f) {
			err := attempt.write()
			if err != nil && !fault.Is(err, fault.Unavailable) {
				t.Errorf("with %d pages left %s: kind %q: %v", pages, attempt.what, fault.KindOf(err), err)
			}
			done := attempt.written()
			if (err == nil) != done {
				t.Errorf("with %d pages left %s: error %v, but written is %v", pages, attempt.what, err, done)
			}
			if err != nil {
				refused++
			} else {
				accepted++
			}
		}
		_, err := s.Pair(t.Context(), "www", f)
		must(t, err)
	}
	if refused == 0 || accepted == 0 {
		t.Errorf("%d writes refused, %d accepted: the disk was never full, or always", refused, accepted)
	}
	must(t, filler.Close())
	must(t, os.Remove(filler.Name()))
	for _, attempt := range attempts(t, s, f) {
		must(t, attempt.write())
	}
}

type attempt struct {
	what    string
	write   func() error
	written func() bool
}

// attempts are new writes, and how to tell whether they happened. Whatever is
// read on the way must be whole.
func attempts(t *testing.T, s *store.Store, existing cert.Fingerprint) []attempt {
	t.Helper()
	ctx := t.Context()
	pair, _, err := storetest.NewPair("www.example.com", start)
	must(t, err)
	v, err := pair.Version()
	must(t, err)
	before, err := s.Entries(ctx, "www")
	must(t, err)
	next := before[len(before)-1].Sequence + 1
	long := string(bytes.Repeat([]byte("x"), 2*page))
	batch := []cert.Entry{{Sequence: next, At: start, Text: long}, {Sequence: next + 1, At: start, Text: long}}
	live, err := s.Live(ctx, "www")
	must(t, err)
	toggled := map[cert.Fingerprint]cert.Fingerprint{"": existing, existing: ""}[live]
	name := strconv.FormatInt(next, 10) + v.Serial
	return []attempt{
		{"append", func() error { return s.Append(ctx, "www", batch) }, func() bool {
			after, err := s.Entries(ctx, "www")
			must(t, err)
			return len(after) > len(before)
		}},
		{"set live", func() error { return s.SetLive(ctx, "www", toggled, live) }, func() bool {
			now, err := s.Live(ctx, "www")
			must(t, err)
			return now == toggled
		}},
		{"put issuance", func() error { return storetest.AddName(ctx, s, "www", name) }, func() bool {
			iss, err := s.Issuance(ctx, "www", "")
			must(t, err)
			return iss.Names[len(iss.Names)-1] == name
		}},
		{"put version", func() error { _, err := s.PutVersion(ctx, "www", "ca", pair); return err }, func() bool {
			_, err := s.Pair(ctx, "www", v.Fingerprint)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Error(err)
			}
			return err == nil
		}},
	}
}

func onAReadOnlyDisk(t *testing.T, dir string) {
	s := open(t, dir)
	versions, err := s.Versions(t.Context(), "www")
	must(t, err)
	for _, v := range versions {
		_, err := s.Pair(t.Context(), "www", v.Fingerprint)
		must(t, err)
	}
	for _, attempt := range attempts(t, s, versions[0].Fingerprint) {
		if err := attempt.write(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s on a read-only disk: kind %q: %v", attempt.what, fault.KindOf(err), err)
		}
	}
}
