package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestTheCalendarOfEachLifetime(t *testing.T) {
	for _, c := range []struct {
		lifetime, renewLeft, lastSafe time.Duration
		left                          [5]time.Duration
	}{
		{6 * day, 3 * day, 14*time.Hour + 24*time.Minute, [5]time.Duration{2 * day, day, 12 * time.Hour, 4*time.Hour + 48*time.Minute, 96 * time.Minute}},
		{47 * day, 15*day + 16*time.Hour, 112*time.Hour + 48*time.Minute, [5]time.Duration{15*day + 16*time.Hour, 7*day + 20*time.Hour, 94 * time.Hour, 37*time.Hour + 36*time.Minute, 12*time.Hour + 32*time.Minute}},
		{90 * day, 30 * day, 9 * day, [5]time.Duration{30 * day, 15 * day, 7 * day, 3 * day, day}},
		{398 * day, 132*day + 16*time.Hour, 39*day + 19*time.Hour + 12*time.Minute, [5]time.Duration{30 * day, 15 * day, 7 * day, 3 * day, day}},
	} {
		for _, short := range []time.Duration{0, time.Second} { // as CAs write it, with and without the last second
			v := cert.Version{Fingerprint: "aa", NotBefore: epoch, NotAfter: epoch.Add(c.lifetime - short)}
			p := PlanOf(v, nil, Default())
			if got := v.NotAfter.Sub(p.RenewAt); got != c.renewLeft {
				t.Errorf("%s: renewal begins with %s left, not %s", c.lifetime, got, c.renewLeft)
			}
			if got := v.NotAfter.Sub(p.LastSafe); got != c.lastSafe {
				t.Errorf("%s: the last safe moment has %s left, not %s", c.lifetime, got, c.lastSafe)
			}
			for i, want := range c.left {
				if got := v.NotAfter.Sub(p.Thresholds[i].At); got != want {
					t.Errorf("%s: threshold %d has %s left, not %s", c.lifetime, i, got, want)
				}
			}
			if last := p.Thresholds[5]; !last.At.Equal(v.NotAfter) || last.Severity != alert.P1 {
				t.Errorf("%s: expiry itself is not the last threshold", c.lifetime)
			}
		}
	}
}

func TestTheDefaultSeveritiesAreP4P3P2P1P1(t *testing.T) {
	want := []alert.Severity{alert.P4, alert.P3, alert.P2, alert.P1, alert.P1}
	for i, x := range Default().Thresholds {
		if x.Severity != want[i] {
			t.Errorf("threshold %d is %s, not %s", i, x.Severity, want[i])
		}
	}
}

