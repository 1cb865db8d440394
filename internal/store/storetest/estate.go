package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

func manifests(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	m, err := s.Manifest(ctx, "web")
	must(t, err)
	if m.Source != "web" || m.Revision != 0 || len(m.Places) != 0 {
		t.Errorf("of a source that never ran: %+v", m)
	}
	v := cert.Version{Fingerprint: "aa", Serial: "1", Issuer: "인증 CA", NotAfter: start, Names: []string{"a.test"}}
	m.Revision = 1
	m.Places = []estate.Place{{Name: "file:web1:/etc/ssl/이름 a.pem", Holds: "aa", Faults: []estate.Fault{{Code: cert.SelfSigned, What: "self"}}, First: start}}
	m.Certs = map[estate.Key]cert.Version{"aa": v}
	must(t, s.PutManifest(ctx, m))
	wantKind(t, "the same revision again", s.PutManifest(ctx, m), fault.Conflict)
	got, err := b.Open(t).Manifest(ctx, "web")
	must(t, err)
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("read back (-written +read):\n%s", diff)
	}
	if other, err := s.Manifest(ctx, "files"); err != nil || len(other.Places) != 0 {
		t.Errorf("another source has its places: %+v, %v", other, err)
	}
	for _, name := range []string{"", "../web", "a/b", "A", ".x"} {
		_, err := s.Manifest(ctx, name)
		wantKind(t, "the name "+name, err, fault.Invalid)
		wantKind(t, "the name "+name, s.PutManifest(ctx, estate.Manifest{Source: name, Revision: 1}), fault.Invalid)
	}
}

func runs(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	first := estate.Run{ID: "run-1", Started: start}
	step := func(page int, next string) estate.Step {
		x := estate.Step{Page: page, At: start, Same: []estate.Span{{0, 200}}, Seen: 200, News: []source.Sighting{{Place: fmt.Sprint("file:a:/", page, "\n"), Trouble: "gone"}}}
		if next != "" {
			x.Next = []byte(next)
		}
		return x
	}
	wantKind(t, "a step before the beginning", s.AddStep(ctx, "web", "run-1", step(1, "a")), fault.Conflict)
	wantRun := func(id string, want ...estate.Step) {
		t.Helper()
		run, steps, err := b.Open(t).BeginRun(ctx, "web", estate.Run{ID: id, Started: start.Add(time.Hour)})
		must(t, err)
		if diff := cmp.Diff(want, steps); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if begun := len(want) > 0; begun && !run.Started.Equal(start) {
			t.Errorf("a run that goes on began at %s", run.Started)
		}
	}
	_, _, err := s.BeginRun(ctx, "web", first)
	must(t, err)
	must(t, s.AddStep(ctx, "web", "run-1", step(1, "a")))
	must(t, s.AddStep(ctx, "web", "run-1", step(2, "b")))
	wantRun("run-1", step(1, "a"), step(2, "b"))
	must(t, b.Open(t).AddStep(ctx, "web", "run-1", step(2, "c")))
	must(t, s.AddStep(ctx, "web", "run-1", step(3, "")))
	wantRun("run-1", step(1, "a"), step(2, "c"), step(3, ""))
	wantKind(t, "a step of another run", s.AddStep(ctx, "web", "run-0", step(1, "")), fault.Conflict)
	wantKind(t, "page 0", s.AddStep(ctx, "web", "run-1", step(0, "")), fault.Invalid)

	st := estate.Standing{Source: "web", Kind: "endpoints", Last: estate.Run{ID: "run-1", Started: start, Ended: start, Complete: true, Failed: []source.Failure{{Places: "x:", Why: "y"}}}, Completed: start}
	must(t, s.EndRun(ctx, st))
	must(t, s.EndRun(ctx, st))
	got, err := b.Open(t).SourceStanding(ctx, "web")
	must(t, err)
	if diff := cmp.Diff(st, got); diff != "" {
		t.Errorf("standing (-written +read):\n%s", diff)
	}
	wantKind(t, "a step after the end", s.AddStep(ctx, "web", "run-1", step(4, "")), fault.Conflict)
	wantRun("run-2")
	must(t, s.EndRun(ctx, st)) // late: it does not end the run after it
	must(t, s.AddStep(ctx, "web", "run-2", step(1, "")))
}

func triageRace(t *testing.T, b Backend) {
	const writers = 6
	crowd(t, b, writers, func(s Store, i int) error {
		for {
			tr, err := s.Triage(t.Context())
			if err != nil {
				return err
			}
			tr.Ignore(estate.Key(fmt.Sprint("serial:", i)), estate.Decision{By: fmt.Sprint(i), At: start, Until: start.Add(time.Hour)})
			tr.Revision++
			if err := s.PutTriage(t.Context(), tr); !fault.Is(err, fault.Conflict) {
				return err
			}
		}
	})
	got, err := b.Open(t).Triage(t.Context())
	must(t, err)
	if len(got.Items) != writers || got.Revision != writers {
		t.Errorf("%d decisions at revision %d, want %d", len(got.Items), got.Revision, writers)
	}
}
