package activities_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// pages is an index that gives one certificate a page.
type pages []activities.Enrolled

func (p pages) Enrolled(_ context.Context, token []byte) ([]activities.Enrolled, []byte, error) {
	at := len(token)
	if at == len(p)-1 {
		return p[at:], nil, nil
	}
	return p[at : at+1], make([]byte, at+1), nil
}

func TestTheWeekOfATeamSaysWhatFailedWhatComesAndWhoAnswered(t *testing.T) {
	w := begin(t)
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	at := func(days float64) time.Time { return now.Add(time.Duration(days * 24 * float64(time.Hour))) }
	d := people.Directory{
		People: []people.Person{{ID: "minji", Email: "minji@example.com"}, {ID: "jun", Email: "jun@example.com"}},
		Teams:  []people.Team{{ID: "web", Name: "Web", Members: []string{"minji"}}, {ID: "ops", Name: "Ops", Members: []string{"jun"}}}, CatchAll: "ops",
	}
	w.Directory = func() people.Directory { return d }
	w.Now = func() time.Time { return now }
	w.Roll = pages{
		{Name: "calm", Owner: "minji", Managed: true, Live: cert.Version{NotBefore: at(-30)}, NotAfter: at(60), NextStepAt: at(30), KeyAlgorithm: "EC256"},
		{Name: "fresh", Owner: "minji", Managed: true, Live: cert.Version{NotBefore: at(-2)}, NotAfter: at(88), NextStepAt: at(58)},
		{Name: "soon", Team: "web", Owner: "minji", Managed: true, Live: cert.Version{NotBefore: at(-60)}, NotAfter: at(30), NextStepAt: at(5)},
		{Name: "byhand", Team: "web", Owner: "gone", Live: cert.Version{NotBefore: at(-80)}, NotAfter: at(10), NextStepAt: at(1), Severity: alert.P3},
		{Name: "old", Team: "web", Owner: "minji", Live: cert.Version{NotBefore: at(-400)}, NotAfter: at(400), KeyAlgorithm: "RSA1024"},
		{Name: "theirs", Team: "ops", Owner: "jun", Live: cert.Version{NotBefore: at(-80)}, NotAfter: at(10)},
		{Name: "nobodys", Live: cert.Version{NotBefore: at(-80)}, NotAfter: at(50)},
	}
	failed := map[string]string{"outcome": "validation-failed"}
	for name, entries := range map[string][]cert.Entry{
		"soon": {
			{Sequence: 1, At: at(-8), Kind: "outcome", Text: "before this week", Details: failed},
			{Sequence: 2, At: at(-3), Kind: "outcome", Text: "renew ended: the CA refused", Details: failed},
			{Sequence: 3, At: at(-2), Kind: "outcome", Text: "renew ended: proven", Details: map[string]string{"outcome": "proven"}},
		},
		"byhand": {{Sequence: 1, At: at(-2), Kind: "acknowledged", By: "minji"}, {Sequence: 2, At: at(-1), Kind: "snoozed", By: "hana"}},
		"calm":   {{Sequence: 1, At: at(-2), Kind: "acknowledged", By: "minji"}},
		"theirs": {{Sequence: 1, At: at(-2), Kind: "acknowledged", By: "jun"}},
	} {
		if err := w.Store.Append(t.Context(), name, entries); err != nil {
			t.Fatal(err)
		}
	}
	names := func(l alert.WeeklyList) (out []string) {
		for _, r := range l.Rows {
			out = append(out, r.Certificate)
		}
		return out
	}
	got := must[alert.Weekly](w, w.Weekly, activities.WeeklyInput{Team: "web"})
	for _, c := range []struct {
		part string
		list alert.WeeklyList
		want []string
	}{
		{"renewed", got.Renewed, []string{"fresh"}}, {"coming", got.Coming, []string{"byhand", "soon"}}, {"unowned", got.Unowned, []string{"byhand"}},
		{"weak", got.Weak, []string{"old"}}, {"failed", got.Failed, []string{"byhand", "soon"}},
	} {
		if !slices.Equal(names(c.list), c.want) || c.list.Whole != len(c.want) {
			t.Errorf("%s: %v of %d, want %v", c.part, names(c.list), c.list.Whole, c.want)
		}
	}
	if got.Certificates != 5 || got.Failed.Rows[1].Count != 1 || got.Failed.Rows[1].What != "renew ended: the CA refused" {
		t.Errorf("%d certificates, failed: %+v", got.Certificates, got.Failed.Rows)
	}
	if words := fmt.Sprint(got.Answered); words != "[{hana 0 1} {minji 2 0}]" {
		t.Errorf("answered: %s", words)
	}
	if got = must[alert.Weekly](w, w.Weekly, activities.WeeklyInput{Team: "ops"}); !slices.Equal(names(got.Unowned), []string{"nobodys"}) || got.Certificates != 2 {
		t.Errorf("the catch-all is told of %v", names(got.Unowned))
	}
}
