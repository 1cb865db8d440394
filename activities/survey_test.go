package activities_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// diary is a source that tells only what came since, if it is asked from there.
type diary struct {
	from []string // pages it was asked for
	all  []cert.Version
}

func (l *diary) Look(_ context.Context, page []byte, _ func(string)) (source.Page, error) {
	l.from = append(l.from, string(page))
	out := source.Page{Resume: []byte("since"), Since: page != nil}
	switch string(page) {
	case "":
		for _, v := range l.all {
			v.Fingerprint = ""
			out.Sightings = append(out.Sightings, source.Sighting{Place: "ct:watch/shop.test/" + v.Serial, Issued: true, Version: v})
		}
	case "since":
	default:
		return source.Page{}, fault.New(fault.Invalid, "of another kind")
	}
	return out, nil
}

func TestWhatWasIssuedHereIsFoundInTheStoreAndTheNextRunBeginsBehindIt(t *testing.T) {
	w := begin(t)
	old := w.issue(wish())
	stranger := cert.Version{Serial: "0123456789abcdef0123", Issuer: old.Issuer, Names: []string{"shop.test"}, NotBefore: time.Now(), NotAfter: old.NotAfter}
	l := &diary{all: []cert.Version{old, stranger}}
	w.Directory, w.Roll = func() people.Directory { return people.Directory{} }, roll{}
	w.Sources = func() map[string]activities.Sourced {
		return map[string]activities.Sourced{"watch": {Name: "watch", Kind: "ct", Source: l}}
	}
	run := func(id string) (estate.Standing, activities.Strays) {
		in := activities.SurveyInput{Source: "watch", Run: id, Begun: time.Now()}
		must[activities.Surveyed](w, w.LookAtSource, in)
		st := must[estate.Standing](w, w.EndSurvey, in)
		must[int](w, w.TellEnrolled, "watch")
		got, err := w.NewStrays(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st, got
	}
	_, got := run("1")
	if got.Count != 1 || got.Issued != 1 || got.Keys[0] != estate.IssuanceOf(stranger) {
		t.Errorf("strays: %+v", got)
	}
	if st, again := run("2"); !st.Last.Complete || st.Certs != 2 || again.Count != 1 {
		t.Errorf("nothing came: %+v, %+v", st, again)
	}
	m, err := w.disk.Manifest(t.Context(), "watch")
	if err != nil {
		t.Fatal(err)
	}
	m.Resume = []byte("of another kind")
	m.Revision++
	if err := w.disk.PutManifest(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if st, _ := run("3"); !st.Last.Complete || !slices.Equal(l.from, []string{"", "since", "of another kind", ""}) {
		t.Errorf("it was asked from %q: %+v", l.from, st)
	}
}
