package lifecycle

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// leaver is the handover of what ann leaves to a line of three, begun.
func leaver(change ...func(*Handover)) *Handover {
	h := &Handover{
		Person: "ann", Cause: LeftDirectory, Teams: []string{"web"}, Within: 48 * time.Hour,
		Left: Leavings{Successors: []string{"boss", "jun", "minji"}, CatchAll: "sre", Certificates: 3, Ends: epoch.Add(90 * day), NoTeam: true},
	}
	for _, c := range change {
		c(h)
	}
	h.Begin(epoch)
	return h
}

func nominating(who string, reached bool) func(*Handover) {
	return func(h *Handover) { h.Named, h.Left.Named = who, reached }
}

func TestTheLineBeginsWithWhomSomebodyNamedAndFallsToItsFirst(t *testing.T) {
	for name, c := range map[string]struct {
		h         *Handover
		line, may []string
		person    string
		team      string
	}{
		"nobody is named":                     {leaver(), []string{"boss", "jun", "minji"}, []string{"boss", "jun", "minji"}, "boss", ""},
		"one of the line":                     {leaver(nominating("minji", true)), []string{"minji", "boss", "jun"}, []string{"boss", "jun", "minji"}, "boss", ""},
		"one of elsewhere":                    {leaver(nominating("hana", true)), []string{"hana", "boss", "jun", "minji"}, []string{"boss", "jun", "minji", "hana"}, "boss", ""},
		"one who cannot be told":              {leaver(nominating("hana", false)), []string{"boss", "jun", "minji"}, []string{"boss", "jun", "minji"}, "boss", ""},
		"only one, who is named":              {leaver(nominating("hana", true), func(h *Handover) { h.Left.Successors = nil }), []string{"hana"}, []string{"hana"}, "hana", ""},
		"nobody can be asked, nobody is left": {leaver(func(h *Handover) { h.Left.Successors = nil }), nil, nil, "", "sre"},
	} {
		person, team := c.h.Falls()
		if !slices.Equal(c.h.Line, c.line) || !slices.Equal(c.h.May, c.may) || person != c.person || team != c.team {
			t.Errorf("%s: line %v, may %v, falls to %q %q", name, c.h.Line, c.h.May, person, team)
		}
	}
}

func TestWhoIsAskedIsAskedAgainAtHalfOfTheTimeAndTheFirstIsWarned(t *testing.T) {
	h := leaver(nominating("minji", true))
	half, end := epoch.Add(day), epoch.Add(2*day)
	for _, c := range []struct {
		at   time.Time
		want HandoverStep
	}{
		{epoch, HandoverStep{Ask: "minji"}},
		{epoch, HandoverStep{Due: half}},
		{half.Add(-time.Second), HandoverStep{Due: half}},
		{half, HandoverStep{Tell: []string{"minji", "boss"}, Due: end}},
		{half.Add(time.Hour), HandoverStep{Due: end}},
		{end, HandoverStep{Decided: true}},
	} {
		if got := h.Next(c.at); got.Ask != c.want.Ask || !slices.Equal(got.Tell, c.want.Tell) || !got.Due.Equal(c.want.Due) || got.Decided != c.want.Decided {
			t.Errorf("at %s: %+v, want %+v", c.at, got, c.want)
		}
	}
	if ground := h.Settle(); ground != HandoverUnanswered || h.To != "boss" {
		t.Errorf("%s to %s", ground, h.To)
	}
	h = leaver() // the first is asked: nobody is told twice
	h.Next(epoch)
	if got := h.Next(half); !slices.Equal(got.Tell, []string{"boss"}) {
		t.Errorf("at half of the time %v are told", got.Tell)
	}
}

