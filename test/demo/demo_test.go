package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func TestEverySceneIsPlayedOnce(t *testing.T) {
	a := &act{}
	seen := map[string]bool{}
	for i, sc := range scenes {
		a.scene = sc
		if sc.number != i+1 || a.plays()[sc.tag] == nil || seen[sc.name] || seen[sc.host] {
			t.Errorf("scene %d: %+v", i+1, sc)
		}
		seen[sc.name], seen[sc.host] = true, true
	}
}

func TestThePoliciesOfTheScenesAreTaken(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "neverlapse.yaml")
	text := "store: {kind: files, options: {path: " + dir + ", key_file: " + file + "}}\n" +
		"people: [{id: minji, name: Minji, email: minji@example.com}]\nteams: [{id: platform, name: Platform, members: [minji]}]\ncatch_all: platform\n" +
		"channels: [{name: console, kind: console}]\npolicies:\n" + policies()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range scenes {
		if _, ok := c.Policy(sc.name); !ok {
			t.Errorf("no policy %q", sc.name)
		}
	}
}

func TestTheSmallServerIsCheckedAndGoesOnWithItsLastGoodPair(t *testing.T) {
	s, err := startSmall(t.TempDir(), "pay.test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	first, err := aged("pay.test", scenes[0].left)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.put(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := s.pinKey(); err != nil || check(s.config) != 0 {
		t.Fatalf("pinned: %v, check %d", err, check(s.config))
	}
	second, err := aged("pay.test", scenes[0].left)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{s.certificate: second.Chain, s.key: second.Key} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.served(t.Context()); check(s.config) != 1 || got != targettest.FingerprintOf(first) {
		t.Errorf("with the wrong key: check %d, serves %s", check(s.config), got)
	}
	if err := s.unpinKey(); err != nil || check(s.config) != 0 || s.served(t.Context()) != targettest.FingerprintOf(second) {
		t.Errorf("mended: %v, check %d, serves %s", err, check(s.config), s.served(t.Context()))
	}
}

func TestTheDemoSeesAllFiveScenes(t *testing.T) {
	if os.Getenv("NEVERLAPSE_LONG") == "" || os.Getenv(engineEnv) == "" {
		t.Skip("SKIPPED: takes minutes: set NEVERLAPSE_LONG=1 and NEVERLAPSE_ENGINE")
	}
	dir, temporary := t.TempDir(), t.TempDir()
	demo := filepath.Join(dir, "demo")
	if text, err := exec.Command("go", "build", "-o", demo, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, more := range [][]string{nil, {"--no-nginx"}} {
		cmd := exec.CommandContext(t.Context(), demo, append([]string{"--bin", dir, "--once"}, more...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		out, err := cmd.CombinedOutput()
		seen := regexp.MustCompile(`demo +seen: `).FindAll(out, -1)
		if err != nil || len(seen) != len(scenes) || !strings.Contains(string(out), "lost: 0; sent twice: 0") {
			t.Errorf("%d scenes were seen, %v:\n%s", len(seen), err, out)
		}
		if *update && more == nil {
			redraw(t, string(out))
		}
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}
