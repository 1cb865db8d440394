package lifecycle

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// firing is a watched or managed certificate of 90 days on a day of its life,
// with an open alert that has told its first step.
func firing(on time.Duration, managed bool) (State, time.Time) {
	now := epoch.Add(on)
	v := versionNo(1, epoch, 90*day)
	s := State{
		Spec: Spec{Name: "shop", Names: v.Names, Managed: managed, Policy: Default(), Endpoints: []cert.Endpoint{{Host: "shop.example.com", Port: 443}}},
		Live: v, LiveAt: epoch, EnrolledAt: epoch,
	}
	s.Observed(now, seeing(s, v))
	a := Alert{ID: alert.ID("shop", v.Fingerprint, alert.Expiring), Reason: alert.Expiring, Version: v.Fingerprint, Severity: alert.P3, Plan: "P3",
		Level: 1, Status: Firing, FiredAt: now, Round: 1, Step: 1, NextAt: now.Add(day), Told: 1, LapAt: now,
		Receipts: []alert.Receipt{{Channel: "slack", Kind: "slack", To: "minji"}}}
	s.Alerts = []Alert{a}
	return s, now
}

func seeing(s State, v cert.Version) []cert.Observation {
	return []cert.Observation{{Endpoint: s.Spec.Endpoints[0], Version: v}}
}