func TestTheTimeForAnAnswerShrinksWithWhatEndsSoonAndWithPages(t *testing.T) {
	for name, c := range map[string]struct {
		within, left time.Duration
		paging       bool
		want         time.Duration
	}{
		"long to go":                   {48 * time.Hour, 90 * day, false, 48 * time.Hour},
		"another time is configured":   {6 * time.Hour, 90 * day, false, 6 * time.Hour},
		"a tenth of what is left":      {48 * time.Hour, 10 * day, false, day},
		"an hour at least":             {48 * time.Hour, 2 * time.Hour, false, time.Hour},
		"ended already":                {48 * time.Hour, -day, false, time.Hour},
		"less than an hour configured": {10 * time.Minute, 2 * time.Hour, false, 10 * time.Minute},
		"a page":                       {48 * time.Hour, 90 * day, true, time.Hour},
		"a page, and less configured":  {10 * time.Minute, 90 * day, true, 10 * time.Minute},
	} {
		if got := HandoverBy(epoch, c.within, epoch.Add(c.left), c.paging).Sub(epoch); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := HandoverBy(epoch, day, time.Time{}, false).Sub(epoch); got != day {
		t.Errorf("nobody knows when it ends: %s", got)
	}
}

func TestEachWhoDeclinesIsFollowedByTheNextUntilNobodyIsLeft(t *testing.T) {
	h := leaver()
	for i, who := range []string{"boss", "jun", "minji"} {
		if got := h.Next(epoch.Add(time.Hour)); got.Ask != who {
			t.Fatalf("asked %+v, want %s", got, who)
		}
		in := HandoverAnswered{ID: who, By: who}
		if err := h.CheckAnswer(in, ""); err != nil || !h.Answer(in) || h.Answer(in) || h.Changes != i+1 {
			t.Fatalf("%s declines: %v, %d answers are counted", who, err, h.Changes)
		}
	}
	if got := h.Next(epoch.Add(time.Hour)); !got.Decided || h.Settle() != HandoverDeclined || h.To != "boss" {
		t.Errorf("%+v, to %s", got, h.To)
	}
}

func TestOnlyWhoStandsInTheLineAcceptsAndOnlyWhoIsAskedDeclines(t *testing.T) {
	h := leaver()
	check := func(in HandoverAnswered, want string) {
		t.Helper()
		err := h.CheckAnswer(in, "jun accepted")
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%+v: %v, want %q", in, err, want)
		}
		if r := (Refusal{}); err != nil && !errors.As(err, &r) {
			t.Errorf("%v is no refusal", err)
		}
	}
	check(HandoverAnswered{By: "boss", Accept: true}, "nobody is asked yet; the handover of ann has just begun")
	h.Next(epoch)
	check(HandoverAnswered{By: "hana", Accept: true}, "hana may not accept what ann leaves behind; boss, jun, minji may")
	check(HandoverAnswered{By: "jun"}, "boss is asked, not jun")
	jun := HandoverAnswered{ID: "1", By: "jun", Accept: true}
	check(jun, "")
	h.Answer(jun)
	check(jun, "") // the same again is no error
	check(HandoverAnswered{ID: "2", By: "boss", Accept: true}, "jun gets what ann leaves behind already: jun accepted")
	if got := h.Next(epoch); !got.Decided || h.Settle() != HandoverAccepted || h.To != "jun" {
		t.Errorf("%+v, to %s", got, h.To)
	}
}

func TestAHandoverIsOverWhenSomebodyIsBackOrNothingIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Handover)
		want   HandoverGround
	}{
		"somebody left":                     {func(*Handover) {}, ""},
		"back in the directory":             {func(h *Handover) { h.Left.Here = true }, HandoverBack},
		"still in it, but out of reach":     {func(h *Handover) { h.Cause, h.Left.Here = OutOfReach, true }, ""},
		"within reach again":                {func(h *Handover) { h.Cause, h.Left.Here, h.Left.Reached = OutOfReach, true, true }, HandoverReached},
		"somebody says so, whoever is here": {func(h *Handover) { h.Cause, h.Left.Here, h.Left.Reached = SomebodySays, true, true }, ""},
		"nothing is theirs":                 {func(h *Handover) { h.Left.Certificates = 0 }, HandoverNothing},
	} {
		h := leaver(c.change)
		if got := h.Over(); got != c.want || h.Next(epoch).Decided != (c.want != "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	h := leaver(func(h *Handover) { h.Left.Successors = nil })
	if !h.Next(epoch).Decided || h.Settle() == "" || h.To != "team sre" {
		t.Errorf("nobody can be asked: it goes to %q", h.To)
	}
}

func TestWhatNamesNoTeamGoesOnToThatOfWhoLeft(t *testing.T) {
	if got := leaver().Chain(); got != "web" {
		t.Errorf("alerts go on to %q", got)
	}
	for name, change := range map[string]func(*Handover){
		"everything names a team":       func(h *Handover) { h.Left.NoTeam = false },
		"who left was in no team":       func(h *Handover) { h.Teams = nil },
		"they can be told as they were": func(h *Handover) { h.Cause, h.Left.Here = SomebodySays, true },
	} {
		if got := leaver(change).Chain(); got != "" {
			t.Errorf("%s: alerts go on to %q", name, got)
		}
	}
}
