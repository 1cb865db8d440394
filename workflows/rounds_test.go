package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// borough is what the store knows and what the engine runs, as rounds see it.
type borough struct {
	shelf
	t       *testing.T
	journal map[string][]cert.Entry
	guards  map[string]activities.Guard
	index   map[string]activities.Guard // what the engine's index says; nil: the same
	down    map[string]bool
	last    *workflows.RoundsOutput
	now     time.Time

	mu    sync.Mutex
	kept  map[string]cert.Snapshot
	live  map[string]cert.Version // of those that are managed
	lacks map[string]bool         // whose live version is not in the store
}

func (o *borough) Names(context.Context) (out []string, err error) {
	for name := range o.journal {
		out = append(out, name)
	}
	return out, nil
}

func (o *borough) Entries(_ context.Context, name string) ([]cert.Entry, error) {
	return o.journal[name], nil
}

func (o *borough) Live(context.Context, string) (cert.Fingerprint, error) { return "", nil }

func (o *borough) indexed(want func(activities.Guard) bool) (out []string, err error) {
	all := o.index
	if all == nil {
		all = o.guards
	}
	for name, g := range all {
		if want(g) {
			out = append(out, name)
		}
	}
	return out, nil
}

func (o *borough) Running(context.Context) (out []activities.Running, err error) {
	names, err := o.indexed(func(g activities.Guard) bool { return g.Running })
	for _, name := range names {
		out = append(out, activities.Running{Name: name, Managed: o.live[name].Fingerprint != "", Live: o.live[name]})
	}
	return out, err
}

func (o *borough) Standing(_ context.Context, name string) (cert.Snapshot, error) {
	g := o.guards[name]
	return cert.Snapshot{At: o.now, Owner: g.Owner, Team: g.Team, NotAfter: g.NotAfter, State: []byte(`{}`)}, nil
}

func (o *borough) Snapshot(_ context.Context, name string) (cert.Snapshot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n, ok := o.kept[name]; ok {
		return n, nil
	}
	return cert.Snapshot{}, fault.New(fault.NotFound, "nothing was kept")
}

func (o *borough) PutSnapshot(_ context.Context, name string, n cert.Snapshot) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept[name] = n
	return nil
}

func (o *borough) Has(_ context.Context, name string, _ cert.Fingerprint) (version, snapshot bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, snapshot = o.kept[name]
	return !o.lacks[name], snapshot, nil
}

func (o *borough) Doubtful(context.Context) ([]string, error) {
	return o.indexed(func(g activities.Guard) bool { return !g.Running && !g.Finished || g.Tries > 4 })
}

func (o *borough) Guard(_ context.Context, name string) (activities.Guard, error) {
	return o.guards[name], nil
}

func newBorough(t *testing.T) *borough {
	return &borough{t: t, journal: map[string][]cert.Entry{}, guards: map[string]activities.Guard{}, down: map[string]bool{}, now: start,
		kept: map[string]cert.Snapshot{}, live: map[string]cert.Version{}, lacks: map[string]bool{}}
}

// enrolled has a certificate be enrolled and guarded.
func (o *borough) enrolled(name string) {
	o.journal[name] = append(o.journal[name], cert.Entry{Sequence: 1, At: start, Kind: "enrolled", Text: "enrolled, watched, for " + name + ".test"})
	o.guards[name] = activities.Guard{There: true, Running: true, Started: start, Owner: "owner", Team: "team", NotAfter: start.AddDate(0, 2, 0)}
}

// ended has its workflow be ended from outside.
func (o *borough) ended(name string) {
	g := o.guards[name]
	g.Running, g.Ended, g.Why = false, o.now, "its workflow was terminated by ops: "+name+" was in the way"
	o.guards[name] = g
}

// round makes the next round, so long after the one before.
func (o *borough) round(after time.Duration) *mast {
	o.t.Helper()
	o.now = o.now.Add(after)
	m := keepChannel(o.t)
	m.down = o.down
	m.env.SetStartTime(o.now)
	m.acts.Store, m.acts.Census = o, o
	m.env.RegisterWorkflow((&workflows.Workflows{}).RoundsWorkflow)
	if o.last != nil {
		m.env.SetLastCompletionResult(*o.last)
	}
	m.env.ExecuteWorkflow("RoundsWorkflow")
	o.last = &workflows.RoundsOutput{}
	if err := m.env.GetWorkflowResult(o.last); err != nil {
		o.t.Fatal(err)
	}
	return m
}

func (o *borough) found() (out []string) {
	for _, u := range o.last.Unguarded {
		out = append(out, u.Name+" "+u.How)
	}
	return out
}

