package target_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/keystore"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func TestProgramsSeeWhatTheContractListsAndNoKey(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-environment")
	t.Setenv("F5_TOKEN", "passed-on")
	hostile := "$(touch $OUT/canary);`touch $OUT/canary`\n|| touch $OUT/canary"
	tgt, out := scripted(t, `
cp /proc/self/environ $OUT/environ.$1; cp /proc/self/cmdline $OUT/cmdline.$1
[ $1 != install ] || { ls -ln $NEVERLAPSE_DIR >$OUT/files; stat -c %a $NEVERLAPSE_DIR >$OUT/mode; cat $NEVERLAPSE_DIR/fullchain.pem >$OUT/fullchain; cat $NEVERLAPSE_DIR/key.pem >$OUT/key; cat $NEVERLAPSE_DIR/names.txt >$OUT/names; mktemp >$OUT/temp; }`,
		func(o *target.ExecOptions) { o.PassEnv, o.Env["Mixed_Case"] = []string{"F5_TOKEN"}, hostile })
	pair, err := deployed(t, tgt)
	must(t, err)
	environ := variablesOf(t, out, "install")
	v, err := pair.Version()
	must(t, err)
	for name, want := range map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "HOME": "/", "OUT": out, "F5_TOKEN": "passed-on", "Mixed_Case": hostile,
		"TMPDIR": environ["NEVERLAPSE_DIR"] + "/tmp", "NEVERLAPSE_CAPTURE": environ["NEVERLAPSE_DIR"] + "/capture", "NEVERLAPSE_DIR": environ["NEVERLAPSE_DIR"],
		"NEVERLAPSE_CONTRACT": "1", "NEVERLAPSE_VERB": "install", "NEVERLAPSE_TARGET": "lb", "NEVERLAPSE_PLACE": "here",
		"NEVERLAPSE_FINGERPRINT": string(v.Fingerprint), "NEVERLAPSE_SERIAL": v.Serial, "NEVERLAPSE_NAMES": "a.test b.test",
		"NEVERLAPSE_NOT_BEFORE": v.NotBefore.Format(time.RFC3339), "NEVERLAPSE_NOT_AFTER": v.NotAfter.Format(time.RFC3339),
	} {
		if environ[name] != want {
			t.Errorf("%s = %q, want %q", name, environ[name], want)
		}
		delete(environ, name)
	}
	delete(environ, "PWD") // the shell's own
	if len(environ) > 0 {
		t.Errorf("beyond the contract there is %q", environ)
	}
	if _, err := os.Stat(filepath.Join(out, "canary")); err == nil {
		t.Error("a value of env was run by a shell")
	}
	for file, want := range map[string]string{"fullchain": string(pair.Chain), "names": "a.test\nb.test\n", "mode": "700\n"} {
		if got, err := os.ReadFile(filepath.Join(out, file)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v; want %q", file, got, err, want)
		}
	}
	files, err := os.ReadFile(filepath.Join(out, "files"))
	must(t, err)
	if n := strings.Count(string(files), "\n-rw------- "); n != 5 {
		t.Errorf("%d files for the owner alone, want 5:\n%s", n, files)
	}
	secretless(t, out, pair)
}

// variablesOf is the environment that a verb wrote down.
func variablesOf(t *testing.T, out, verb string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, "environ."+verb))
	must(t, err)
	vars := map[string]string{}
	for v := range strings.SplitSeq(strings.Trim(string(data), "\x00"), "\x00") {
		name, value, _ := strings.Cut(v, "=")
		vars[name] = value
	}
	return vars
}

// secretless makes sure that no line of the key is in arguments or environments.
func secretless(t *testing.T, out string, pair cert.Pair) {
	t.Helper()
	seen, err := filepath.Glob(out + "/*.*")
	must(t, err)
	if len(seen) < 10 {
		t.Errorf("only %q were written down", seen)
	}
	for _, path := range seen {
		data, err := os.ReadFile(path)
		must(t, err)
		for _, line := range keyLines(pair) {
			if bytes.Contains(data, []byte(line)) {
				t.Errorf("%s holds a line of the key", path)
			}
		}
	}
}

func TestNamesThatMeanSomethingToAShellAreGivenToNoProgram(t *testing.T) {
	tgt, out := scripted(t, `touch $OUT/$1`)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	for _, name := range []string{"a.com;id", "$(id).test", "a.test\ntouch x", "-o.test", "a b.test", "`id`.test", ""} {
		now := time.Now()
		pair, err := targettest.NewPair([]string{"a.test", name}, now.Add(-time.Hour), now.Add(time.Hour))
		must(t, err)
		if leaf, err := cert.DecodeChain(pair.Chain); err != nil || !slices.Contains(leaf[0].DNSNames, name) {
			continue // Go does not read such a certificate at all
		}
		if err := tgt.Install(t.Context(), pair, before); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "is given to no program") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "install")); err == nil {
		t.Error("install was run")
	}
}

