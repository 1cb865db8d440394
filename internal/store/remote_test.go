package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// counted is a key service in memory that counts how often it is asked.
type counted struct {
	keeper Keeper
	mu     sync.Mutex
	asked  int
	fails  error
}

func (c *counted) Scheme() string { return "counted" }

func (c *counted) Older(string, string) bool { return false }

func (c *counted) ask() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.fails
}

func (c *counted) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = err
}

// since gives how often it was asked since the last time.
func (c *counted) since() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.asked
	c.asked = 0
	return n
}

func (c *counted) Wrap(ctx context.Context, plain []byte) (string, error) {
	if err := c.ask(); err != nil {
		return "", err
	}
	out, err := c.keeper.Encrypt(ctx, plain)
	return base64.StdEncoding.EncodeToString(out), err
}

func (c *counted) Unwrap(ctx context.Context, wrapped string) ([]byte, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(wrapped)
	if err != nil {
		return nil, err
	}
	return c.keeper.Decrypt(ctx, data)
}

// remoteWorld is a Remote whose clock is set by hand.
type remoteWorld struct {
	*counted
	*Remote
	now time.Time
}

func newRemoteWorld() *remoteWorld {
	w := &remoteWorld{counted: &counted{keeper: localsecrets.NewKeeper([32]byte{1, 2, 3})}, now: time.Unix(0, 0)}
	w.restart()
	return w
}

// restart is another process with the same service.
func (w *remoteWorld) restart() {
	w.Remote = NewRemote(w.counted, time.Hour)
	w.Remote.now = func() time.Time { return w.now }
}

var errDown = fault.New(fault.Unavailable, "connection refused")

func TestAKeyServiceIsAskedOnceAPeriodAndNotForEveryKey(t *testing.T) {
	w, ctx := newRemoteWorld(), t.Context()
	var wrapped [][]byte
	for i := range 100 {
		b, err := w.Encrypt(ctx, bytes.Repeat([]byte{byte(i)}, 32))
		if err != nil {
			t.Fatal(err)
		}
		wrapped = append(wrapped, b)
	}
	open := func() {
		t.Helper()
		var all sync.WaitGroup
		for i, b := range wrapped {
			all.Go(func() {
				if plain, err := w.Decrypt(ctx, b); err != nil || plain[0] != byte(i) {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		all.Wait()
	}
	open()
	if n := w.since(); n != 1 {
		t.Errorf("asked %d times to seal and open 100 keys, want once", n)
	}
	w.restart()
	open()
	if n := w.since(); n != 1 {
		t.Errorf("after a restart: asked %d times to open 100 keys, want once", n)
	}
	w.now = w.now.Add(time.Hour)
	open()
	if n := w.since(); n != 1 {
		t.Errorf("a period later: asked %d times, want once", n)
	}
}

func TestAKeyServiceThatIsAwayForLessThanAPeriodIsNotMissedAndForLongerIsTold(t *testing.T) {
	w, ctx := newRemoteWorld(), t.Context()
	key := make([]byte, 32)
	b, err := w.Encrypt(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	w.fail(errDown)
	w.since()
	for range 59 {
		w.now = w.now.Add(time.Minute)
		if _, err := w.Encrypt(ctx, key); err != nil {
			t.Fatalf("after %s: %v", w.now.Sub(time.Unix(0, 0)), err)
		}
		if _, err := w.Decrypt(ctx, b); err != nil {
			t.Fatalf("after %s: %v", w.now.Sub(time.Unix(0, 0)), err)
		}
	}
	if n := w.since(); n < 10 || n > 30 {
		t.Errorf("asked %d times for a new period in its second half, want about once a minute", n)
	}
	if err := w.Probe(ctx); err == nil {
		t.Error("nobody would know that it is away")
	}
	w.now = w.now.Add(2 * time.Minute)
	for what, err := range map[string]error{"seal": second(w.Encrypt(ctx, key)), "open": second(w.Decrypt(ctx, b)), "probe": w.Probe(ctx)} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.fail(nil)
	for what, err := range map[string]error{"seal": second(w.Encrypt(ctx, key)), "open": second(w.Decrypt(ctx, b)), "probe": w.Probe(ctx)} {
		if err != nil {
			t.Errorf("%s once it is back: %v", what, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestAProbeAsksTheServiceNowAndThenAndARefusalEndsNothingThatIsOpen(t *testing.T) {
	w, ctx := newRemoteWorld(), t.Context()
	for range 100 {
		if err := w.Probe(ctx); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(15 * time.Second)
	}
	if n := w.since(); n < 4 || n > 7 {
		t.Errorf("asked %d times in 25 minutes, want about every five", n)
	}
	b, err := w.Encrypt(ctx, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(probeEvery)
	w.fail(fault.New(fault.Configuration, "permission denied"))
	if err := w.Probe(ctx); !fault.Is(err, fault.Configuration) {
		t.Errorf("%v", err)
	}
	if _, err := w.Decrypt(ctx, b); err != nil {
		t.Errorf("what is open is closed before its time: %v", err)
	}
}

func TestWhatAnotherKeyWrapsIsNotSentToTheServiceAndWhatWasAlteredIsTold(t *testing.T) {
	w, ctx := newRemoteWorld(), t.Context()
	local, err := localsecrets.NewKeeper([32]byte{9}).Encrypt(ctx, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Decrypt(ctx, local); !fault.Is(err, fault.Configuration) || w.since() != 0 {
		t.Errorf("%v", err)
	}
	b, err := w.Encrypt(ctx, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	bent := bytes.Replace(b, []byte(`"sealed":"`), []byte(`"sealed":"AAAA`), 1)
	if _, err := w.Decrypt(ctx, bent); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "altered") {
		t.Errorf("%v", err)
	}
}

func TestAWorkerBeginsWithoutItsKeyServiceAndSealsNothingBeforeTheKeyIsProven(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()+"/store"
	right := newRemoteWorld()
	open := func(k Keeper) (*Store, error) {
		m, err := Folder(dir)
		if err != nil {
			t.Fatal(err)
		}
		s := On(m, NewRing(k))
		t.Cleanup(func() { _ = s.Close() })
		return s, s.Begin(ctx)
	}
	right.fail(errDown)
	if _, err := open(right.Remote); err == nil || KeyIsAway(err) {
		t.Errorf("an empty store begins without a key: %v", err)
	}
	right.fail(nil)
	s, err := open(right.Remote)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	wrong := &counted{keeper: localsecrets.NewKeeper([32]byte{7}), fails: errDown}
	other := NewRemote(wrong, time.Hour)
	s, err = open(other)
	if !KeyIsAway(err) || !fault.Is(err, fault.Unavailable) {
		t.Fatalf("%v", err)
	}
	if err := s.Beat(ctx, time.Now()); !KeyIsAway(err) {
		t.Errorf("the heartbeat goes on: %v", err)
	}
	wrong.fail(nil) // it is back, and it is another one
	if _, err := s.Secret(ctx, "b"); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "not the one this store was made with") {
		t.Errorf("%v", err)
	}
	right.restart()
	right.fail(errDown)
	if s, err = open(right.Remote); !KeyIsAway(err) {
		t.Fatal(err)
	}
	if _, err := s.Secret(ctx, "a"); !KeyIsAway(err) {
		t.Errorf("%v", err)
	}
	right.fail(nil)
	for _, purpose := range []string{"a", "b"} {
		if _, err := s.Secret(ctx, purpose); err != nil {
			t.Errorf("%s: %v", purpose, err)
		}
	}
}
