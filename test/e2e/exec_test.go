package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// hook feeds nginx by a program of the operator's, which waits in the middle of
// installing while there is a file "hold".
const hook = `#!/bin/sh
set -eu
umask 077
live=$WORLD/nginx/certs/www.shop.test/live
reload() { kill -HUP "$(cat "$WORLD/nginx/nginx.pid")"; }
case $1 in
current) cat "$live/fullchain.pem" ;;
capture) cp -p "$live/fullchain.pem" "$live/privkey.pem" "$NEVERLAPSE_CAPTURE" ;;
install)
	cp "$NEVERLAPSE_DIR/key.pem" "$live/privkey.pem"
	echo $$ >"$WORLD/installing.new"
	mv "$WORLD/installing.new" "$WORLD/installing"
	while [ -e "$WORLD/hold" ]; do sleep 0.1; done
	cp "$NEVERLAPSE_DIR/fullchain.pem" "$live/fullchain.pem"
	reload
	;;
restore) cp -p "$NEVERLAPSE_CAPTURE/fullchain.pem" "$NEVERLAPSE_CAPTURE/privkey.pem" "$live"; reload ;;
esac
`

const hooked = `  - name: hooked
    kind: exec
    options:
      place: nginx of this world
      current: [$DIR/hook, current]
      capture: [$DIR/hook, capture]
      install: [$DIR/hook, install]
      restore: [$DIR/hook, restore]
      timeout: 2m
      env: {WORLD: $DIR}
      lock: $DIR
      scratch: $DIR
`

func TestAWorkerKilledInTheMiddleOfAProgramLeavesNeitherItNorAKey(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: steady, Targets: hooked, Nginx: sites(site(t, here, time.Hour))})
	in := func(name string) string { return filepath.Join(w.Dir, name) }
	writeFile(t, in("hook"), []byte(hook))
	if err := os.Chmod(in("hook"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, in("hold"), nil)
	keys := func() []string {
		found, err := filepath.Glob(in("neverlapse-exec-*/run-*/key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	w.start()
	w.tenMinutes()
	before := w.served(0)
	w.cli(0, "enroll", "127.0.0.1:"+portOf(w.Nginx.Addresses[0]), "--cert-name", "shop", "-d", here, "--endpoint", w.Nginx.Addresses[0]+"#"+here,
		"--manage", "--ca", "pebble", "--target", "hooked", "--owner", "minji", "--team", "platform", "--policy", "steady")
	begun := func() bool { _, err := os.Stat(in("installing")); return err == nil }
	w.eventually("the program to be in the middle", begun)
	orphan := strings.TrimSpace(readFile(t, in("installing")))
	w.Worker.Kill()
	if !runs(orphan) || len(keys()) != 1 {
		t.Fatalf("nothing was left behind that could be cleared away: %v", keys())
	}
	if err := os.Remove(in("installing")); err != nil {
		t.Fatal(err)
	}
	w.start()
	if runs(orphan) {
		t.Error("the program of the worker that died still runs")
	}
	w.eventually("the installation to be repeated", begun)
	if found := keys(); len(found) != 1 {
		t.Errorf("keys lie in %v", found)
	}
	if err := os.Remove(in("hold")); err != nil {
		t.Fatal(err)
	}
	s := w.until("shop", "the renewal to complete", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before
	})
	w.eventually("nginx to serve what is live", func() bool { return w.served(0) == s.State.Live.Fingerprint })
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates at the CA, want exactly 1", n)
	}
	w.eventually("no key to lie around", func() bool { return len(keys()) == 0 })
}

// runs tells whether a process runs; a zombie does not.
func runs(pid string) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(after, "Z")
}