const half = 30 * time.Minute

func TestWhatNobodyGuardsIsToldOnceAndDailyUntilItIsGuardedAgain(t *testing.T) {
	o := newBorough(t)
	for _, name := range []string{"api", "shop", "www"} {
		o.enrolled(name)
	}
	if m := o.round(half); len(m.told) != 0 || o.last.Guarded != 3 {
		t.Fatalf("told %q, found %+v", m.told, o.last)
	}
	o.ended("shop")
	delete(o.guards, "www")
	m := o.round(half)
	if fmt.Sprint(o.found()) != "[shop ended www gone]" || o.last.Guarded != 1 || !strings.Contains(o.last.Unguarded[1].Why, "www.test") {
		t.Fatalf("%+v", o.last)
	}
	if len(m.told) != 3 || !strings.Contains(strings.Join(m.told, "\n"), "watch by slack: firing unguarded") || !strings.Contains(strings.Join(m.told, "\n"), "owner by ") {
		t.Errorf("told %q", m.told)
	}
	for range 3 {
		if m := o.round(half); len(m.told)+len(m.edited) != 0 {
			t.Errorf("told again: %q", m.told)
		}
	}
	if m := o.round(24 * time.Hour); len(m.told) != 3 {
		t.Errorf("a day later it is told %q", m.told)
	}
	o.enrolled("shop")
	if m := o.round(half); len(m.edited) != 0 || fmt.Sprint(o.found()) != "[www gone]" {
		t.Errorf("%d messages were brought up to date, found %+v", len(m.edited), o.last)
	}
	o.journal["www"] = append(o.journal["www"], cert.Entry{Sequence: 2, At: o.now, Kind: "retired"})
	m = o.round(half)
	if len(m.edited) != 6 || len(o.last.Alerts) != 0 || len(o.last.Unguarded) != 0 {
		t.Fatalf("%d messages were brought up to date, left %+v", len(m.edited), o.last)
	}
	for _, e := range m.edited {
		if e.Notice.Phase != alert.Resolved || e.Notice.Certificate != "www" {
			t.Errorf("%+v", e.Notice)
		}
	}
}

func TestOneMoreThatNobodyGuardsIsToldByItself(t *testing.T) {
	o := newBorough(t)
	o.enrolled("api")
	o.enrolled("shop")
	o.ended("api")
	o.round(half)
	o.ended("shop")
	if m := o.round(half); len(m.told) == 0 || len(o.last.Alerts) != 2 {
		t.Errorf("told %q, %+v", m.told, o.last.Alerts)
	}
	o.enrolled("api")
	if m := o.round(half); len(m.told) != 0 || len(m.edited) == 0 || m.edited[0].Notice.Certificate != "api" || len(o.last.Alerts) != 1 {
		t.Errorf("told %q, brought up to date %+v, left %+v", m.told, m.edited, o.last.Alerts)
	}
}

func TestWhoeverIsNotReachedIsToldByTheNextRound(t *testing.T) {
	o := newBorough(t)
	o.enrolled("shop")
	o.ended("shop")
	o.down["slack"], o.down["mail"] = true, true
	if m := o.round(half); len(m.told) != 0 {
		t.Fatalf("told %q", m.told)
	}
	o.down["slack"], o.down["mail"] = false, false
	if m := o.round(half); len(m.told) == 0 {
		t.Error("nobody was told")
	}
}

func TestARoundTellsNothingOfWhatIsGuardedOrRetired(t *testing.T) {
	retired := cert.Entry{Sequence: 2, At: start.Add(time.Hour), Kind: "retired"}
	for name, arrange := range map[string]func(o *borough){
		"the index has not seen it yet": func(o *borough) { o.index = map[string]activities.Guard{} },
		"it was retired, and is gone": func(o *borough) {
			o.journal["shop"] = append(o.journal["shop"], retired)
			delete(o.guards, "shop")
		},
		"it was retired, and the journal lacks it": func(o *borough) { o.guards["shop"] = activities.Guard{There: true, Finished: true} },
		"it was terminated while it was retiring": func(o *borough) {
			o.journal["shop"] = append(o.journal["shop"], retired)
			o.ended("shop")
		},
		"a worker died in the middle of a task": func(o *borough) {
			o.guards["shop"] = activities.Guard{There: true, Running: true, Tries: 2}
		},
		"only its versions were kept": func(o *borough) {
			o.journal["shop"] = nil
			delete(o.guards, "shop")
		},
	} {
		o := newBorough(t)
		o.enrolled("shop")
		arrange(o)
		if m := o.round(2 * time.Hour); len(m.told) != 0 || len(o.last.Unguarded) != 0 {
			t.Errorf("%s: told %q, found %+v", name, m.told, o.last)
		}
	}
}

