package lifecycle

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// deciding says which grounds may stand behind a state.
var deciding = map[string][]GroundCode{
	StateRetired:      {BecauseRetiring},
	StateRenewing:     {BecauseUnderWay},
	StateSpent:        {BecauseSpent},
	StateFiring:       {BecauseFiring, BecauseSnoozed},
	StateAcknowledged: {BecauseAcknowledged},
	StatePaused:       {BecausePaused},
	StateWaiting:      {BecauseWaitsForCA},
	StateNew:          {BecauseNeverSeen, BecauseNeverIssued},
	StateHealthy:      {BecauseInDate, BecauseCrossed, BecauseExpired},
}

// standsIn holds the state of a certificate, and that a ground for it is told.
func standsIn(t *testing.T, s State, now time.Time, state string) {
	t.Helper()
	got, grounds := look(now, &s).attributes(now).State, Grounds(now, s)
	if got != state || !slices.ContainsFunc(grounds, func(g Ground) bool { return slices.Contains(deciding[state], g.Code) }) {
		t.Errorf("it is %s and not %s, by %+v", got, state, grounds)
	}
}

func TestACertificateThatIsNotKnownYetIsNotCalledHealthy(t *testing.T) {
	for _, managed := range []bool{true, false} {
		w := newWorld(Spec{Managed: managed, Policy: Default()}, epoch, 90*day)
		w.s.Live = cert.Version{}
		standsIn(t, w.s, epoch, StateNew)
		w.s.Live = w.make(w.issued)
		standsIn(t, w.s, epoch, StateHealthy)
	}
}

func TestEveryStateHasItsGroundsAndEveryMoveIsTaken(t *testing.T) {
	states, moves := map[string]int{}, map[MoveCode]int{}
	for seed := range uint64(300) {
		w, until := history(rand.New(rand.NewPCG(seed, 7)))
		w.mute, w.limit = true, 120
		steps := 0
		w.decided = func(d Decision) {
			if steps++; steps%5 != 0 {
				return
			}
			s, now := w.s, w.now
			grounds := Grounds(now, s)
			states[d.Attributes.State]++
			if !slices.ContainsFunc(grounds, func(g Ground) bool { return slices.Contains(deciding[d.Attributes.State], g.Code) }) {
				t.Fatalf("seed %d: %s has no ground: %+v", seed, d.Attributes.State, grounds)
			}
			for _, m := range Moves(now, s) {
				moves[m.Code]++
				if err := taken(now, s.Clone(), m); err != nil {
					t.Errorf("seed %d: %s is refused: %v", seed, m.Command, err)
				}
			}
		}
		w.play(until)
	}
	s, now := firing(61*day, true)
	s.Retire = &Order{By: "minji", At: now}
	if got := Grounds(now, s); got[0].Code != BecauseRetiring || look(now, &s).attributes(now).State != StateRetired {
		t.Errorf("why it is retired comes not first: %+v", got)
	}
	for state := range deciding {
		if states[state] == 0 && state != StateRetired && state != StateWaiting { // no history has an account at the CA
			t.Errorf("no history was %s", state)
		}
	}
	for _, m := range []MoveCode{MoveAck, MoveSnooze, MoveCheck, MoveRenew, MoveResume, MoveRollBack, MovePause, MoveCA, MoveManage} {
		if moves[m] == 0 {
			t.Errorf("%s was never offered", m)
		}
	}
}

// taken makes a move as its handler would, and holds what was said of its effect.
func taken(now time.Time, s State, m Move) error {
	switch m.Code {
	case MoveAck:
		return s.CheckAcknowledge(Answered{By: "minji"})
	case MoveSnooze:
		return s.CheckSnooze(now, Answered{By: "minji", Until: now.Add(day)})
	case MoveRenew, MoveRenewNew:
		return s.CheckRenew(now)
	case MoveRollBack:
		return s.CheckRollBack(now, "")
	case MoveDeploy:
		targets := strings.Split(strings.Fields(m.Command)[4], ",")
		return s.CheckDeploy(now, Order{By: "minji", Targets: targets})
	case MovePause:
		return s.CheckPause(now, Pause{Order: Order{By: "minji", Note: "audit"}, Until: m.Until})
	case MoveRetire:
		return s.CheckRetire(false)
	case MoveResume:
		return s.CheckResume()
	}
	return nil
}

func TestARenewalThatWaitsForItsCASaysSo(t *testing.T) {
	s, now := firing(61*day, true)
	s.Renewal.Awaits = &Awaits{CA: "main-ca", Since: now, Until: now.Add(time.Hour), Why: "50 of 50 this week"}
	i := slices.IndexFunc(Grounds(now, s), func(g Ground) bool { return g.Code == BecauseWaitsForCA })
	if i < 0 || Grounds(now, s)[i].Cause != "50 of 50 this week" {
		t.Errorf("%+v", Grounds(now, s))
	}
}

