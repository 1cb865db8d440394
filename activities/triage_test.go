package activities_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

func TestWhatNobodyEnrolledIsDecidedAboutByThoseWhoMay(t *testing.T) {
	w := begin(t)
	at := cert.Endpoint{Host: "lone.test", Port: 443}
	key := strings.Repeat("ab", 32)
	m := estate.Manifest{Source: "web", Revision: 1,
		Places: []estate.Place{{Name: "endpoint:lone.test:443", Endpoint: at, Holds: estate.Key(key), Owner: "lee"}},
		Certs:  map[estate.Key]cert.Version{estate.Key(key): {Fingerprint: cert.Fingerprint(key), Names: []string{"*.Lone.test"}, NotAfter: w.Now().Add(time.Hour)}}}
	if err := w.disk.PutManifest(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	directory := people.Directory{People: []people.Person{{ID: "kim"}, {ID: "lee"}}, Teams: []people.Team{{ID: "ops", Members: []string{"kim"}}, {ID: "web", Members: []string{"lee"}}}, CatchAll: "ops"}
	w.Directory, w.Roll = func() people.Directory { return directory }, roll{}
	w.Sources = func() map[string]activities.Sourced {
		return map[string]activities.Sourced{"web": {Name: "web", Kind: "endpoints", Source: struct{ source.Source }{}}}
	}
	decide := func(d estate.Decision) error {
		_, err := w.Triage(t.Context(), estate.TriageOrder{Of: key[:12], Decision: d})
		return err
	}
	if err := decide(estate.Decision{By: "lee", Owner: "lee"}); err == nil || !strings.Contains(err.Error(), "lee may not triage abababababab") {
		t.Errorf("whom only a place names decides: %v", err)
	}
	w.Admission = door{map[string][]string{}}
	adopt := func(owner string) string {
		return whyNot(do[activities.Admitted](w, w.Admit, activities.AdmitRequest{Name: "lone", Adopts: estate.Key(key), By: "lee", Owner: owner}))
	}
	if got := adopt("lee"); !strings.HasPrefix(got, "lee may not triage abababababab; kim may") || !strings.HasSuffix(got, "neverlapse triage assign abababababab --owner lee") {
		t.Errorf("who may not decide adopts: %q", got)
	}
	for _, by := range []string{"kim", "whoever types", "lee"} { // the third, since the second gave it to the team
		owner := "web"
		if by == "lee" {
			owner = "kim"
		}
		if err := decide(estate.Decision{By: by, Owner: owner}); err != nil {
			t.Errorf("%s: %v", by, err)
		}
		got, err := w.ListTriage(t.Context(), estate.TriageQuery{Of: key})
		if err != nil || len(got.Strays) != 1 {
			t.Fatalf("%+v %v", got, err)
		}
		a := got.Strays[0].Adoption
		if by == "lee" && (a.Owner != "kim" || a.Team != "") || by != "lee" && (a.Team != "web" || a.Owner != "") || a.Name != "wildcard.lone.test" || len(a.Endpoints) != 1 || a.Endpoints[0] != at {
			t.Errorf("%s: %+v", by, a)
		}
		if by == "lee" {
			continue // it is kim's again
		}
		if got := adopt("lee"); got != "" {
			t.Errorf("who may decide does not adopt: %q", got)
		}
		if got := adopt("kim"); !strings.HasPrefix(got, "lee may not enroll lone; kim may") {
			t.Errorf("what is adopted is given to somebody else: %q", got)
		}
	}
}

// inTime lists as the engine does: not after the time for it.
type inTime struct{}

func (inTime) Enrolled(ctx context.Context, _ []byte) ([]activities.Enrolled, []byte, error) {
	return nil, nil, ctx.Err()
}

// `neverlapse list` looks for what nobody enrolled within a second.
func TestWhoAsksWithLittleTimeIsAnswered(t *testing.T) {
	w := begin(t)
	w.Roll = inTime{}
	w.Sources = func() map[string]activities.Sourced { return nil }
	for _, within := range []time.Duration{time.Second, 10 * time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		if _, err := w.ListTriage(ctx, estate.TriageQuery{}); err != nil {
			t.Errorf("within %s: %v", within, err)
		}
	}
}
