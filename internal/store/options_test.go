package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

func TestOptionsSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		o    store.Options
		says []string
	}{
		{"nothing", store.Options{}, []string{"path: missing", "key_file: missing"}},
		{"two keys", store.Options{Path: "p", KeyFile: "k", KeyEnv: "K"}, []string{"key_env: key_file is given too"}},
		{"the key itself", store.Options{Path: "p", KeyEnv: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="}, []string{"key_env: write the name"}},
		{"the key in the store", store.Options{Path: "/var/lib/x", KeyFile: "/var/lib/x/../x/key"}, []string{"key_file: it lies inside path"}},
	} {
		err := c.o.Validate()
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v\nshould say %q", c.name, err, says)
			}
		}
		if strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%s: the error quotes a key", c.name)
		}
	}
	must(t, store.Options{Path: "/var/lib/x", KeyFile: "/etc/x/key"}.Validate())
	must(t, store.Options{Path: "x", KeyEnv: "NEVERLAPSE_KEY"}.Validate())
}

func TestAGeneratedKeyFileOpensTheStoreAndNoOther(t *testing.T) {
	dir := t.TempDir()
	o := store.Options{Path: filepath.Join(dir, "new", "store"), KeyFile: filepath.Join(dir, "key")}
	must(t, store.GenerateKeyFile(o.KeyFile))
	wantKind(t, store.GenerateKeyFile(o.KeyFile), fault.Conflict, "exists")
	info, err := os.Stat(o.KeyFile)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	for range 2 {
		s, err := o.Open(t.Context())
		must(t, err)
		must(t, s.Close())
	}
	o.KeyFile = filepath.Join(dir, "key2")
	must(t, store.GenerateKeyFile(o.KeyFile))
	_, err = o.Open(t.Context())
	wantKind(t, err, fault.Configuration, "key-encryption key is not the one")
}

// Whoever loses takes the key of the winner at once, so it has to be whole then.
func TestOfSeveralThatMakeAKeyFileAtOnceOneDoesAndAllHaveItsKey(t *testing.T) {
	for range 50 {
		dir := t.TempDir()
		file := filepath.Join(dir, "key")
		var all sync.WaitGroup
		var made atomic.Int32
		for range 8 {
			all.Go(func() {
				err := store.GenerateKeyFile(file)
				if err == nil {
					made.Add(1)
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
				if key, err := os.ReadFile(file); err != nil || len(key) != 45 {
					t.Errorf("%d bytes: %v", len(key), err)
				}
			})
		}
		all.Wait()
		if n := made.Load(); n != 1 {
			t.Errorf("%d made it", n)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("left: %v %v", files, err)
		}
	}
}

func TestAnUnsafeOrUnreadableKeyFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "key")
	o := store.Options{Path: filepath.Join(dir, "store"), KeyFile: name}
	_, err := o.Open(t.Context())
	wantKind(t, err, fault.Configuration, "openssl rand -base64 32 > "+name)
	for _, mode := range []os.FileMode{0o604, 0o644, 0o601} {
		must(t, os.WriteFile(name, []byte(keyText(rightKey)), 0o600))
		must(t, os.Chmod(name, mode))
		_, err := o.Open(t.Context())
		wantKind(t, err, fault.Configuration, "run: chmod o= "+name)
	}
	must(t, os.Chmod(name, 0o600))
	for _, content := range []string{"", "private", keyText(rightKey)[:20], keyText(rightKey) + "AAAA", strings.Repeat("A", 5000)} {
		must(t, os.WriteFile(name, []byte(content), 0o600))
		_, err := o.Open(t.Context())
		wantKind(t, err, fault.Configuration, "does not hold the base64 of 32 bytes")
		if err != nil && strings.Contains(err.Error(), "private") {
			t.Error("the error quotes the key")
		}
	}
	o.KeyFile = dir
	o.Path = t.TempDir()
	_, err = o.Open(t.Context())
	wantKind(t, err, fault.Configuration, "not a regular file")
	if _, err := os.Stat(filepath.Join(dir, "store")); err == nil {
		t.Error("a refused key left a store behind")
	}
}

// In a pod the key belongs to root and is read by the group of the volume.
func TestAKeyFileThatItsGroupReadsIsTaken(t *testing.T) {
	dir := t.TempDir()
	o := store.Options{Path: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "key")}
	must(t, os.WriteFile(o.KeyFile, []byte(keyText(rightKey)), 0o600))
	must(t, os.Chmod(o.KeyFile, 0o440))
	s, err := o.Open(t.Context())
	must(t, err)
	must(t, s.Close())
}

func TestAKeyFromTheEnvironmentDoesNotStayThere(t *testing.T) {
	const name = "NEVERLAPSE_TEST_STORE_KEY"
	o := store.Options{Path: newDir(t), KeyEnv: name}
	t.Setenv(name, keyText(rightKey))
	s, err := o.Open(t.Context())
	must(t, err)
	must(t, s.Close())
	if _, there := os.LookupEnv(name); there {
		t.Error("a child process would inherit the key")
	}
	_, err = o.Open(t.Context())
	wantKind(t, err, fault.Configuration, name+" is not set")
	t.Setenv(name, "junk")
	_, err = o.Open(t.Context())
	wantKind(t, err, fault.Configuration, "does not hold the base64")
}
