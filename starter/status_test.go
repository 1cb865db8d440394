package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// golden compares with testdata/NAME.golden; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s\nwant:\n%s", path, got, want)
	}
}

// sample is a managed certificate in trouble, with hostile texts in it.
func sample() workflows.Status {
	in := func(d time.Duration) time.Time { return today.Add(d) }
	const day = 24 * time.Hour
	live := cert.Version{Fingerprint: "aaaaaaaaaaaaaaaa", Serial: "01ab", Issuer: "Test CA", NotBefore: in(-76 * day), NotAfter: in(14*day - time.Second), Names: []string{"shop.test"}, KeyAlgorithm: "EC256"}
	old := cert.Version{Fingerprint: "bbbbbbbbbbbbbbbb", Issuer: "Test CA", NotBefore: in(-100 * day), NotAfter: in(-10 * day), Names: []string{"shop.test"}}
	spec := lifecycle.Spec{Name: "shop", Names: []string{"shop.test"}, Managed: true, Owner: "minji", Team: "web", Environment: "prod", CA: "letsencrypt", Targets: []string{"web-1", "web-2"}, Policy: lifecycle.Default()}
	s := lifecycle.State{
		Spec: spec, EnrolledAt: in(-80 * day), EnrolledBy: "jiho", Live: live, Previous: old,
		Installed: []lifecycle.Installed{{Target: "web-1", Fingerprint: live.Fingerprint}, {Target: "web-2", Behind: "ssh: no route", Since: in(-day), RetryAt: in(time.Hour)}},
		Sight: lifecycle.Sight{At: in(-time.Minute), Observations: []cert.Observation{
			{Endpoint: cert.Endpoint{Host: "10.0.0.1", Port: 443, ServerName: "shop.test"}, Version: live, At: in(-time.Minute)},
			{Target: "web-1", Version: old, Problems: []string{"expired"}, At: in(-time.Minute)},
			{Endpoint: cert.Endpoint{Host: "10.0.0.2", Port: 443}, Err: "no TLS: \u202eevil", At: in(-time.Minute)},
		}},
		Renewal: lifecycle.Renewal{Attempts: []lifecycle.Attempt{{At: in(-2 * time.Hour), Outcome: lifecycle.ValidationFailed, Cause: "403 unauthorized\n\x1b[2J", Counts: true}}, RetryAt: in(2 * time.Hour)},
		Alerts: []lifecycle.Alert{
			{ID: "shop/aaaaaaaaaaaa/renewal-failing", Reason: alert.RenewalFailing, Severity: alert.P3, Status: lifecycle.Acknowledged, FiredAt: in(-2 * time.Hour), NextAt: in(20 * time.Hour),
				Cause: "403 unauthorized", Told: 2, Answer: &alert.Answer{By: "minji", Via: "slack", Until: in(20 * time.Hour), Note: "보는 중"}, Receipts: []alert.Receipt{{To: "minji", Kind: "slack"}, {To: "web", Kind: "email"}}},
			{ID: "old", Reason: alert.Expiring, Status: lifecycle.Resolved},
		},
	}
	plan := lifecycle.PlanOf(live, nil, spec.Policy)
	return workflows.Status{
		State: s, Plan: plan, Summary: lifecycle.Attributes{State: "acknowledged", Severity: "P3"},
		Upcoming: []lifecycle.Event{
			{At: in(2 * time.Hour), Reason: lifecycle.UntilRetry},
			{At: in(20 * time.Hour), Reason: lifecycle.UntilAckLapses, Alert: "shop/aaaaaaaaaaaa/renewal-failing"},
			{At: plan.Thresholds[2].At, Reason: lifecycle.UntilThreshold},
			{At: plan.Thresholds[5].At, Reason: lifecycle.UntilThreshold},
			{At: in(30 * day), Reason: "until-something-new"},
		},
	}
}

func TestStatusSaysWhereItStandsAndWhatIsNext(t *testing.T) {
	code, out, errs := invoke(t, &fake{status: []workflows.Status{sample()}}, nil, "status", "shop")
	wantCode(t, code, exitOK, errs)
	golden(t, "status", out)
	if strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("control characters got through: %q", out)
	}
}

func TestStatusForProgramsHasDocumentedNames(t *testing.T) {
	code, out, errs := invoke(t, &fake{status: []workflows.Status{sample()}}, nil, "status", "shop", "-o", "json")
	wantCode(t, code, exitOK, errs)
	golden(t, "status.json", out)
}

func TestStatusOfACertificateThatWasNeverSeen(t *testing.T) {
	s := workflows.Status{State: lifecycle.State{Spec: lifecycle.Spec{Name: "new", Names: []string{"new.test"}, Policy: lifecycle.Default()},
		Flights: []lifecycle.Flight{{Kind: lifecycle.FlyLook, At: today.Add(-3 * time.Second)}}}}
	code, out, errs := invoke(t, &fake{status: []workflows.Status{s}}, nil, "status", "new")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "new is being looked at for the first time (watched)\n", "none is known yet", "Now:  a look at every place, for 3s", "nobody in particular")
}

func TestEveryReasonToWaitHasWords(t *testing.T) {
	for _, r := range []lifecycle.Reason{
		lifecycle.UntilThreshold, lifecycle.UntilRenewal, lifecycle.UntilRetry, lifecycle.UntilBehindRetry, lifecycle.UntilEscalation, lifecycle.UntilAckLapses,
		lifecycle.UntilSnoozeEnds, lifecycle.UntilPauseEnds, lifecycle.UntilLastSafeMoment, lifecycle.UntilLook, lifecycle.UntilUnseenTooLong, lifecycle.UntilBackstop, lifecycle.UntilSummary, lifecycle.UntilInbox, lifecycle.UntilAsked, lifecycle.UntilPolicyDecides, lifecycle.UntilFreezeEnds, lifecycle.UntilFreezeYields,
	} {
		if _, ok := whats[r]; !ok {
			t.Errorf("%s has no words", r)
		}
	}
}
