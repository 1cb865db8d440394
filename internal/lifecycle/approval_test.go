package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// askingWorld plays a managed certificate of 90 days under an approval policy.
func askingWorld(a ApprovalPolicy) (*world, *[]Decision) {
	p := Default()
	p.Approval = a
	w := newWorld(Spec{Managed: true, Policy: p}, epoch, 90*day)
	w.begin(epoch, true)
	return w, runsOf(w)
}

func by(who string, roles ...people.Role) Decided {
	return Decided{Order: Order{By: who, Via: "cli", Note: "looked at it"}, Roles: roles, Checked: true}
}

func (w *world) decide(t *testing.T, in Decided) {
	t.Helper()
	if err := w.s.CheckDecide(in); err != nil {
		t.Fatal(err)
	}
	w.s.Decide(w.now, in)
}

func TestPeopleAreAskedBeforeIssuingAndNothingIsOrderedWithoutThem(t *testing.T) {
	w, runs := askingWorld(ApprovalPolicy{Before: DoIssue})
	w.play(epoch.Add(53*day - time.Second))
	if w.s.Approval != nil || len(w.told) > 0 {
		t.Fatalf("asked too early: %+v", w.s.Approval)
	}
	w.play(epoch.Add(59 * day))
	a := w.s.open(alert.ApprovalNeeded)
	if a == nil || a.Severity != alert.P3 || len(*runs) != 0 || w.s.Approval.Requester != "" {
		t.Fatalf("%+v, runs %v", w.s.Alerts, *runs)
	}
	w.play(epoch.Add(61 * day)) // it is due now
	if a := w.s.open(alert.ApprovalNeeded); a.Severity != alert.P2 || len(*runs) != 0 {
		t.Fatalf("%+v, runs %v", a, *runs)
	}
	w.decide(t, by("boss", people.Manager))
	w.play(epoch.Add(62 * day))
	if len(*runs) != 1 || (*runs)[0].Reason != RenewalDue || w.s.Live.Serial != "2" || w.s.Approval != nil {
		t.Errorf("runs %+v, approval %+v", *runs, w.s.Approval)
	}
	if a := w.s.Alert(a.ID); a.Open() || a.Evidence != "approved by boss" {
		t.Errorf("%+v", a)
	}
}

func TestAnApprovalInTimeBringsTheRenewalOnItsUsualDay(t *testing.T) {
	w, runs := askingWorld(ApprovalPolicy{Before: DoIssue})
	w.play(epoch.Add(54 * day))
	w.decide(t, by("boss", people.Manager))
	w.play(epoch.Add(61 * day))
	if len(*runs) != 1 || dayOf((*runs)[0].Due) != 60 {
		t.Errorf("runs %+v", *runs)
	}
}

func TestBeforeDeployingTheFirstRunIssuesAndTheSecondDeploysTheSameVersion(t *testing.T) {
	w, runs := askingWorld(ApprovalPolicy{Before: DoDeploy})
	w.play(epoch.Add(65 * day))
	c := w.s.Renewal.Candidate
	if len(*runs) != 1 || !(*runs)[0].Step.Run.Hold || c.Serial != "2" || w.s.Live.Serial != "1" || w.s.Approval.Version != c.Fingerprint {
		t.Fatalf("runs %+v, candidate %+v, approval %+v", *runs, c, w.s.Approval)
	}
	if v := w.served["web1"]; v.Serial != "1" {
		t.Fatalf("%s is served before anybody approved", v.Serial)
	}
	w.decide(t, by("boss", people.Manager))
	w.play(epoch.Add(66 * day))
	if len(*runs) != 2 || (*runs)[1].Step.Run.Only != c.Fingerprint || w.s.Live.Fingerprint != c.Fingerprint || w.made != 2 {
		t.Errorf("runs %+v, live %s, made %d", *runs, w.s.Live.Serial, w.made)
	}
}

func TestAnotherCandidateThanTheApprovedOneIsAskedAbout(t *testing.T) {
	w, _ := askingWorld(ApprovalPolicy{Before: DoDeploy})
	w.play(epoch.Add(65 * day))
	was := w.s.Approval.Version
	w.decide(t, by("boss", people.Manager))
	w.candidate = map[cert.Fingerprint]cert.Version{} // the store lost it before it was deployed
	w.play(epoch.Add(66 * day))
	a := w.s.Approval
	if a == nil || a.granted() || a.Version == was || w.s.Live.Serial != "1" || w.s.open(alert.ApprovalNeeded) == nil || w.s.open(alert.ApprovalNeeded).Round != 2 {
		t.Errorf("%+v, live %s", a, w.s.Live.Serial)
	}
}

