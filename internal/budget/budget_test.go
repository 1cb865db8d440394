package budget

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

func per(key string, most int, within time.Duration) cert.Limit {
	return cert.Limit{Key: key, Most: most, Within: within}
}

// want is a request of a run of its own.
func want(id string, safeBy time.Duration, limits ...cert.Limit) Request {
	return Request{ID: id, Token: id + "/1", Certificate: id, Limits: limits, SafeBy: at(safeBy)}
}

func ids(ws []Waiting) string {
	var out []string
	for _, w := range ws {
		out = append(out, w.ID)
	}
	return strings.Join(out, " ")
}

func TestNoMoreIsGrantedThanFitsIntoAnyWindow(t *testing.T) {
	var s State
	three := per("account", 3, time.Hour)
	for i, granted := range []bool{true, true, true, false, false} {
		g := s.Ask(at(time.Duration(i)*time.Minute), want(fmt.Sprint(i), time.Hour, three))
		if g.Granted != granted {
			t.Fatalf("request %d: %+v", i, g)
		}
		if !granted && (!g.At.Equal(at(time.Hour+Slack+time.Duration(i-3)*time.Minute)) || !strings.Contains(g.Why, "3 within 1h")) {
			t.Errorf("request %d may be granted at %s: %s", i, g.At, g.Why)
		}
	}
	if turn := s.Turn(at(time.Hour)); len(turn.Offers) != 0 || !turn.Next.Equal(at(time.Hour+Slack)) {
		t.Errorf("before the first ends: %+v", turn)
	}
	if turn := s.Turn(at(time.Hour + Slack)); ids(turn.Offers) != "3" {
		t.Errorf("once the first ended: %+v", turn)
	}
}

func TestTheMostUrgentGoesFirstAndOneThatWaitsForItsOwnHoldsUpNobody(t *testing.T) {
	var s State
	account, domain := per("account", 2, time.Hour), per("domain/a.test", 1, 24*time.Hour)
	if !s.Ask(at(0), want("first", 9*time.Hour, account, domain)).Granted {
		t.Fatal("the first is not granted")
	}
	s.Ask(at(1), want("same domain", 1*time.Hour, account, domain))
	if !s.Ask(at(2), want("other domain", 5*time.Hour, account)).Granted {
		t.Error("one that waits for its own domain holds up another")
	}
	for i, id := range []string{"late", "early", "between"} {
		s.Ask(at(time.Minute), want(id, []time.Duration{9, 2, 5}[i]*time.Hour, account))
	}
	turn := s.Turn(at(time.Hour + Slack + time.Minute))
	if ids(turn.Offers) != "early between" {
		t.Errorf("woken: %s", ids(turn.Offers))
	}
}

func TestALeaseIsGrantedOnceARunAndAnOfferLapses(t *testing.T) {
	var s State
	one := per("account", 1, time.Hour)
	r := want("a", time.Hour, one)
	for range 2 { // the answer to the first was lost
		if !s.Ask(at(0), r).Granted {
			t.Fatal("not granted")
		}
	}
	if len(s.Uses[0].At) != 1 {
		t.Errorf("counted %d times", len(s.Uses[0].At))
	}
	s.Ask(at(1), want("b", 2*time.Hour, one))
	s.Ask(at(1), want("c", 3*time.Hour, one))
	free := time.Hour + Slack
	turn := s.Turn(at(free))
	s.Offered(at(free), turn.Offers)
	if again := s.Turn(at(free)); ids(turn.Offers) != "b" || len(again.Offers) != 0 || !again.Next.Equal(at(free+Hold)) {
		t.Errorf("woken %s, then %+v", ids(turn.Offers), again)
	}
	if turn = s.Turn(at(free + Hold)); ids(turn.Offers) != "c" {
		t.Errorf("b never came, and %q is woken", ids(turn.Offers))
	}
}

func TestNothingIsGrantedBeforeTheCAsDate(t *testing.T) {
	var s State
	names := per("names/x", 5, time.Hour)
	s.Refused(at(0), at(30*time.Minute), "429", "names/x")
	s.Refused(at(0), at(20*time.Minute), "an earlier date", "names/x")
	if g := s.Ask(at(1), want("x", time.Hour, names)); g.Granted || !g.At.Equal(at(30*time.Minute)) || !strings.Contains(g.Why, "429") {
		t.Errorf("the names are %+v", g)
	}
	if !s.Ask(at(1), want("y", time.Hour, per("names/y", 5, time.Hour))).Granted {
		t.Error("other names wait too")
	}
	s.Refused(at(2), at(time.Hour), "503")
	if g := s.Ask(at(3), want("z", time.Hour)); g.Granted || !g.At.Equal(at(time.Hour)) {
		t.Errorf("one that counts against nothing is %+v", g)
	}
	if turn := s.Turn(at(time.Hour)); ids(turn.Offers) != "x z" && ids(turn.Offers) != "z x" {
		t.Errorf("woken: %q", ids(turn.Offers))
	}
}

