package storetest

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func versionStoredAgain(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	pair, _ := newPair(t, "www.example.com", start)
	first, err := s.PutVersion(ctx, "www", "ca-one", pair)
	must(t, err)
	again, err := s.PutVersion(ctx, "www", "ca-two", pair)
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("storing again gave another version (-first +again):\n%s", diff)
	}
	all, err := b.Open(t).Versions(ctx, "www")
	must(t, err)
	if diff := cmp.Diff([]cert.Version{first}, all); diff != "" {
		t.Errorf("listed (-first +listed):\n%s", diff)
	}
	if first.CA != "ca-one" || !slices.Equal(first.Names, []string{"www.example.com"}) {
		t.Errorf("version = %+v", first)
	}
}

func mismatchRefused(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	one, _ := newPair(t, "one.example.com", start)
	two, key := newPair(t, "two.example.com", start)
	for what, pair := range map[string]cert.Pair{
		"another's key": {Chain: one.Chain, Key: two.Key},
		"no key":        {Chain: one.Chain},
		"no chain":      {Key: one.Key},
		"junk":          {Chain: []byte("junk"), Key: []byte("junk")},
	} {
		_, err := s.PutVersion(ctx, "www", "ca", pair)
		wantKind(t, what, err, fault.Invalid)
		if err != nil && (FindKey([]byte(err.Error()), key) != "" || strings.Contains(err.Error(), "junk")) {
			t.Errorf("%s: the error quotes content", what)
		}
	}
	_, err := s.PutKey(ctx, "www", []byte("no key"))
	wantKind(t, "PutKey of no key", err, fault.Invalid)
	all, err := s.Versions(ctx, "www")
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d versions after nothing but refusals", len(all))
	}
}

func newestFirst(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	var want []cert.Fingerprint
	for _, day := range []int{3, 1, 4, 2} {
		pair, _ := newPair(t, "www.example.com", start.Add(time.Duration(day)*24*time.Hour))
		v, err := s.PutVersion(ctx, "www", "ca", pair)
		must(t, err)
		want = append(want, v.Fingerprint)
	}
	want = []cert.Fingerprint{want[2], want[0], want[3], want[1]}
	all, err := s.Versions(ctx, "www")
	must(t, err)
	var got []cert.Fingerprint
	for _, v := range all {
		got = append(got, v.Fingerprint)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func liveMoves(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	one, two := put(t, s, "www"), put(t, s, "www")
	must(t, s.SetLive(ctx, "www", one, ""))
	must(t, s.SetLive(ctx, "www", one, two)) // it is already
	wantKind(t, "from another than expected", s.SetLive(ctx, "www", two, ""), fault.Conflict)
	wantKind(t, "to one that is not stored", s.SetLive(ctx, "www", cert.Fingerprint(strings.Repeat("0", 64)), one), fault.NotFound)
	wantKind(t, "to no fingerprint at all", s.SetLive(ctx, "www", "../live", one), fault.Invalid)
	for _, step := range []struct{ to, expect cert.Fingerprint }{{two, one}, {"", two}, {one, ""}} {
		must(t, s.SetLive(ctx, "www", step.to, step.expect))
		got, err := b.Open(t).Live(ctx, "www")
		must(t, err)
		if got != step.to {
			t.Errorf("live = %q, want %q", got, step.to)
		}
	}
}

func liveRace(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	var candidates []cert.Fingerprint
	for range 8 {
		candidates = append(candidates, put(t, s, "www"))
	}
	var mu sync.Mutex
	var winners []cert.Fingerprint
	crowd(t, b, len(candidates), func(s Store, i int) error {
		err := s.SetLive(ctx, "www", candidates[i], "")
		if fault.Is(err, fault.Conflict) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		winners = append(winners, candidates[i])
		return err
	})
	live, err := s.Live(ctx, "www")
	must(t, err)
	if len(winners) != 1 || winners[0] != live {
		t.Errorf("winners %v, live %s", winners, live)
	}
}

// crowd runs do n times at once, half of them on one opening of the store and
// half on another.
func crowd(t *testing.T, b Backend, n int, do func(s Store, i int) error) {
	t.Helper()
	stores := []Store{b.Open(t), b.Open(t)}
	begin := make(chan struct{})
	errs := make(chan error, n)
	for i := range n {
		go func() {
			<-begin
			errs <- do(stores[i%len(stores)], i)
		}()
	}
	close(begin)
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func captures(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for target, data := range map[string][]byte{
		"nginx-1":                         every,
		"웹서버/서울 #2":                       []byte("한글"),
		"../../etc/cron.d/x":              []byte("up"),
		"NGINX-1":                         []byte("case"),
		"empty":                           {},
		strings.Repeat("long ", 100):      []byte("long"),
		strings.Repeat("long ", 99) + "x": []byte("almost as long"),
		"nul\x00nul":                      bytes.Repeat([]byte("large "), 100_000),
	} {
		must(t, s.PutCapture(ctx, "www", "renewal/www/first", target, data))
		must(t, s.PutCapture(ctx, "www", "renewal/www/first", target, []byte("later")))
		got, err := b.Open(t).Capture(ctx, "www", "renewal/www/first", target)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Errorf("capture of %.20q: %d bytes came back, not the %d that were stored first", target, len(got), len(data))
		}
	}
	_, err := s.Capture(ctx, "www", "renewal/www/second", "nginx-1")
	wantKind(t, "capture of another deployment", err, fault.NotFound)
	wantKind(t, "capture of no target", s.PutCapture(ctx, "www", "d", "", nil), fault.Invalid)
}