func TestWhoAskedMayNotApproveAndNeitherMayWhoHasNoRole(t *testing.T) {
	w, runs := askingWorld(ApprovalPolicy{Before: DoIssue, By: []people.Role{people.Manager, people.TeamAll}, Count: 2})
	w.play(epoch.Add(10 * day))
	w.s.Renew = &Order{By: "minji", At: w.now}
	w.play(epoch.Add(10*day + time.Minute))
	if a := w.s.Approval; a == nil || a.Requester != "minji" || len(*runs) != 0 {
		t.Fatalf("%+v", a)
	}
	for name, tc := range map[string]struct {
		in   Decided
		want string
	}{
		"the requester":   {by("minji", people.TeamAll, people.Owner), "minji asked for it, and somebody else has to approve it: who fills a role of manager, team"},
		"without a role":  {by("hana", people.OnCall), "hana may not decide on shop; who fills a role of manager, team may"},
		"denying as well": {func() Decided { d := by("hana"); d.Deny = true; return d }(), "hana may not decide"},
	} {
		if err := w.s.CheckDecide(tc.in); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.s.CheckRenew(w.now); err == nil || !strings.Contains(err.Error(), "waits for approval since") {
		t.Errorf("%v", err)
	}
	w.decide(t, by("boss", people.Manager))
	if err := w.s.CheckDecide(by("boss", people.Manager)); err == nil || !strings.Contains(err.Error(), "1 of 2 approvals are there") {
		t.Errorf("%v", err)
	}
	w.play(epoch.Add(10*day + time.Hour))
	if len(*runs) != 0 {
		t.Fatal("one approval of two was enough")
	}
	w.decide(t, by("jun", people.TeamAll))
	w.play(epoch.Add(10*day + 2*time.Hour))
	if len(*runs) != 1 || (*runs)[0].Step.Run.ByHand != "minji" || w.s.Live.Serial != "2" {
		t.Errorf("runs %+v", *runs)
	}
	if err := w.s.CheckDecide(by("boss", people.Manager)); err == nil || !strings.Contains(err.Error(), "nothing of shop waits for approval") {
		t.Errorf("%v", err)
	}
}

func TestWhoEnrolledMayNotApproveTheFirstIssuance(t *testing.T) {
	p := Default()
	p.Approval = ApprovalPolicy{Before: DoIssue, By: []people.Role{people.Owner, people.Manager}}
	w := newWorld(Spec{Managed: true, Policy: p}, epoch, 90*day)
	w.s.EnrolledBy = "minji"
	w.begin(epoch, false)
	w.play(epoch.Add(time.Hour))
	if err := w.s.CheckDecide(by("minji", people.Owner)); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Fatal(err)
	}
	w.decide(t, by("boss", people.Manager))
	w.play(epoch.Add(2 * time.Hour))
	if w.s.Live.Serial != "1" {
		t.Errorf("%+v", w.s.Approval)
	}
}

// TestUnansweredThePolicyDecides is D8: a question that nobody answers escalates,
// pages, and the policy decides right before the last safe moment.
func TestUnansweredThePolicyDecides(t *testing.T) {
	for _, before := range []Deed{DoIssue, DoDeploy} {
		w, runs := askingWorld(ApprovalPolicy{Before: before})
		safe := versionNo(1, epoch, 90*day).NotAfter.Add(-9 * day)
		w.play(safe.Add(-3 * time.Hour))
		a := w.s.open(alert.ApprovalNeeded)
		if a == nil || a.Severity != alert.P1 || w.s.Live.Serial != "1" || !slices.Contains(w.told, noticed{alert.ApprovalNeeded, alert.PageAll}) {
			t.Fatalf("%s: %+v, told %v", before, w.s.Alerts, w.told)
		}
		var granted *Approval
		decided := w.applied
		w.applied = func(d Decision) {
			if decided != nil {
				decided(d)
			}
			if d.Reason == ApprovalUnanswered {
				granted = d.Step.Approval
			}
		}
		w.play(safe.Add(time.Minute))
		if granted == nil || !granted.ByPolicy || granted.Votes[0].By != "policy default" || w.s.Live.Serial != "2" {
			t.Fatalf("%s: %+v, live %s, runs %+v", before, granted, w.s.Live.Serial, *runs)
		}
		if a := w.s.Alert(a.ID); a.Evidence != "approved by policy default" {
			t.Errorf("%s: %+v", before, a)
		}
	}
}

