package activities_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestWhatIsRecordedCanBeRevivedUntilItIsRetired(t *testing.T) {
	w := begin(t)
	w.Admission = door{map[string][]string{"guarded": {}}}
	refused := func(name string, kind fault.Kind, words ...string) {
		t.Helper()
		_, err := w.Revive(t.Context(), name)
		f, text := activities.FailureOf(err)
		if err == nil || f.Kind != kind {
			t.Errorf("%s: %v, want %s", name, err, kind)
		}
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%q is missing in: %s", word, text)
			}
		}
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	record := func(name, kind string, sequence int64, n *cert.Snapshot) {
		t.Helper()
		out, err := w.Record(t.Context(), activities.RecordInput{Name: name, Entries: []cert.Entry{{Sequence: sequence, At: at, Kind: kind}}, Snapshot: n})
		if err != nil || out.Snapshot != (n != nil) {
			t.Fatalf("%+v (error: %v)", out, err)
		}
	}
	refused("shop", fault.NotFound, "neither the engine nor the store knows shop")
	refused("guarded", fault.Conflict, "neverlapse status guarded")
	refused("../shop", fault.Invalid)

	record("old", "enrolled", 1, nil) // by a release that keeps nothing
	refused("old", fault.NotFound, "neverlapse history old", "enroll it again")

	record("shop", "enrolled", 1, &cert.Snapshot{Sequence: 1, At: at, Owner: "hana", State: json.RawMessage(`{"spec":{"name":"shop"}}`)})
	record("shop", "paused", 2, nil)
	got, err := w.Revive(t.Context(), "shop")
	if err != nil || got.Sequence != 2 || got.Snapshot.Owner != "hana" || got.Live.Fingerprint != "" {
		t.Errorf("%+v (error: %v)", got, err)
	}
	record("shop", "retired", 3, nil)
	refused("shop", fault.Conflict, "shop was retired", "enroll it again")
}