// Watched certificates come from anywhere.
func TestNonsenseHasACalendarToo(t *testing.T) {
	for name, v := range map[string]cert.Version{
		"never ends":            {NotBefore: epoch, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		"ends before it begins": {NotBefore: epoch, NotAfter: epoch.Add(-day)},
		"no time at all":        {NotBefore: epoch, NotAfter: epoch},
		"zero":                  {},
	} {
		p := PlanOf(v, nil, Default())
		if p.Lifetime <= 0 || p.RenewAt.After(v.NotAfter) || p.LastSafe.Before(p.RenewAt) {
			t.Errorf("%s: %+v", name, p)
		}
		for _, x := range p.Thresholds {
			if x.At.After(v.NotAfter) {
				t.Errorf("%s: a threshold lies after the end: %+v", name, p)
			}
		}
	}
}

func TestAPolicyForLongerLivesDoesNotRenewWithoutEnd(t *testing.T) {
	p := Default()
	p.RenewLeft, p.RenewLeftShort, p.LastSafe = span("30d"), span("30d"), span("7d")
	v := cert.Version{NotBefore: epoch, NotAfter: epoch.Add(6 * day)}
	got := PlanOf(v, nil, p)
	if want := epoch.Add(3 * day); !got.RenewAt.Equal(want) || got.LastSafe.Before(want) {
		t.Errorf("renewal at %s, last safe moment %s; want half the lifetime", got.RenewAt, got.LastSafe)
	}
}

func TestWindowsOfTheCA(t *testing.T) {
	v := versionNo(7, epoch, 90*day)
	at := func(d int) time.Time { return epoch.Add(time.Duration(d) * day) }
	for _, c := range []struct {
		name       string
		start, end int
		ignored    string
	}{
		{"normal", 50, 52, ""}, {"past", 1, 2, ""}, {"backwards", 52, 50, "malformed"}, {"empty", 50, 50, "malformed"},
		{"too wide", 10, 41, "wider than a third of the lifetime"}, {"before issuance", -1, 3, "outside the validity"}, {"after the end", 80, 91, "outside the validity"},
	} {
		p := PlanOf(v, &cert.Window{Start: at(c.start), End: at(c.end)}, Default())
		if p.WindowIgnored != c.ignored {
			t.Errorf("%s: ignored because %q, not %q", c.name, p.WindowIgnored, c.ignored)
		}
		inside := !p.RenewAt.Before(at(c.start)) && p.RenewAt.Before(at(c.end))
		if c.ignored == "" && !inside {
			t.Errorf("%s: renewal at %s is outside the window", c.name, p.RenewAt)
		}
		if c.ignored != "" && !p.RenewAt.Equal(at(60)) {
			t.Errorf("%s: renewal at %s although the window is ignored", c.name, p.RenewAt)
		}
	}
	if p := PlanOf(v, &cert.Window{}, Default()); p.WindowIgnored != "malformed" {
		t.Errorf("an empty window: %q", p.WindowIgnored)
	}
}

func TestTheWindowSpreadsCertificates(t *testing.T) {
	early, late := 0, 0
	w := cert.Window{Start: epoch.Add(50 * day), End: epoch.Add(52 * day)}
	for n := range 200 {
		v := versionNo(n, epoch, 90*day)
		at := PlanOf(v, &w, Default()).RenewAt
		if again := PlanOf(v, &w, Default()).RenewAt; !again.Equal(at) {
			t.Fatal("the same certificate gets another instant")
		}
		if at.Before(epoch.Add(51 * day)) {
			early++
		} else {
			late++
		}
	}
	if early < 60 || late < 60 {
		t.Errorf("%d in the first half, %d in the second", early, late)
	}
}

func TestRetriesAreSpreadUpToTheLastSafeMoment(t *testing.T) {
	v := cert.Version{NotBefore: epoch, NotAfter: epoch.Add(90 * day)}
	p := PlanOf(v, nil, Default())
	for _, c := range []struct {
		name  string
		first time.Time
		n     int
		last  time.Time
	}{
		{"from the renewal date", p.RenewAt, 8, p.LastSafe},
		{"with no room before the last safe moment", p.LastSafe.Add(-time.Hour), 8, v.NotAfter},
		{"after the end", v.NotAfter.Add(day), 8, v.NotAfter.Add(10 * day)},
		{"a single one", p.RenewAt, 1, p.RenewAt},
		{"two", p.RenewAt, 2, p.LastSafe},
	} {
		got := RetryTimes(c.first, p, v.NotAfter, c.n)
		if len(got) != c.n || !got[0].Equal(c.first) || got[c.n-1].Sub(c.last).Abs() > time.Minute {
			t.Errorf("%s: %v", c.name, got)
		}
		for i := 2; i < len(got); i++ {
			if got[i].Sub(got[i-1]) <= got[i-1].Sub(got[i-2]) {
				t.Errorf("%s: the gaps do not grow: %v", c.name, got)
			}
		}
	}
}

func TestTheLevelIsTheMostUrgentThresholdCrossed(t *testing.T) {
	p := PlanOf(cert.Version{NotBefore: epoch, NotAfter: epoch.Add(90 * day)}, nil, Default())
	for d, want := range map[int]int{0: -1, 59: -1, 60: 0, 74: 0, 75: 1, 83: 2, 87: 3, 88: 3, 89: 4, 90: 5, 400: 5} {
		if got := p.Level(epoch.Add(time.Duration(d) * day)); got != want {
			t.Errorf("day %d: level %d, not %d", d, got, want)
		}
	}
	if got := p.next(epoch.Add(83 * day)); !got.Equal(epoch.Add(87 * day)) {
		t.Errorf("after day 83 comes %s", got)
	}
	if got := p.next(epoch.Add(90 * day)); !got.IsZero() {
		t.Errorf("after the end comes %s", got)
	}
}