func TestSecretsThatAProgramPrintsAreRemoved(t *testing.T) {
	t.Setenv("F5_TOKEN", `to"k\en`+"\x01")
	dir := t.TempDir()
	must(t, os.WriteFile(passwordFile(dir), []byte(keystorePassword+"\n"), 0o600))
	tgt, _ := scripted(t, `[ $1 != install ] || { cat $NEVERLAPSE_DIR/key.pem; cat $NEVERLAPSE_KEYSTORE_PASSWORD_FILE; printf 'token %s\n' "$F5_TOKEN"; exit 1; }`, func(o *target.ExecOptions) {
		o.PassEnv, o.Keystores = []string{"F5_TOKEN"}, target.Keystores{PKCS12: "bundle.p12", KeystorePasswordFile: passwordFile(dir)}
	})
	pair, err := deployed(t, tgt)
	text := fmt.Sprint(err)
	for _, want := range []string{"[private key removed]", "[keystore password removed]", "token [value of F5_TOKEN removed]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q", text, want)
		}
	}
	for _, secret := range append(keyLines(pair), keystorePassword, "k\\en") {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret", text)
		}
	}
}

func TestExecGetsKeystoresBesideThePEMFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(passwordFile(dir), []byte(keystorePassword), 0o600))
	tgt, out := scripted(t, `[ $1 != install ] || cp $NEVERLAPSE_DIR/bundle.p12 $NEVERLAPSE_DIR/bundle.jks $OUT`, func(o *target.ExecOptions) {
		o.Keystores = target.Keystores{PKCS12: "bundle.p12", JKS: "bundle.jks", KeystorePasswordFile: passwordFile(dir)}
	})
	pair, err := deployed(t, tgt)
	must(t, err)
	for name, open := range map[string]func([]byte, string) ([]keystore.Entry, error){"bundle.p12": keystore.OpenPKCS12, "bundle.jks": keystore.OpenJKS} {
		data, err := os.ReadFile(filepath.Join(out, name))
		must(t, err)
		entries, err := open(data, keystorePassword)
		if err != nil || len(entries) != 1 || cert.FingerprintOf(entries[0].Chain[0]) != targettest.FingerprintOf(pair) {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
}

// What a worker that was killed leaves: a folder that nobody holds, and programs
// that were given it.
func TestWhatAWorkerThatDiedLeftIsEndedAndRemoved(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("programs of others are told by /proc")
	}
	var root string
	tgt, out := scripted(t, "", func(o *target.ExecOptions) { root = runs(o.Scratch) })
	abandoned, held := filepath.Join(root, "run-1"), filepath.Join(root, "run-2")
	for _, d := range []string{abandoned, held} {
		must(t, os.MkdirAll(d, 0o700))
		must(t, os.WriteFile(filepath.Join(d, "key.pem"), targettest.Fresh(t).Key, 0o600))
	}
	inUse, err := os.Open(held)
	must(t, err)
	must(t, syscall.Flock(int(inUse.Fd()), syscall.LOCK_EX))
	orphan, server := left(t, abandoned, out)
	must(t, tgt.Sweep(t.Context()))
	if alive(t, orphan) {
		t.Error("the program still runs")
	}
	if !alive(t, server) {
		t.Error("a server in a session of its own was ended")
	}
	if _, err := os.Stat(abandoned); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder with the key is there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(held, "key.pem")); err != nil {
		t.Errorf("a folder in use was touched: %v", err)
	}
	must(t, inUse.Close())
	must(t, tgt.Preflight(t.Context()))
}

// left starts a program as a worker would that dies at once: it has a child, and
// a server in a session of its own. It gives the process groups of both.
func left(t *testing.T, dir, out string) (group, server int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `setsid sh -c 'echo $$ >$OUT/server; exec sleep 1000' & sleep 1000 & trap '' TERM; echo >$OUT/up; wait`)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "OUT=" + out, "NEVERLAPSE_DIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	go func() { _ = cmd.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		_, up := os.Stat(filepath.Join(out, "up"))
		data, err := os.ReadFile(filepath.Join(out, "server"))
		if pid, bad := strconv.Atoi(strings.TrimSpace(string(data))); up == nil && err == nil && bad == nil {
			t.Cleanup(func() { _ = syscall.Kill(-pid, syscall.SIGKILL) })
			return cmd.Process.Pid, pid
		}
		if time.Now().After(deadline) {
			t.Fatal("the program did not start")
		}
	}
}

func TestAScratchFolderThatOthersMayEnterIsRefused(t *testing.T) {
	for name, make := range map[string]func(root string) error{
		"open":      func(root string) error { return errors.Join(os.Mkdir(root, 0o755), os.Chmod(root, 0o755)) },
		"a symlink": func(root string) error { return os.Symlink(t.TempDir(), root) },
		"a file":    func(root string) error { return os.WriteFile(root, nil, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			var root string
			tgt, out := scripted(t, "touch $OUT/ran", func(o *target.ExecOptions) { root = runs(o.Scratch) })
			must(t, make(root))
			if err := tgt.Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "scratch: ") {
				t.Errorf("Preflight = %v", err)
			}
			if _, err := os.Stat(filepath.Join(out, "ran")); err == nil {
				t.Error("a program was run")
			}
			must(t, os.RemoveAll(root))
		})
	}
}