func TestARoundFindsWhatTheJournalDoesNotShow(t *testing.T) {
	for name, arrange := range map[string]func(o *borough){
		"shop stuck": func(o *borough) {
			o.guards["shop"] = activities.Guard{There: true, Running: true, Tries: 9, Why: "its workflow task fails: panic"}
		},
		"shop ended": func(o *borough) { // before it could write a line
			o.ended("shop")
			delete(o.journal, "shop")
		},
	} {
		o := newBorough(t)
		o.enrolled("shop")
		arrange(o)
		if m := o.round(half); len(m.told) == 0 || fmt.Sprint(o.found()) != "["+name+"]" {
			t.Errorf("%s: told %q, found %+v", name, m.told, o.last)
		}
	}
	o := newBorough(t) // it was retired, enrolled again and ended before it could write a line
	o.enrolled("shop")
	o.journal["shop"] = append(o.journal["shop"], cert.Entry{Sequence: 2, At: start, Kind: "retired"})
	g := o.guards["shop"]
	g.Started = start.Add(time.Minute)
	o.guards["shop"] = g
	o.ended("shop")
	if o.round(half); fmt.Sprint(o.found()) != "[shop ended]" {
		t.Errorf("found %+v", o.last)
	}
}

func TestWhatEndsWithinAWeekAndIsNotGuardedIsAPage(t *testing.T) {
	o := newBorough(t)
	o.enrolled("shop")
	o.ended("shop")
	g := o.guards["shop"]
	g.NotAfter = start.AddDate(0, 0, 5)
	o.guards["shop"] = g
	if m := o.round(half); len(m.told) < 4 { // by every kind of channel
		t.Errorf("told %q", m.told)
	}
}

func TestWhatTheStoreKeepsOfALostCertificateSaysWhoseItIsAndHowItComesBack(t *testing.T) {
	o := newBorough(t)
	o.enrolled("shop")
	o.enrolled("old")
	o.round(half)
	if n := o.kept["shop"]; n.Sequence != 1 || n.Owner != "owner" {
		t.Fatalf("a round had the store keep %+v", n)
	}
	delete(o.kept, "old") // enrolled by a release that kept nothing, and lost before a round
	delete(o.guards, "shop")
	delete(o.guards, "old")
	o.round(half)
	old, shop := o.last.Unguarded[0], o.last.Unguarded[1]
	if shop.Owner != "owner" || shop.Team != "team" || !shop.NotAfter.Equal(start.AddDate(0, 2, 0)) || shop.Mend() != "neverlapse restore shop" || !shop.Restorable() {
		t.Errorf("%+v", shop)
	}
	if old.Owner != "" || old.Mend() != "neverlapse history old" || old.Restorable() {
		t.Errorf("%+v", old)
	}
}

func TestLiveVersionsThatTheStoreLacksAreToldOnceToTheCatchAllUntilItHasThem(t *testing.T) {
	o := newBorough(t)
	for _, name := range []string{"bought", "shop", "www"} {
		o.enrolled(name)
		o.live[name] = version(name+".test", start, 90*24*time.Hour)
	}
	for _, name := range []string{"shop", "www"} { // the other one was not issued here
		v := o.live[name]
		v.CA = "le"
		o.live[name] = v
	}
	o.lacks["bought"] = true
	if m := o.round(half); len(m.told) != 0 || len(o.last.Missing) != 0 {
		t.Fatalf("told %q, found %+v", m.told, o.last)
	}
	o.lacks["shop"] = true
	m := o.round(half)
	if len(m.told) != 2 || !strings.Contains(m.told[1], "watch by slack: firing store-behind") || len(o.last.Missing) != 1 || o.last.Missing[0].Fingerprint != o.live["shop"].Fingerprint {
		t.Fatalf("told %q, found %+v", m.told, o.last)
	}
	o.lacks["www"] = true
	for range 3 {
		if m := o.round(half); len(m.told)+len(m.edited) != 0 {
			t.Errorf("told again: %q", m.told)
		}
	}
	if m := o.round(24 * time.Hour); len(m.told) != 2 {
		t.Errorf("a day later it is told %q", m.told)
	}
	clear(o.lacks)
	m = o.round(half)
	if len(m.edited) != 4 || len(o.last.Alerts) != 0 {
		t.Fatalf("%d messages were brought up to date, left %+v", len(m.edited), o.last.Alerts)
	}
	if n := m.edited[0].Notice; n.Phase != alert.Resolved || n.Certificate != "shop, www" {
		t.Errorf("%+v", n)
	}
}
