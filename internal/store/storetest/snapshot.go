package storetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func snapshots(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	_, err := s.Snapshot(ctx, "www")
	wantKind(t, "Snapshot of what has none", err, fault.NotFound)
	has := func(f cert.Fingerprint, wantVersion, wantSnapshot bool) {
		t.Helper()
		version, snapshot, err := b.Open(t).Has(ctx, "www", f)
		if must(t, err); version != wantVersion || snapshot != wantSnapshot {
			t.Errorf("version %v, snapshot %v; want %v, %v", version, snapshot, wantVersion, wantSnapshot)
		}
	}
	has("", false, false)
	f := put(t, s, "www")
	has(f, true, false)
	has(put(t, s, "other"), false, false)

	known := func(n int64) cert.Snapshot {
		return cert.Snapshot{Sequence: n, At: start, Owner: "hana", Team: "web", NotAfter: start, State: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
	}
	must(t, s.PutSnapshot(ctx, "www", known(1)))
	var all errgroup.Group
	for _, n := range []int64{9, 3, 7, 5, 8} {
		all.Go(func() error { return b.Open(t).PutSnapshot(ctx, "www", known(n)) })
	}
	must(t, all.Wait())
	got, err := b.Open(t).Snapshot(ctx, "www")
	must(t, err)
	if diff := cmp.Diff(known(9), got); diff != "" {
		t.Errorf("read back (-written +read):\n%s", diff)
	}
	has(f, true, true)
	again := known(9)
	again.Owner = "minsu"
	must(t, s.PutSnapshot(ctx, "www", again))
	if got, err := b.Open(t).Snapshot(ctx, "www"); err != nil || got.Owner != "minsu" {
		t.Errorf("one that knows as much did not replace it: %+v (error: %v)", got, err)
	}

	wantKind(t, "a snapshot without a state", s.PutSnapshot(ctx, "www", cert.Snapshot{Sequence: 10}), fault.Invalid)
	wantKind(t, "a snapshot that knows of nothing", s.PutSnapshot(ctx, "www", known(0)), fault.Invalid)
	_, err = s.Snapshot(ctx, "../www")
	wantKind(t, "Snapshot of a name that leaves the store", err, fault.Invalid)
	wantKind(t, "PutSnapshot to such a name", s.PutSnapshot(ctx, "../www", known(1)), fault.Invalid)
	_, _, err = s.Has(ctx, "../www", "")
	wantKind(t, "Has of such a name", err, fault.Invalid)
	_, _, err = s.Has(ctx, "www", "../live")
	wantKind(t, "Has of no fingerprint", err, fault.Invalid)
}