func TestWhatCurrentMayPrint(t *testing.T) {
	pair := targettest.Fresh(t)
	v, err := pair.Version()
	must(t, err)
	colons := strings.ToUpper(strings.Join(slices.Collect(func(yield func(string) bool) {
		for i := 0; i < 64; i += 2 {
			if !yield(string(v.Fingerprint[i : i+2])) {
				return
			}
		}
	}), ":"))
	for name, c := range map[string]struct {
		prints string
		kind   fault.Kind
		says   string
	}{
		"a chain":                        {string(pair.Chain), "", ""},
		"a chain with its key":           {string(pair.Key) + string(pair.Chain), "", ""},
		"what openssl prints":            {"sha256 Fingerprint=" + colons + "\nnotAfter=" + v.NotAfter.Format("Jan _2 15:04:05 2006 MST") + "\n", "", ""},
		"bare hexadecimal":               {string(v.Fingerprint) + "\nnotAfter=" + v.NotAfter.Format(time.RFC3339), "", ""},
		"nothing":                        {" \n", fault.NotFound, "no certificate there"},
		"a fingerprint without its date": {string(v.Fingerprint), fault.Configuration, "notAfter=DATE"},
		"words":                          {"Error: \x1b[31mno route to host", fault.Configuration, `it printed: Error: \x1b[31mno route`},
		"a broken chain":                 {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", fault.Configuration, "certificate 1"},
		"a key alone":                    {string(pair.Key), fault.Configuration, "[private key removed]"},
	} {
		t.Run(name, func(t *testing.T) {
			tgt, out := scripted(t, `[ $1 != current ] || cat $OUT/prints`)
			must(t, os.WriteFile(filepath.Join(out, "prints"), []byte(c.prints), 0o600))
			got, err := tgt.Installed(t.Context())
			if fault.KindOf(err) != c.kind || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("Installed = %v; want kind %q with %q", err, c.kind, c.says)
			}
			if err == nil && (got.Fingerprint != v.Fingerprint || !got.NotAfter.Equal(v.NotAfter)) {
				t.Errorf("Installed = %+v", got)
			}
		})
	}
}

func TestEndlessOutputOfAProgramIsBounded(t *testing.T) {
	tgt, _ := scripted(t, `[ $1 != current ] || { head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2; }`,
		func(o *target.ExecOptions) { o.Timeout = 2 * time.Minute })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := tgt.Installed(t.Context())
	runtime.ReadMemStats(&after)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "printed more than 1048576 bytes") {
		t.Errorf("Installed = %v", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

func TestOptionsOfExecThatCannotWorkAreRefused(t *testing.T) {
	good := []string{"true"}
	sound := func() target.ExecOptions {
		return target.ExecOptions{Place: "x", Install: good, Current: good, Capture: good, Restore: good, Env: map[string]string{}}
	}
	must(t, sound().Validate())
	for want, change := range map[string]func(*target.ExecOptions){
		"place: is missing":                                 func(o *target.ExecOptions) { o.Place = " " },
		"place: \"a\\nb\" has a control":                    func(o *target.ExecOptions) { o.Place = "a\nb" },
		"install: is missing":                               func(o *target.ExecOptions) { o.Install = nil },
		"current: is missing":                               func(o *target.ExecOptions) { o.Current = nil },
		"restore: is missing; capture and restore together": func(o *target.ExecOptions) { o.Restore = nil },
		"check: the argument list is empty":                 func(o *target.ExecOptions) { o.Check = []string{} },
		"verify: program \"./x\": give an absolute":         func(o *target.ExecOptions) { o.Verify = []string{"./x"} },
		"env: \"A B\" is not the name":                      func(o *target.ExecOptions) { o.Env["A B"] = "" },
		"env: PATH is set by Neverlapse":                    func(o *target.ExecOptions) { o.Env["PATH"] = "" },
		"env: NEVERLAPSE_X is set by":                       func(o *target.ExecOptions) { o.Env["NEVERLAPSE_X"] = "" },
		"env: X holds a NUL byte":                           func(o *target.ExecOptions) { o.Env["X"] = "\x00" },
		"pass_env: NOT_SET_ANYWHERE is not set":             func(o *target.ExecOptions) { o.PassEnv = []string{"NOT_SET_ANYWHERE"} },
		"pass_env: HOME is set by":                          func(o *target.ExecOptions) { o.PassEnv = []string{"HOME"} },
		"pkcs12: \"../x\" is not the name":                  func(o *target.ExecOptions) { o.PKCS12 = "../x" },
		"pkcs12: \"key.pem\" is not the name":               func(o *target.ExecOptions) { o.PKCS12 = "key.pem" },
		"keystore_password_file: is missing":                func(o *target.ExecOptions) { o.JKS = "x.jks" },
		"timeout: 3m0s is not between 0 and 2m0s":           func(o *target.ExecOptions) { o.Timeout = 3 * time.Minute },
		"lock: \"locks\" is not a clean absolute":           func(o *target.ExecOptions) { o.Lock = "locks" },
		"scratch: \"x\" is not a clean absolute":            func(o *target.ExecOptions) { o.Scratch = "x" },
	} {
		o := sound()
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
}
