package workflows_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func kindsOf(journal []cert.Entry, kind string) (out []cert.Entry) {
	for _, e := range journal {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func TestAReassignedCertificateTellsItsNewOwnerAtOnce(t *testing.T) {
	s := tell(t, "slack", "email")
	s.acknowledge(days(60).Add(time.Hour), "owner")
	s.at(days(60).Add(2*time.Hour), func() {
		s.env.UpdateWorkflow(workflows.Reassign.Name, "r", discard{}, workflows.ReassignRequest{Request: workflows.Request{ID: "r", By: "boss", Via: "cli", Note: "owner left"}, Owner: "watch"})
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(60).Add(9*time.Hour))
	want(t, s.heard(),
		"03-02 00:00:00 owner by slack: P3 expiring",
		"03-02 02:00:00 watch by slack: P3 expiring",
		"03-02 08:00:00 team by email: P3 expiring",
	)
	got := kindsOf(s.journal, "reassigned")
	if len(got) != 1 || got[0].By != "boss" || got[0].Via != "cli" || got[0].Note != "owner left" || got[0].Text != "given to watch (team team); it was owner (team team)'s" || got[0].Details["fromOwner"] != "owner" {
		t.Errorf("on record: %+v", got)
	}
}

func TestOfTwoWhoTakeOverTheSecondHearsWhoWasFirst(t *testing.T) {
	s := tell(t, "slack")
	var first, second answer
	id := alert.ID("a", version("a.test", start, days(90).Sub(start)).Fingerprint, alert.Expiring)
	s.at(days(60).Add(time.Hour), func() {
		for by, into := range map[string]*answer{"boss": &first, "watch": &second} {
			r := workflows.Request{ID: by, By: by, Via: "slack", Of: &lifecycle.Ownership{Owner: "owner", Team: "team"}}
			s.env.UpdateWorkflow(workflows.TakeOver.Name, by, into, workflows.TakeOverRequest{Request: r, Alert: id})
		}
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.5))
	if (first.refused == nil) == (second.refused == nil) {
		t.Fatalf("refused: %v, %v", first.refused, second.refused)
	}
	if why := cmp.Or(first.refused, second.refused); !contains(why.Error(), "was first: gave a to ") {
		t.Errorf("the second heard: %v", why)
	}
	if n := len(kindsOf(s.journal, "reassigned")); n != 1 {
		t.Errorf("taken over %d times", n)
	}
	if got := kindsOf(s.journal, "acknowledged"); len(got) != 1 || got[0].By != kindsOf(s.journal, "reassigned")[0].By {
		t.Errorf("acknowledged: %+v", got)
	}
	want(t, s.heard(), "03-02 00:00:00 owner by slack: P3 expiring")
}

func TestWhatWasRefusedAtTheDoorIsOnRecord(t *testing.T) {
	s := tell(t, "slack")
	s.at(days(10), func() {
		s.env.SignalWorkflow(workflows.SignalForbidden, workflows.Forbidden{By: "hana", Via: "slack", Verb: "acknowledge", Text: "hana may not acknowledge a"})
	})
	s.run(lifecycle.Spec{}, days(11))
	if !slices.ContainsFunc(kindsOf(s.journal, "refused"), func(e cert.Entry) bool {
		return e.By == "hana" && e.Via == "slack" && e.Text == "hana may not acknowledge a" && e.Details["verb"] == "acknowledge"
	}) {
		t.Errorf("%+v", s.journal)
	}
}

func TestWhoAsksForARenewalElsewhereIsOnRecordOnce(t *testing.T) {
	s := tell(t, "slack")
	const place = "cert-manager:prod/shop/web"
	asked := activities.AskedElsewhere{ID: "1/asked/" + place, Place: place, By: "hana", Via: "cli", Note: "the issuer is back"}
	s.at(days(10), func() {
		for range 2 { // the activity is tried again after a crash
			s.env.SignalWorkflow(workflows.SignalElsewhere, asked)
		}
		s.env.SignalWorkflow(workflows.SignalElsewhere, activities.AskedElsewhere{ID: "1/refused/" + place, Place: place, By: "hana", Refused: "it is being issued already"})
		s.env.SignalWorkflow(workflows.SignalElsewhere, activities.AskedElsewhere{Place: place, By: "lee", Refused: "lee may not renew-now a", Forbidden: true})
	})
	s.run(lifecycle.Spec{}, days(11))
	if got := kindsOf(s.journal, "renew-asked"); len(got) != 1 || got[0].By != "hana" || got[0].Via != "cli" || got[0].Note != asked.Note || !strings.Contains(got[0].Text, place) {
		t.Errorf("%+v", got)
	}
	if got := kindsOf(s.journal, "refused"); len(got) != 2 || got[0].By != "hana" || !strings.HasSuffix(got[0].Text, place+" was not taken: it is being issued already") ||
		got[1].By != "lee" || got[1].Text != "lee may not renew-now a" || got[1].Details["verb"] != "renew-now" {
		t.Errorf("%+v", got)
	}
}
