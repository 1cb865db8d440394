package target_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var (
	_ activities.Target       = (*target.Exec)(nil)
	_ activities.Irreversible = target.ExecOneWay{}
)

// runs is the folder of all runs below a scratch folder.
func runs(scratch string) string {
	return filepath.Join(scratch, "neverlapse-exec-"+strconv.Itoa(os.Geteuid()))
}

// placed is a target whose programs are testdata/place.sh.
func placed(dir string) target.ExecOptions {
	script, err := filepath.Abs("testdata/place.sh")
	if err != nil {
		panic(err)
	}
	verb := func(v string) []string { return []string{script, v} }
	return target.ExecOptions{
		Place: "all.pem", Check: verb("check"), Current: verb("current"), Capture: verb("capture"),
		Install: verb("install"), Restore: verb("restore"), Verify: verb("verify"),
		Env:  map[string]string{"FOLDER": filepath.Join(dir, "certs"), "FLAGS": filepath.Join(dir, "flags")},
		Lock: dir, Scratch: filepath.Join(dir, "scratch"),
	}
}

func TestExec(t *testing.T) {
	plain := fileHarness(func(certs string) target.Files { return target.Files{Combined: filepath.Join(certs, "all.pem")} },
		"all.pem", "all.pem", true)
	h := plain
	h.Open = func(dir string) (targettest.Target, error) { return target.NewExec("web", placed(dir)) }
	h.Prepare = func(t testing.TB, dir string) targettest.Place {
		p := plain.Prepare(t, dir)
		must(t, os.MkdirAll(runs(filepath.Join(dir, "scratch")), 0o700))
		p.Dirs = append(p.Dirs, filepath.Join(dir, "scratch")) // nothing may stay there
		return p
	}
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"a file of others": func(t testing.TB, dir string) {
			writePair(t, dir, 0o640)
			pair, err := readPair(filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem"))
			must(t, err)
			path := filepath.Join(dir, "certs", "all.pem")
			must(t, os.WriteFile(path, append(pair.Key, pair.Chain...), 0o640))
			if os.Geteuid() == 0 {
				must(t, os.Chown(path, 65534, 65534))
			}
		},
		"a dangling symlink": func(t testing.TB, dir string) {
			must(t, os.Symlink("/nonexistent/x", filepath.Join(dir, "certs", "all.pem")))
		},
		"no certificate": func(t testing.TB, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "certs", "all.pem"), []byte("\x00\xff not a certificate"), 0o604))
		},
	}
	targettest.Run(t, h)
}

func TestExecWithoutAWayBack(t *testing.T) {
	plain := fileHarness(func(certs string) target.Files { return target.Files{Combined: filepath.Join(certs, "all.pem")} },
		"all.pem", "all.pem", true)
	plain.Lacks = targettest.NoWayBack | targettest.NoCheck | targettest.NoReload | targettest.NoFiles // the key is watched by TestExec
	plain.Open = func(dir string) (targettest.Target, error) {
		o := placed(dir)
		o.Capture, o.Restore = nil, nil
		must(t, os.MkdirAll(o.Scratch, 0o700))
		e, err := target.NewExec("web", o)
		return target.ExecOneWay{Exec: e}, err
	}
	targettest.Run(t, plain)
}

func TestAnInstallThatFailsWithoutAWayBackSaysSo(t *testing.T) {
	tgt, _ := scripted(t, `[ $1 != install ] || { echo the words; exit 1; }`, func(o *target.ExecOptions) { o.Capture, o.Restore = nil, nil })
	if _, err := deployed(t, tgt); !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), "install failed, and nothing was put back, because its options name no programs") {
		t.Errorf("Install = %v", err)
	}
}

// scripted is a target of one shell script, which sees the verb as $1 and a
// folder as $OUT.
func scripted(t *testing.T, script string, change ...func(*target.ExecOptions)) (tgt *target.Exec, out string) {
	t.Helper()
	dir := t.TempDir()
	out = filepath.Join(dir, "out")
	must(t, os.Mkdir(out, 0o700))
	path := filepath.Join(dir, "script")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755))
	verb := func(v string) []string { return []string{path, v} }
	o := target.ExecOptions{
		Place: "here", Check: verb("check"), Current: verb("current"), Capture: verb("capture"), Install: verb("install"), Restore: verb("restore"), Verify: verb("verify"),
		Env: map[string]string{"OUT": out}, Lock: dir, Scratch: dir,
	}
	for _, c := range change {
		c(&o)
	}
	tgt, err := target.NewExec("lb", o)
	must(t, err)
	t.Cleanup(func() {
		if left, err := os.ReadDir(runs(dir)); err == nil && len(left) > 0 {
			t.Errorf("%s was left behind", left[0].Name())
		}
	})
	return tgt, out
}