func TestAMoveSaysWhatItBringsAbout(t *testing.T) {
	s, now := firing(61*day, true)
	spend(8)(&s, now)
	i := slices.IndexFunc(Moves(now, s), func(m Move) bool { return m.Code == MoveResume })
	if i < 0 {
		t.Fatal("a spent budget cannot be given back")
	}
	resume := Moves(now, s)[i]
	after := s.Clone()
	after.Resume()
	events, _ := Forecast(now, now.Add(day), after, Assume{Fate: AllFail})
	j := slices.IndexFunc(events, func(e Foreseen) bool { return e.Kind == ForeseeRun })
	if j < 0 || events[j].At.Sub(resume.At).Abs() > 5*time.Second {
		t.Errorf("resume says %s, what follows is %+v", resume.At, events)
	}
	for _, m := range Moves(now, s) {
		if m.Code != MoveAck {
			continue
		}
		acked := s.Clone()
		for _, a := range acked.Acknowledge(now, Answered{By: "minji"}) {
			if !a.Answer.Until.Equal(m.Until) {
				t.Errorf("ack says %s, it lasts until %s", m.Until, a.Answer.Until)
			}
		}
	}
}

// TestWhoeverIsPagedKnowsWhatToType covers every reason that can become a P1,
// and the others too.
func TestWhoeverIsPagedKnowsWhatToType(t *testing.T) {
	for _, managed := range []bool{true, false} {
		commands := map[alert.Reason][]string{
			alert.Expiring:         {"renew shop", "ack shop"},
			alert.AttemptsSpent:    {"renew shop", "resume shop", "--update --ca CA", "ack shop"},
			alert.RollbackUnproven: {"check shop", "rollback shop --to previous", "renew shop", "ack shop"},
			alert.TargetBehind:     {"check shop", "--update --target web1 --endpoint 'shop.example.com:443@web1'", "ack shop"},
			alert.Drifted:          {"check shop", "deploy shop --target web2 --wait", "ack shop"},
			alert.Unseen:           {"check shop", "--endpoint HOST:PORT", "ack shop"},
			alert.RenewalFailing:   {"renew shop", "ack shop"},
			alert.CAUnavailable:    {"--update --ca CA", "ack shop"},

			alert.RevocationFailing: {"revoke shop --cancel", "ack shop"},
			alert.ApprovalNeeded:    {"approve shop", "deny shop --note '...'", "ack shop"},
			alert.Frozen:            {"renew shop --override-freeze --note '...' --wait", "ack shop"},
			alert.SupplyNeeded:      {"csr shop > shop.csr", "supply shop --chain FILE", "ack shop"},
		}
		for _, reason := range alert.Reasons {
			if reason.OfNone() || reason == alert.CAOutage || reason == alert.MassRenewal { // about no certificate: whoever tells says what to type
				continue
			}
			want, ok := commands[reason]
			if !ok {
				t.Errorf("nobody says what somebody who is told of %s can type", reason)
			}
			if !managed && reason == alert.Expiring {
				want = []string{"check shop", "--update --manage", "ack shop"}
			} else if !managed && reason != alert.Unseen {
				continue
			}
			s, now := inTrouble(reason, managed)
			got := Commands(now, s, s.Alerts[0])
			if len(got) == 0 || got[0] != "neverlapse explain shop" {
				t.Errorf("%s: the first command explains nothing: %q", reason, got)
			}
			for _, w := range want {
				if !strings.Contains(strings.Join(got, "\n"), w) {
					t.Errorf("%s, managed %v: %q is missing in %q", reason, managed, w, got)
				}
			}
		}
	}
}

// inTrouble is a certificate about which one alert fires.
func inTrouble(reason alert.Reason, managed bool) (State, time.Time) {
	s, now := firing(80*day, managed)
	s.Previous = versionNo(9, epoch.Add(-20*day), 120*day)
	s.Alerts = s.Alerts[:1]
	s.Alerts[0].Reason, s.Alerts[0].Severity = reason, alert.P1
	switch reason {
	case alert.AttemptsSpent:
		spend(8)(&s, now)
	case alert.RenewalFailing:
		spend(1)(&s, now)
	case alert.CAUnavailable:
		s.Renewal.DownSince = now.Add(-day)
	case alert.SupplyNeeded:
		s.Spec.Supplied = true
	case alert.ApprovalNeeded:
		s.Spec.Policy.Approval.Before, s.Approval = DoIssue, &Approval{For: ForRenewal, AskedAt: now.Add(-day)}
	case alert.Frozen:
		s.Spec.Policy.Freezes = []Freeze{{Name: "audit", From: "01-01", Until: "06-30", TimeZone: "UTC"}}
	case alert.RevocationFailing:
		s.Revoke = &Revocation{Order: Order{By: "minji", Fingerprint: s.Live.Fingerprint}, Failed: "503"}
	case alert.RollbackUnproven:
		s.Renewal.Unproven = "10.0.0.1:443 serves nothing"
	case alert.Unseen:
		s.Sight.SeenAt = now.Add(-10 * day)
		s.Sight.Observations = []cert.Observation{{Endpoint: s.Spec.Endpoints[0], Err: "connection refused"}}
	case alert.Drifted:
		s.Spec.Targets = []string{"web1", "web2"}
		s.Sight.Observations = []cert.Observation{{Target: "web2", At: now, Version: versionNo(7, now, 90*day)}}
	case alert.TargetBehind:
		s.Spec.Targets = []string{"web1", "web2"}
		s.Spec.Endpoints = []cert.Endpoint{{Host: "shop.example.com", Port: 443, Target: "web1"}, {Host: "shop.example.com", Port: 443, Target: "web2"}}
		s.Installed = []Installed{{Target: "web2", Behind: "away", Since: now.Add(-day), RetryAt: now}}
	}
	return s, now
}
