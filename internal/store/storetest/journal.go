package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func entry(sequence int64, text string) cert.Entry {
	return cert.Entry{Sequence: sequence, At: start.Add(time.Duration(sequence) * time.Second), Kind: "alert", Text: text}
}

func journalOnce(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	full := entry(2, "만료 7일 전 <www> & \"quotes\"\nsecond line")
	full.By, full.Via, full.Note = "kim", "slack", "ok"
	full.Details = map[string]string{"fingerprint": "abc"}
	must(t, s.Append(ctx, "www", []cert.Entry{entry(1, "one"), full, entry(2, "not this one")}))
	must(t, s.Append(ctx, "www", []cert.Entry{entry(2, "nor this one"), entry(9, "after a gap")}))
	must(t, s.Append(ctx, "www", []cert.Entry{entry(5, "late")}))
	must(t, s.Append(ctx, "www", nil))
	must(t, s.Append(ctx, "other", []cert.Entry{entry(1, "of another certificate")}))
	wantKind(t, "sequence 0", s.Append(ctx, "www", []cert.Entry{entry(3, "three"), entry(0, "zero")}), fault.Invalid)
	got, err := b.Open(t).Entries(ctx, "www")
	must(t, err)
	want := []cert.Entry{entry(1, "one"), full, entry(5, "late"), entry(9, "after a gap")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func journalRace(t *testing.T, b Backend) {
	ctx := t.Context()
	const writers, entries = 6, 20
	crowd(t, b, writers, func(s Store, i int) error {
		for n := int64(1); n <= entries; n++ {
			if err := s.Append(ctx, "www", []cert.Entry{entry(n, fmt.Sprint(i))}); err != nil {
				return err
			}
		}
		return nil
	})
	got, err := b.Open(t).Entries(ctx, "www")
	must(t, err)
	if len(got) != entries {
		t.Fatalf("%d entries, want %d", len(got), entries)
	}
	for i, e := range got {
		if e.Sequence != int64(i+1) {
			t.Errorf("entry %d has the sequence %d", i, e.Sequence)
		}
	}
}