func TestUnansweredInAFreezeItIsRenewedAtTheLastSafeMomentAndBothAreOnRecord(t *testing.T) {
	w := frozenWorld(true, [2]int{55, 95})
	w.s.Spec.Policy.Approval = ApprovalPolicy{Before: DoIssue}
	w.outage = epoch.Add(56 * day)
	runs, decided := runsOf(w), []Reason{}
	w.applied = func(d Decision) {
		if d.Step.Kind == StepApproval {
			decided = append(decided, d.Reason)
		}
	}
	w.play(epoch.Add(90 * day))
	last := versionNo(1, epoch, 90*day).NotAfter.Add(-9 * day)
	if len(*runs) != 1 || (*runs)[0].Due.After(last.Add(time.Second)) || (*runs)[0].Step.Run.Yields == nil || w.s.Live.Serial != "2" {
		t.Errorf("runs %+v", *runs)
	}
	if !slices.Equal(decided, []Reason{ApprovalAsked, ApprovalUnanswered}) || w.s.Thawed == nil || !w.s.Thawed.Policy {
		t.Errorf("decided %v, %+v", decided, w.s.Thawed)
	}
}

func TestADenialHoldsAndNeverLapsesSilently(t *testing.T) {
	w, runs := askingWorld(ApprovalPolicy{Before: DoIssue})
	w.play(epoch.Add(61 * day))
	id, no := w.s.open(alert.ApprovalNeeded).ID, by("boss", people.Manager)
	no.Deny, no.Note = true, "the shop moves to another CA"
	w.decide(t, no)
	w.play(epoch.Add(62 * day))
	if a := w.s.Alert(id); a.Open() || a.Evidence != "denied by boss: the shop moves to another CA" {
		t.Fatalf("%+v", a)
	}
	w.play(epoch.Add(69 * day)) // a week later people are asked again
	if a := w.s.Alert(id); !a.Open() || a.Round < 2 {
		t.Fatalf("%+v", a)
	}
	w.play(epoch.Add(89 * day))
	if len(*runs) != 0 {
		t.Fatalf("it was renewed although a human denied it: %+v", *runs)
	}
	for reason, severity := range map[alert.Reason]alert.Severity{alert.ApprovalNeeded: alert.P1, alert.Expiring: alert.P1} {
		if a := w.s.open(reason); a == nil || a.Severity != severity || a.Told == 0 {
			t.Errorf("%s: %+v", reason, a)
		}
	}
	w.decide(t, by("boss", people.Manager))
	w.play(epoch.Add(89*day + time.Hour))
	if w.s.Live.Serial != "2" {
		t.Error("an approval after the denial does not count")
	}
}

func TestADenialRefusesWhatWasAskedForByHandAndItCanBeAskedAgain(t *testing.T) {
	w, runs := askingWorld(ApprovalPolicy{Before: DoDeploy})
	w.play(epoch.Add(10 * day))
	older := versionNo(7, epoch.Add(-20*day), 90*day)
	w.s.Previous = older
	w.served["web1"] = w.s.Live
	ask := func() {
		o := Order{By: "minji", At: w.now, Fingerprint: older.Fingerprint}
		if err := w.s.CheckDeploy(w.now, o); err != nil {
			t.Fatal(err)
		}
		w.s.AskDeploy(o)
	}
	ask()
	w.play(epoch.Add(10*day + time.Minute))
	if err := w.s.CheckDeploy(w.now, Order{By: "hana"}); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("%v", err)
	}
	no := by("boss", people.Manager)
	no.Deny = true
	w.decide(t, no)
	w.play(epoch.Add(10*day + time.Hour))
	if w.s.Deploy != nil || w.s.Approval != nil || len(*runs) != 0 {
		t.Fatalf("%+v %+v", w.s.Deploy, w.s.Approval)
	}
	ask()
	w.play(epoch.Add(11 * day))
	w.decide(t, by("boss", people.Manager))
	w.play(epoch.Add(12 * day))
	if len(*runs) != 1 || (*runs)[0].Step.Run.Version != older.Fingerprint || w.s.Approval != nil {
		t.Errorf("runs %+v, %+v", *runs, w.s.Approval)
	}
	ask2 := Order{By: "minji", At: w.now, Fingerprint: w.s.Previous.Fingerprint}
	w.s.AskDeploy(ask2)
	w.play(epoch.Add(30 * day)) // nobody decides: it is dropped
	if w.s.Deploy != nil || len(*runs) != 1 {
		t.Errorf("%+v, runs %d", w.s.Deploy, len(*runs))
	}
}