func TestHowLongAnAcknowledgementLasts(t *testing.T) {
	for _, c := range []struct {
		name string
		on   time.Duration
		for_ time.Duration
		want time.Duration
	}{
		{"as long as the policy allows", 76 * day, 0, day},
		{"shorter if asked", 76 * day, 4 * time.Hour, 4 * time.Hour},
		{"not longer than the policy allows", 76 * day, 72 * time.Hour, day},
		{"at most until the next threshold", 82*day + 18*time.Hour, 0, 6 * time.Hour},
		{"at most until the end", 89*day + 20*time.Hour, 0, 4 * time.Hour},
		{"after the end as long as the policy allows", 91 * day, 72 * time.Hour, day},
	} {
		s, now := firing(c.on, false)
		done := s.Acknowledge(now, Answered{By: "minji", For: c.for_})
		if len(done) != 1 || !done[0].Answer.Until.Equal(now.Add(c.want)) || !done[0].NextAt.Equal(now.Add(c.want)) {
			t.Errorf("%s: %+v", c.name, done)
		}
		if a := s.Alerts[0]; !a.Open() || a.Status != Acknowledged || a.Edit != alert.Acknowledged {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func TestAnAcknowledgementReentersOneStepAbove(t *testing.T) {
	for told, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 3} {
		s, now := firing(76*day, false)
		a := &s.Alerts[0]
		if a.Step = told; told == 4 {
			a.NextAt = time.Time{}
		}
		s.Acknowledge(now, Answered{By: "minji"})
		if a.Step != want {
			t.Errorf("after step %d was told it goes on with step %d, not %d", told, a.Step, want)
		}
	}
	s, now := firing(88*day, false)
	s.Alerts[0].Plan, s.Alerts[0].Step = "P1", 0 // the last was told, and the first is next
	s.Acknowledge(now, Answered{By: "minji"})
	if got := s.Alerts[0].Step; got != 1 {
		t.Errorf("a plan that repeats goes on with step %d, not its last", got)
	}
	s.Snooze(epoch.Add(70*day), Answered{By: "minji", Until: epoch.Add(72 * day)})
	s.Acknowledge(epoch.Add(71*day), Answered{By: "minji"})
	if got := s.Alerts[0].Step; got != 0 {
		t.Errorf("what was snoozed goes on with step %d, not its first", got)
	}
}

func TestASnoozeEndsAtTheLastSafeMoment(t *testing.T) {
	s, now := firing(76*day, false)
	in := Answered{By: "minji", Until: now.Add(1000 * day)}
	if err := s.CheckSnooze(now, in); err != nil {
		t.Fatal(err)
	}
	if done := s.Snooze(now, in); !done[0].SnoozedUntil.Equal(epoch.Add(81 * day)) {
		t.Errorf("snoozed until %s", done[0].SnoozedUntil)
	}
	late := epoch.Add(81 * day)
	in.Until = late.Add(time.Hour)
	if err := s.CheckSnooze(late, in); err == nil || !strings.Contains(err.Error(), "acknowledge instead") {
		t.Errorf("after the last safe moment: %v", err)
	}
}

func TestWhatIsRefusedSaysWhatToDo(t *testing.T) {
	watched, now := firing(76*day, false)
	managed, _ := firing(76*day, true)
	closed := watched.Clone()
	closed.Alerts[0].Status, closed.Alerts[0].ResolvedAt, closed.Alerts[0].Evidence = Resolved, now, "replaced"
	paused := managed.Clone()
	paused.Paused = &Pause{Order: Order{By: "minji", Note: "freeze"}, Until: now.Add(day)}
	busy := managed.Clone()
	busy.Flights = []Flight{{Kind: FlyRenewal, ID: string(ForRenewal), At: now}}
	expired := managed.Clone()
	expired.Previous = versionNo(0, epoch.Add(-90*day), 90*day)
	retiring := managed.Clone()
	retiring.Retire = &Order{By: "minji"}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing fires":             {ptr(State{Spec: watched.Spec}).CheckAcknowledge(Answered{By: "minji"}), "no alert is firing"},
		"resolved already":          {closed.CheckAcknowledge(Answered{By: "minji", Alert: closed.Alerts[0].ID}), "was resolved at"},
		"no such alert":             {watched.CheckAcknowledge(Answered{By: "minji", Alert: "x"}), "neverlapse status shop"},
		"nobody acknowledges":       {watched.CheckAcknowledge(Answered{}), "needs a name"},
		"nobody snoozes":            {watched.CheckSnooze(now, Answered{Until: now.Add(1)}), "needs a name"},
		"snoozed into the past":     {watched.CheckSnooze(now, Answered{By: "minji", Until: now}), "must end in the future"},
		"snooze of nothing":         {closed.CheckSnooze(now, Answered{By: "minji", Until: now.Add(1)}), "no alert is firing"},
		"renew what is watched":     {watched.CheckRenew(now), "only watched"},
		"renew while renewing":      {busy.CheckRenew(now), "already under way"},
		"renew while paused":        {paused.CheckRenew(now), "neverlapse resume shop"},
		"roll back what is watched": {watched.CheckRollBack(now, ""), "only watched"},
		"roll back while renewing":  {busy.CheckRollBack(now, ""), "under way"},
		"roll back to nothing":      {managed.CheckRollBack(now, ""), "no previous version"},
		"roll back to itself":       {managed.CheckRollBack(now, managed.Live.Fingerprint), "already is the live version"},
		"roll back to the expired":  {expired.CheckRollBack(now, ""), "would not help"},
		"roll back before issuance": {ptr(State{Spec: managed.Spec}).CheckRollBack(now, ""), "never been issued"},
		"pause what is watched":     {watched.CheckPause(now, Pause{Order: Order{Note: "x"}, Until: now.Add(1)}), "only watched"},
		"pause without a reason":    {managed.CheckPause(now, Pause{Until: now.Add(1)}), "needs a reason"},
		"pause into the past":       {managed.CheckPause(now, Pause{Order: Order{Note: "x"}, Until: now}), "in the future"},
		"resume what goes on":       {managed.CheckResume(), "neither paused nor held"},
		"retire what is served":     {managed.CheckRetire(false), "--force"},
		"retire twice":              {retiring.CheckRetire(true), "already being retired"},
	} {
		var r Refusal
		if c.err == nil || !errors.As(c.err, &r) || !strings.Contains(r.Text, c.want) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	for name, err := range map[string]error{
		"renew": managed.CheckRenew(now), "retire by force": managed.CheckRetire(true), "resume": paused.CheckResume(),
		"pause": managed.CheckPause(now, Pause{Order: Order{Note: "x"}, Until: now.Add(1)}), "acknowledge": watched.CheckAcknowledge(Answered{By: "x"}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestARenewalByHandWaitsForTheCAOnly(t *testing.T) {
	s, now := firing(76*day, true)
	s.Alerts = nil
	s.Renewal.Attempts = []Attempt{{At: now, Outcome: CAUnavailable}}
	s.Renewal.RetryAt, s.Renewal.NotBefore = now.Add(3*time.Hour), now.Add(time.Hour)
	s.Renew = &Order{By: "minji"}
	if d := Next(now, s); d.Step.Kind == StepRun {
		t.Errorf("it begins before the CA allows it: %+v", d)
	}
	if d := Next(now.Add(time.Hour), s); d.Step.Kind != StepRun || d.Step.Run.ByHand != "minji" {
		t.Errorf("it does not begin when the CA allows it: %+v", d)
	}
}

func TestAChangedSpecIsTriedAfresh(t *testing.T) {
	s, now := firing(65*day, true)
	s.Alerts = nil
	s.Spec.Targets = []string{"web1", "web2"}
	s.Installed = []Installed{{Target: "web1"}, {Target: "web2", Behind: "away", Since: now}}
	s.Renewal = Renewal{Renewed: now.Add(-day), RetryAt: now.Add(9 * day), NotBefore: now.Add(2 * day), DownSince: now, FailingSince: now,
		Attempts: []Attempt{{At: now, Outcome: ConfigurationRefused, Counts: true}}}
	same := s.Clone()
	same.SetSpec(same.Spec)
	if len(same.Renewal.Attempts) != 1 || same.Look == nil {
		t.Errorf("the same spec again: %+v", same.Renewal)
	}
	names := s.Spec
	names.Names, names.Targets = []string{"shop.example.com", "www.example.com"}, []string{"web1"}
	s.SetSpec(names)
	if len(s.Renewal.Attempts) != 0 || !s.Renewal.RetryAt.IsZero() || s.Renewal.NotBefore.IsZero() || len(s.Installed) != 1 {
		t.Errorf("other names: %+v, %+v", s.Renewal, s.Installed)
	}
	s.Look = nil
	at := now.Add(2 * day)
	s.Observed(at, seeing(s, s.Live))
	if d := Next(at, s); d.Step.Kind != StepRun || d.Reason != NamesNotCovered {
		t.Errorf("names that are not covered wait for %s: %s", d.Due, d.Reason)
	}
	other := s.Spec
	other.CA = "other"
	s.SetSpec(other)
	if !s.Renewal.NotBefore.IsZero() || !s.Renewal.DownSince.IsZero() {
		t.Errorf("the word of one CA binds another: %+v", s.Renewal)
	}
	other.Managed = false
	s.Paused, s.Held = &Pause{}, &Order{}
	s.SetSpec(other)
	if s.Paused != nil || s.Held != nil || len(s.Renewal.Attempts) > 0 {
		t.Errorf("what is only watched is paused or held: %+v", s)
	}
}

func TestNewThresholdsFireAnew(t *testing.T) {
	s, now := firing(84*day, false)
	s.Alerts[0].Level, s.Alerts[0].Severity = 2, alert.P2
	spec := s.Spec
	spec.Policy.Thresholds = []Threshold{{span("10d"), alert.P2}, {span("5d"), alert.P1}}
	s.SetSpec(spec)
	if got := s.Alerts[0].Level; got != 0 {
		t.Fatalf("six days left count as threshold %d", got)
	}
	s.Look = nil
	at := now.Add(day)
	s.Observed(at, seeing(s, s.Live))
	if d := Next(at, s); d.Step.Kind != StepTell || d.Step.Alert.Severity != alert.P1 {
		t.Errorf("at five days: %+v", d)
	}
}

func TestWhoeverSawTheAlertBeforeAnotherAnsweredIsTold(t *testing.T) {
	s, now := firing(76*day, false)
	in := Answered{Alert: s.Alerts[0].ID, By: "hana", Via: "page", Seen: s.Alerts[0].Standing(), Until: now.Add(time.Hour)}
	if err := errors.Join(s.CheckAcknowledge(in), s.CheckSnooze(now, in)); err != nil {
		t.Fatalf("what was seen is what is: %v", err)
	}
	s.Alerts[0].Step, s.Alerts[0].Told = 2, 2 // the next step was told; the answer is about the same
	if err := s.CheckAcknowledge(in); err != nil {
		t.Errorf("after the next step: %v", err)
	}
	s.Acknowledge(now.Add(time.Minute), Answered{Alert: in.Alert, By: "minji", Via: "cli"})
	for _, err := range []error{s.CheckAcknowledge(in), s.CheckSnooze(now, in)} {
		if err == nil || !strings.Contains(err.Error(), "minji was first") || !strings.Contains(err.Error(), "by cli") {
			t.Errorf("after minji: %v", err)
		}
	}
	in.Seen = s.Alerts[0].Standing()
	if err := s.CheckAcknowledge(in); err != nil {
		t.Errorf("to take it over knowingly: %v", err)
	}
	s.Alerts[0].Round, s.Alerts[0].Status, s.Alerts[0].Answer = 2, Firing, nil
	if err := s.CheckAcknowledge(in); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("after it fired again: %v", err)
	}
}

func TestAnAlertThatIsNoLongerQuietedFiresInARoundOfItsOwn(t *testing.T) {
	for name, quiet := range map[string]func(*State, time.Time, Answered){
		"acknowledged": func(s *State, now time.Time, in Answered) { s.Acknowledge(now, in) },
		"snoozed":      func(s *State, now time.Time, in Answered) { s.Snooze(now, in) },
	} {
		s, now := firing(76*day, false)
		before := s.Alerts[0]
		in := Answered{Alert: before.ID, By: "minji", Via: "cli", For: time.Hour, Until: now.Add(time.Hour), Seen: strconv.Itoa(before.Round)}
		if err := errors.Join(s.CheckAcknowledge(in), s.CheckSnooze(now, in)); err != nil {
			t.Fatalf("%s: the round that fires was seen: %v", name, err)
		}
		quiet(&s, now, in)
		if err := s.CheckAcknowledge(in); name == "acknowledged" && (err == nil || !strings.Contains(err.Error(), "minji was first")) {
			t.Errorf("the second in the same round: %v", err)
		}
		at := now.Add(2 * time.Hour)
		s.Look = nil
		s.Observed(at, seeing(s, s.Live))
		d := Next(at, s)
		if d.Step.Kind != StepTell || d.Step.Alert.Round != before.Round+1 || d.Step.Alert.Standing() == before.Standing() {
			t.Errorf("%s: %s, %+v; want round %d", name, d.Step.Kind, d.Step.Alert, before.Round+1)
		}
	}
}