func TestExitStatusesMeanWhatTheContractSays(t *testing.T) {
	for _, c := range []struct {
		verb   string
		status int
		kind   fault.Kind
		says   string
		back   bool // what was there was put back
	}{
		{"check", 1, fault.Configuration, "already broken before anything was changed; nothing was written", false},
		{"check", 75, fault.Unavailable, "check asks to be tried again later", false},
		{"check", 64, fault.Configuration, "does not know the verb check", false},
		{"capture", 1, fault.Configuration, "what is there could not be taken, so nothing was changed", false},
		{"capture", 64, fault.Configuration, "capture says that there is no way back", false},
		{"capture", 75, fault.Unavailable, "capture asks to be tried again later", false},
		{"current", 1, fault.Configuration, "what is there cannot be read back", false},
		{"install", 1, fault.Configuration, "what was there before was put back", true},
		{"install", 2, fault.Configuration, "what was there before was put back", true},
		{"install", 64, fault.Configuration, "does not know the verb install", false},
		{"install", 75, fault.Unavailable, "install asks to be tried again later", false},
		{"install", 78, fault.Configuration, "nothing was written: install says that the configuration was broken already", false},
		{"verify", 1, fault.Proof, "the new pair was installed, but verify says that it is not used", false},
		{"verify", 75, fault.Unavailable, "verify asks to be tried again later", false},
	} {
		t.Run(fmt.Sprint(c.verb, " ", c.status), func(t *testing.T) {
			tgt, out := scripted(t, fmt.Sprintf(`[ $1 = restore ] && touch $OUT/restored; [ $1 != %s ] || { echo the words >&2; exit %d; }`, c.verb, c.status))
			_, err := deployed(t, tgt)
			if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "the words") {
				t.Errorf("%v; want kind %q with %q", err, c.kind, c.says)
			}
			if _, err := os.Stat(filepath.Join(out, "restored")); (err == nil) != c.back {
				t.Errorf("restored: %v, want %v", err == nil, c.back)
			}
		})
	}
}

// deployed goes the way of a deployment and stops at the first error.
func deployed(t *testing.T, tgt *target.Exec) (cert.Pair, error) {
	t.Helper()
	pair := targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	if err == nil {
		err = tgt.Preflight(t.Context())
	}
	if err == nil {
		err = tgt.Install(t.Context(), pair, before)
	}
	return pair, err
}

func TestAnInstallThatFailsAndCannotBePutBackSaysBoth(t *testing.T) {
	tgt, _ := scripted(t, `case $1 in install) echo install words; exit 1;; restore) echo restore words; exit 1;; esac`)
	_, err := deployed(t, tgt)
	for _, want := range []string{"AND WHAT WAS THERE BEFORE COULD NOT BE PUT BACK", "install words", "restore words"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestAProgramThatHangsIsAskedToEndAndThenKilledWithItsGrandchildren(t *testing.T) {
	tgt, out := scripted(t, `
case $1 in
install)
	trap 'echo asked to end' TERM
	(trap '' TERM; echo $(cut -d" " -f5 /proc/self/stat) >$OUT/group; while :; do sleep 1; done) &
	yes >/dev/null &
	while :; do sleep 1; done;;
restore) touch $OUT/restored;;
esac`, func(o *target.ExecOptions) { o.Timeout = 2 * time.Second })
	_, err := deployed(t, tgt)
	for _, want := range []string{"killed with its children after 2s", "asked to end", "what was there before was put back"} {
		if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v; want fault.Configuration with %q", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "restored")); err != nil {
		t.Errorf("nothing was put back: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(out, "group"))
	must(t, err)
	group, err := strconv.Atoi(strings.TrimSpace(string(data)))
	must(t, err)
	for deadline := time.Now().Add(20 * time.Second); alive(t, group); {
		if time.Now().After(deadline) {
			t.Fatal("children of the killed program still run")
		}
	}
}

func TestWhatAnInstallThatIsInterruptedLeftIsFinishedByItsRepetition(t *testing.T) {
	tgt, out := scripted(t, `
case $1 in
install) [ -e $OUT/again ] || { touch $OUT/started; sleep 1000; }; touch $OUT/installed;;
restore) touch $OUT/restored;;
esac`)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	ctx, cancel := withCancelOnce(t, filepath.Join(out, "started"))
	defer cancel()
	pair := targettest.Fresh(t)
	if err := tgt.Install(ctx, pair, before); !fault.Is(err, fault.Transient) {
		t.Errorf("Install = %v, want a transient interruption", err)
	}
	if _, err := os.Stat(filepath.Join(out, "restored")); err == nil {
		t.Error("it was put back although nobody waits")
	}
	must(t, os.WriteFile(filepath.Join(out, "again"), nil, 0o600))
	must(t, tgt.Install(t.Context(), pair, before))
	if _, err := os.Stat(filepath.Join(out, "installed")); err != nil {
		t.Error(err)
	}
}