func TestAPolicyThatOnlyPagesOrDeniesRenewsNothingByItself(t *testing.T) {
	for _, unanswered := range []string{UnansweredPage, UnansweredDeny} {
		w, runs := askingWorld(ApprovalPolicy{Before: DoIssue, Unanswered: unanswered})
		w.play(epoch.Add(89 * day))
		if a := w.s.open(alert.Expiring); len(*runs) != 0 || a == nil || a.Severity != alert.P1 {
			t.Errorf("%s: runs %v, %+v", unanswered, *runs, w.s.Alerts)
		}
		if denied := w.s.Approval.Denied; (denied != nil && denied.By == "policy default") != (unanswered == UnansweredDeny) {
			t.Errorf("%s: %+v", unanswered, denied)
		}
		w.decide(t, by("boss", people.Manager))
		w.play(epoch.Add(89*day + time.Hour))
		if w.s.Live.Serial != "2" {
			t.Errorf("%s: too late an approval does not count", unanswered)
		}
	}
}

func TestAnApprovalPolicyThatMakesNoSenseIsRefused(t *testing.T) {
	for want, a := range map[string]ApprovalPolicy{
		`approval.before: "lunch" is not one of issue, deploy`:   {Before: "lunch"},
		"approval.before: is missing":                            {Count: 2},
		`approval.by[0]: role "boss" is not one of`:              {Before: DoIssue, By: []people.Role{"boss"}},
		"approval.count: 9 is not between 1 and 5":               {Before: DoIssue, Count: 9},
		`approval.unanswered: "shrug" is not one of`:             {Before: DoIssue, Unanswered: "shrug"},
		"approval.ask_before: 300d before renew_left 1/3 is bef": {Before: DoIssue, AskBefore: span("300d")},
	} {
		p := Default()
		p.Approval = a
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAPolicyWithoutApprovalsMayRenewAtOnce(t *testing.T) {
	p := Default()
	p.RenewLeft, p.RenewLeftShort = span("99%"), span("99%")
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func approvalsOf(d dice, p Policy) Policy {
	p.Approval = ApprovalPolicy{Before: pick(d, DoIssue, DoDeploy), Count: d.IntN(3), Unanswered: pick(d, "", UnansweredApprove, UnansweredApprove, UnansweredPage, UnansweredDeny)}
	return p
}

// TestNobodyAnsweringNeverLetsACertificateLapse is the invariant of D8 over many
// freezes and lifetimes: where the policy may decide, it does so in time.
func TestNobodyAnsweringNeverLetsACertificateLapse(t *testing.T) {
	for seed := range max(40, histories/30) {
		d := rand.New(rand.NewPCG(seed, 17))
		p := approvalsOf(d, Default())
		p.Approval.Unanswered = ""
		if d.IntN(2) == 0 {
			p = freezesOf(d, p)
		}
		w := newWorld(Spec{Managed: true, Policy: p}, epoch, pick(d, 90*day, 6*day, 47*day))
		w.mute = true
		w.begin(epoch.Add(w.lifetime*time.Duration(d.IntN(90))/100), true)
		g, byPolicy := guarded(w), 0
		decided := w.decided
		w.decided = func(dec Decision) {
			decided(dec)
			if w.s.Live.Fingerprint != "" && !w.now.Before(w.s.Live.NotAfter) {
				g.failf("it lapsed; %+v %+v", p.Approval, p.Freezes)
			}
			if dec.Reason == ApprovalUnanswered {
				byPolicy++
			}
		}
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("seed %d: %v", seed, r)
				}
			}()
			w.play(epoch.Add(2 * w.lifetime))
		}()
		if byPolicy == 0 || w.made < 2 {
			t.Errorf("seed %d: decided %d times, %d versions", seed, byPolicy, w.made)
		}
	}
}

func TestWhatMustAlwaysHoldInRandomHistoriesWithApprovals(t *testing.T) {
	granted := 0
	for seed := range max(40, histories/30) {
		playIn(t, fmt.Sprintf("seed %d", seed), func() (*world, time.Time) {
			d := rand.New(rand.NewPCG(seed, 19))
			w, until := history(d)
			w.s.Spec.Policy = approvalsOf(d, w.s.Spec.Policy)
			for range d.IntN(6) {
				at := w.s.EnrolledAt.Add(share100(d, until.Sub(w.s.EnrolledAt), 100))
				in := by(pick(d, "boss", "jun"), people.Manager)
				in.Deny = d.IntN(3) == 0
				w.at(at, func() {
					if w.s.CheckDecide(in) == nil && w.s.Decide(w.now, in) && !in.Deny {
						granted++
					}
				})
			}
			return w, until
		}, 250)
	}
	if granted == 0 {
		t.Error("nobody ever approved anything")
	}
}