func TestFailedValidationsAreCountedByThemselves(t *testing.T) {
	var s State
	fails := cert.Limit{Key: "failures/a.test", Most: 2, Within: time.Hour, Failures: true}
	for i := range 4 {
		r := want("a", 24*time.Hour, fails)
		r.Token = fmt.Sprint(i)
		if g := s.Ask(at(time.Duration(i)*time.Minute), r); g.Granted != (i < 2) {
			t.Fatalf("after %d failures: %+v", i, g)
		}
		s.Failed(at(time.Duration(i)*time.Minute), r.Limits)
	}
}

// TestWhatMustAlwaysHold plays random fleets at random CAs: nothing is ever over
// the budget, nobody who has room waits behind one who can wait longer, and the
// state survives a round trip.
func TestWhatMustAlwaysHold(t *testing.T) {
	for seed := range uint64(60) {
		g := &game{t: t, d: rand.New(rand.NewPCG(seed, 7)), seed: seed, orders: map[string][]time.Time{}}
		g.play()
	}
}

type game struct {
	t      *testing.T
	d      *rand.Rand
	seed   uint64
	s      State
	now    time.Time
	runs   int
	orders map[string][]time.Time // by key: when orders left
	shut   time.Time
}

func (g *game) play() {
	account := per("account", 1+g.d.IntN(6), time.Duration(1+g.d.IntN(180))*time.Minute)
	var domains []cert.Limit
	for i := range 5 {
		domains = append(domains, per(fmt.Sprint("domain/", i), 1+g.d.IntN(8), 12*time.Hour))
	}
	var fleet []Request
	for i := range 40 {
		limits := []cert.Limit{account, domains[g.d.IntN(5)], per(fmt.Sprint("names/", i), 2, 24*time.Hour)}
		fleet = append(fleet, Request{ID: fmt.Sprint(i), Certificate: fmt.Sprint(i), Limits: limits, SafeBy: at(time.Duration(g.d.IntN(5000)) * time.Minute)})
	}
	g.now = start
	pending := map[string]bool{}
	for range 400 {
		g.now = g.now.Add(time.Duration(g.d.IntN(600)) * time.Second)
		switch g.d.IntN(12) {
		case 0:
			g.shut = g.now.Add(time.Duration(g.d.IntN(90)) * time.Minute)
			g.s.Refused(g.now, g.shut, "429")
			if g.shut.Before(g.now) {
				g.shut = time.Time{}
			}
		case 1, 2, 3, 4:
			r := fleet[g.d.IntN(len(fleet))]
			pending[r.ID] = !g.ask(r)
		default:
			turn := g.s.Turn(g.now)
			g.s.Offered(g.now, turn.Offers)
			for _, o := range turn.Offers {
				if pending[o.ID] && g.d.IntN(5) > 0 { // some never come
					pending[o.ID] = !g.ask(o.Request)
				}
			}
		}
		if g.d.IntN(20) == 0 {
			g.survives()
		}
	}
}

// ask asks as a run does, and lets the order leave within the slack.
func (g *game) ask(r Request) (granted bool) {
	g.runs++
	r.Token = fmt.Sprint("run ", g.runs)
	before := g.s.Clone()
	got := g.s.Ask(g.now, r)
	if !got.Granted {
		if !got.At.After(g.now) || got.Why == "" {
			g.t.Fatalf("seed %d: refused until %s, which is past: %+v", g.seed, got.At, got)
		}
		return false
	}
	if g.now.Before(g.shut) {
		g.t.Fatalf("seed %d: granted at %s, the CA asked to wait until %s", g.seed, g.now, g.shut)
	}
	for _, w := range before.Waiting {
		if at, _ := before.view(g.now).free(w); w.SafeBy.Before(r.SafeBy) && w.ID != r.ID && !at.After(g.now) && (w.OfferedUntil.IsZero() || w.OfferedUntil.After(g.now)) {
			g.shares(before, w, r)
		}
	}
	left := g.now.Add(time.Duration(g.d.IntN(int(Slack))))
	for _, l := range r.Limits {
		g.orders[l.Key] = append(g.orders[l.Key], left)
		n := 0
		for _, o := range g.orders[l.Key] {
			if o.After(left.Add(-l.Within)) {
				n++
			}
		}
		if n > l.Most {
			g.t.Fatalf("seed %d: %d orders for %s within %s, at most %d", g.seed, n, l.Key, l.Within, l.Most)
		}
	}
	return true
}

// shares holds that a more urgent one that could go was left room in all that both count against.
func (g *game) shares(before State, urgent Waiting, r Request) {
	after := before.Clone()
	after.use(g.now, r.Limits, false)
	if at, why := after.view(g.now).free(urgent); at.After(g.now) {
		g.t.Fatalf("seed %d: %s, safe until %s, went before %s, safe until %s, which now waits: %s", g.seed, r.ID, r.SafeBy, urgent.ID, urgent.SafeBy, why)
	}
}

func (g *game) survives() {
	b, err := json.Marshal(g.s)
	if err != nil {
		g.t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(b, &back); err != nil {
		g.t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Turn(g.now), g.s.Turn(g.now)) {
		g.t.Fatalf("seed %d: after a round trip the turn is another", g.seed)
	}
	if len(b) > 100_000 {
		g.t.Fatalf("seed %d: the state has %d bytes", g.seed, len(b))
	}
}
