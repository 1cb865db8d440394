// Package targettest is the contract that every kind of target keeps, as tests
// (Run), with what such tests and the demo need: certificates of a CA of their
// own and a real nginx on loopback ports. Tests of target kinds, the end-to-end
// tests and the demo call it; the product does not.
package targettest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Target is the method set of activities.Target.
type Target interface {
	Identity() []string
	Capture(ctx context.Context) ([]byte, error)
	Preflight(ctx context.Context) error
	Install(ctx context.Context, pair cert.Pair, before []byte) error
	Restore(ctx context.Context, before []byte) error
	Installed(ctx context.Context) (cert.Version, error)
	CapturedVersion(before []byte) (cert.Version, error)
}

// Harness is how the contract reaches one kind of target.
type Harness struct {
	// Prepare makes a place below dir, with whatever server it needs; the
	// test's cleanup ends it.
	Prepare func(t testing.TB, dir string) Place
	// Open makes a target over a prepared place. It is called several times,
	// and in another process that is going to be killed.
	Open func(dir string) (Target, error)
	// Before names what others may have put there first. At least one.
	Before map[string]func(t testing.TB, dir string)
	// Atomic: the pair can be read whole at every instant.
	Atomic bool
	// Kills is how often a process is killed; 0 means 16 times. They are spread
	// over the same changes.
	Kills int
	// Lacks names what places of this kind do not have, so that the parts of the
	// contract about it do not apply.
	Lacks Lack
	// Keep puts a private key (PEM) where the place below dir looks for keys that
	// stay on their host; RunKept needs it.
	Keep func(t testing.TB, dir string, key []byte)
}

// Lack is something that a kind of place does not have.
type Lack int

// What may be lacking.
const (
	NoCheck   Lack = 1 << iota // nothing but the write itself can be refused
	NoReload                   // whoever uses the pair takes it by itself
	NoFiles                    // it is reached by an API
	NoWayBack                  // what it has cannot be read whole, so not be put back
)

// Place is a prepared place.
type Place struct {
	// Dirs hold everything the target writes; they are compared and watched.
	Dirs []string
	// State tells everything that the target may change, so that two are equal
	// exactly when nothing changed. Nil: the tree of Dirs.
	State func(t testing.TB) string
	// Read reads the pair as the server would.
	Read func() (cert.Pair, error)
	// BreakCheck makes the server's check fail and gives a part of the exact
	// text that it then prints; BreakReload makes the reload fail.
	BreakCheck                func(t testing.TB) (text string)
	RepairCheck               func(t testing.TB)
	BreakReload, RepairReload func(t testing.TB)
}

// Names are those of the certificates that the contract installs.
var Names = []string{"a.test", "b.test"}

// Run holds a kind of target to the contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if dir := os.Getenv(childEnv); dir != "" {
		installForEver(h, dir)
	}
	for _, c := range []struct {
		says string
		test func(*testing.T, Harness)
		lack Lack // where the place has no such thing
	}{
		{"what was there before comes back byte for byte", testRestores, NoWayBack},
		{"installing again changes nothing", testIdempotent, 0},
		{"a failing check brings the old bytes back", testFailingCheck, NoCheck},
		{"a broken configuration is told before any change", testAlreadyBroken, NoCheck},
		{"a failing reload is told and can be repeated", testFailingReload, NoReload},
		{"a restore that fails is told and can be repeated", testFailingRestore, NoCheck | NoReload},
		{"what must not be installed changes nothing", testRefuses, 0},
		{"installs at the same time happen one by one", testConcurrent, 0},
		{"the key is never readable by others", testKeyMode, NoFiles},
		{"kill -9 leaves a whole pair and a rerun heals", testKill, NoWayBack},
	} {
		if c.lack&h.Lacks == 0 {
			t.Run(c.says, func(t *testing.T) { c.test(t, h) })
		}
	}
	if h.Lacks&NoWayBack != 0 {
		t.Run("there is no way back, and that is told", func(t *testing.T) { testNoWayBack(t, h) })
	}
}

// state is what the place has.
func (p Place) state(t testing.TB) string {
	t.Helper()
	if p.State != nil {
		return p.State(t)
	}
	return Tree(t, p.Dirs...)
}

// glimpse is a cheap look that differs after every change.
func (p Place) glimpse(t testing.TB) string {
	if p.State != nil {
		return p.State(t)
	}
	return glimpse(p.Dirs)
}

// scene is one prepared place with its target and two pairs for it.
type scene struct {
	Place
	Target
	dir  string
	a, b cert.Pair
}

func setUp(t *testing.T, h Harness) scene {
	t.Helper()
	s := scene{dir: t.TempDir(), a: mustPair(t), b: mustPair(t)}
	s.Place = h.Prepare(t, s.dir)
	if h.Keep != nil {
		s.a, s.b = h.kept(t, s.dir, s.a), h.kept(t, s.dir, s.b)
	}
	s.Target = reopen(t, h, s.dir)
	return s
}

func reopen(t *testing.T, h Harness, dir string) Target {
	t.Helper()
	target, err := h.Open(dir)
	if err != nil {
		t.Fatalf("open the target: %v", err)
	}
	return target
}

func mustPair(t testing.TB) cert.Pair {
	t.Helper()
	now := time.Now()
	pair, err := NewPair(Names, now.Add(-time.Hour), now.Add(90*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (s scene) capture(t *testing.T) []byte {
	t.Helper()
	before, err := s.Capture(t.Context())
	if err != nil {
		t.Fatalf("Capture: %v", err)
	}
	return before
}

func (s scene) install(t *testing.T, pair cert.Pair, before []byte) {
	t.Helper()
	if err := s.Install(t.Context(), pair, before); err != nil {
		t.Fatalf("Install: %v", err)
	}
	s.expect(t, pair)
}

// expect fails unless exactly this pair is there, by the target's word and by
// what the server would read.
func (s scene) expect(t *testing.T, pair cert.Pair) {
	t.Helper()
	want := FingerprintOf(pair)
	got, err := s.Installed(t.Context())
	if err != nil || got.Fingerprint != want {
		t.Fatalf("Installed = %s, %v; want %s", got.Fingerprint.Short(), err, want.Short())
	}
	if read := s.read(t); FingerprintOf(read) != want {
		t.Fatalf("the server would read %s, want %s", FingerprintOf(read).Short(), want.Short())
	}
}

// read fails if the pair is torn.
func (s scene) read(t *testing.T) cert.Pair {
	t.Helper()
	pair, err := s.Read()
	if err != nil {
		t.Fatalf("read the pair: %v", err)
	}
	if err := pair.Check(Names, time.Now()); err != nil {
		t.Fatalf("the pair on the disk: %v", err)
	}
	return pair
}
