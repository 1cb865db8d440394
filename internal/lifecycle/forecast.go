package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Fate says how every attempt of a forecast ends.
type Fate string

// The fates.
const (
	// AllFail: as the latest attempt did; a validation that fails where there was none.
	AllFail Fate = "fail"
	// AllSucceed: issued, deployed and proven at the first try.
	AllSucceed Fate = "succeed"
)

// Assume is what a forecast takes for granted, beside that nobody answers and
// that nobody touches anything by hand.
type Assume struct {
	Fate Fate
	// Seen is what places show; nil: what they showed at the latest look.
	Seen []cert.Observation
	// Vacant roles lead to nobody.
	Vacant []people.Role
}

// ForeseenKind says what kind of thing will happen.
type ForeseenKind string

// The kinds.
const (
	ForeseeTell     ForeseenKind = "tell"
	ForeseeRun      ForeseenKind = "run"
	ForeseeClose    ForeseenKind = "close"
	ForeseeRevoke   ForeseenKind = "revoke"
	ForeseeApproval ForeseenKind = "approval" // Why says whether people are asked, or the policy decides
	ForeseeLastSafe ForeseenKind = "last-safe-moment"
	ForeseeEnd      ForeseenKind = "certificate-ends"
	ForeseeFinish   ForeseenKind = "finish"
)

// Foreseen is one thing that will happen if all goes as assumed. What repeats
// in even steps is one thing with Times above one.
type Foreseen struct {
	At       time.Time      `json:"at"`
	Kind     ForeseenKind   `json:"kind"`
	Why      Reason         `json:"why,omitempty"`
	Alert    string         `json:"alert,omitempty"`
	Reason   alert.Reason   `json:"reason,omitempty"` // tell, close: of the alert
	Severity alert.Severity `json:"severity,omitempty"`
	Round    int            `json:"-"`
	Step     int            `json:"step,omitempty"` // tell: of the escalation, from 1
	Roles    []people.Role  `json:"roles,omitempty"`
	Reach    alert.Reach    `json:"reach,omitempty"`
	MayWait  time.Time      `json:"-"`                 // tell: quiet hours count that end by then
	Earlier  *Earlier       `json:"earlier,omitempty"` // tell: the threshold was moved
	Purpose  Purpose        `json:"purpose,omitempty"` // run
	Attempt  int            `json:"attempt,omitempty"` // run: from 1
	CA       string         `json:"ca,omitempty"`      // run: that is asked, where it is one of several
	NotAfter time.Time      `json:"notAfter,omitzero"` // run: of the version that is live after it
	Evidence string         `json:"evidence,omitempty"`
	Ends     time.Time      `json:"ends,omitzero"`   // when what is live then ends
	Times    int            `json:"times,omitempty"` // above one: it happens so often,
	Every    time.Duration  `json:"-"`               // so far apart,
	Last     time.Time      `json:"last,omitzero"`   // for the last time within the forecast then
}

// How long what the world does takes in a forecast.
const (
	lookTakes = time.Second
	tellTakes = time.Second
	runTakes  = 30 * time.Second
)

// maxForecast bounds the decisions of a forecast: some thousand notices.
const maxForecast = 20000

// Forecast runs the brain forward over a state: what happens until an instant
// if nobody answers and all goes as assumed. It asks Next and nothing else, so
// it says what will be decided and not what somebody thinks will be. Whole is
// false where too much happens to tell all of it.
func Forecast(now, until time.Time, s State, a Assume) (events []Foreseen, whole bool) {
	f := foresee(now, until, s, a)
	return fold(f.events), f.decisions < maxForecast
}

// forecast is a world in which nothing unexpected happens.
type forecast struct {
	Assume
	now       time.Time
	s         State
	made      int // versions
	agenda    []ending
	events    []Foreseen
	decisions int
}

// ending is the end of an action.
type ending struct {
	at time.Time
	do func()
}

func foresee(now, until time.Time, s State, a Assume) *forecast {
	f := &forecast{Assume: a, now: now, s: s.Clone()}
	if f.Seen == nil {
		f.Seen = f.s.Sight.Observations
	}
	f.Seen = slices.Clone(f.Seen)
	f.inherit()
	for ; f.decisions < maxForecast; f.decisions++ {
		d := Next(f.now, f.s)
		switch d.Step.Kind {
		case StepFinish:
			f.note(Foreseen{Kind: ForeseeFinish, Why: d.Reason})
			return f
		case StepWait:
			due := d.Due
			if len(f.agenda) > 0 && f.agenda[0].at.Before(due) {
				due = f.agenda[0].at
			}
			if due.After(until) {
				f.pass(until)
				return f
			}
			f.pass(due)
			f.end()
		default:
			f.s.Apply(d, f.now)
			f.act(d)
		}
	}
	return f
}

// pass lets time go by and notes the instants that matter by themselves.
func (f *forecast) pass(to time.Time) {
	v := look(f.now, &f.s)
	within := func(t time.Time) bool { return v.known() && t.After(f.now) && !t.After(to) }
	if f.s.Spec.Managed && within(v.plan.LastSafe) {
		f.events = append(f.events, Foreseen{At: v.plan.LastSafe, Kind: ForeseeLastSafe, Ends: f.s.Live.NotAfter})
	}
	if within(f.s.Live.NotAfter) {
		f.events = append(f.events, Foreseen{At: f.s.Live.NotAfter, Kind: ForeseeEnd, Ends: f.s.Live.NotAfter})
	}
	f.now = latest(f.now, to)
}

func (f *forecast) end() {
	for len(f.agenda) > 0 && !f.agenda[0].at.After(f.now) {
		e := f.agenda[0]
		f.agenda = f.agenda[1:]
		e.do()
	}
}

func (f *forecast) later(takes time.Duration, do func()) {
	at := f.now.Add(takes)
	i := slices.IndexFunc(f.agenda, func(e ending) bool { return e.at.After(at) })
	if i < 0 {
		i = len(f.agenda)
	}
	f.agenda = slices.Insert(f.agenda, i, ending{at, do})
}

func (f *forecast) note(e Foreseen) {
	e.At, e.Ends = f.now, f.s.Live.NotAfter
	f.events = append(f.events, e)
}
