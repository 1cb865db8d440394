package recipes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// The stand-ins note what they are asked for; wscfl fails while there is a file "broken".
func TestWebtoBIsCompiledBeforeItIsStopped(t *testing.T) {
	dir := t.TempDir()
	for name, does := range map[string]string{"wscfl": `[ ! -e "$WEBTOBDIR/broken" ] || { echo "(E) CFL0004 no"; exit 1; }`, "wsdown": ``, "wsboot": `[ ! -e "$WEBTOBDIR/down" ] || { rm "$WEBTOBDIR/down"; exit 1; }`} {
		write(t, filepath.Join(dir, "bin", name), "#!/bin/sh\necho \""+name+" $1\" >>\"$WEBTOBDIR/asked\"\n"+does+"\n")
		must(t, os.Chmod(filepath.Join(dir, "bin", name), 0o700))
	}
	files := filepath.Join(dir, "files")
	must(t, os.Mkdir(files, 0o700))
	tgt := recipe(t, "webtob.md", map[string]string{"/home/tmax/webtob": dir, "/etc/neverlapse/webtob": files})
	first, second := targettest.Fresh(t, "shop.example.com", "a.test"), targettest.Fresh(t, "shop.example.com", "a.test")
	asked := func() string {
		data, err := os.ReadFile(filepath.Join(dir, "asked"))
		must(t, err)
		must(t, os.Remove(filepath.Join(dir, "asked")))
		return strings.Join(strings.Fields(string(data)), " ")
	}

	empty, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Preflight(t.Context()))
	must(t, tgt.Install(t.Context(), first, empty))
	if got := asked(); got != "wscfl -i wscfl -i wsdown -i wsboot -c" {
		t.Errorf("asked for: %s", got)
	}
	if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(first) {
		t.Errorf("Installed = %s, %v", v.Fingerprint.Short(), err)
	}
	before, err := tgt.Capture(t.Context())
	must(t, err)
	was := targettest.Tree(t, files)

	write(t, filepath.Join(dir, "down"), "")
	err = tgt.Install(t.Context(), second, before)
	if got := asked(); !fault.Is(err, fault.Configuration) || got != "wscfl -i wsdown -i wsboot -c wsdown -i wsboot -c" {
		t.Errorf("Install with which it does not start = %v; asked for: %s", err, got)
	}
	if got := targettest.Tree(t, files); got != was {
		t.Errorf("the old files are not back\n%s\n%s", was, got)
	}
	write(t, filepath.Join(dir, "broken"), "")
	if err := tgt.Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "CFL0004") {
		t.Errorf("Preflight = %v", err)
	}
	if got := asked(); got != "wscfl -i" {
		t.Errorf("a broken configuration stopped it: %s", got)
	}
}
