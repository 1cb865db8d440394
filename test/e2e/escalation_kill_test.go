package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// rungs tells four roles, one after the other.
const rungs = `
  - name: rungs
    thresholds: [{left: 2h, severity: P3}]
    inform: 0
    last_safe: 10s
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 5s, notify: [team], reach: direct}, {after: 5s, notify: [manager], reach: direct}, {after: 5s, notify: [on-call], reach: direct}]`

// Worker and engine die at random instants while two certificates escalate.
// NEVERLAPSE_SEED plays a round again that failed; its kills come at the same
// instants after each start.
func TestAnEscalationOutlivesKillsAtRandomInstants(t *testing.T) {
	t.Parallel()
	rounds, kills := 1, 2
	if os.Getenv("NEVERLAPSE_LONG") != "" {
		rounds, kills = 12, 5
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("NEVERLAPSE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
		rounds = 1
	}
	for i := range rounds {
		seed := seed + uint64(i)
		t.Run(fmt.Sprintf("NEVERLAPSE_SEED=%d", seed), func(t *testing.T) {
			t.Logf("kills: NEVERLAPSE_SEED=%d", seed)
			killedInEscalation(t, rand.New(rand.NewPCG(seed, seed)), kills)
		})
	}
}

func killedInEscalation(t *testing.T, dice *rand.Rand, kills int) {
	w := prepareOwn(t, harness.Options{Policies: rungs, Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "www.pay.test", time.Hour))})
	w.start()
	w.watch("shop", 0, "--policy", "rungs")
	w.watch("pay", 1, "--policy", "rungs")
	w.until("pay", "the owner to be told", func(s workflows.Status) bool { a := open(s, "expiring"); return a != nil && len(a.Receipts) > 0 })

	answered, decided := dice.IntN(kills), 0
	for i := range kills {
		time.Sleep(time.Duration(dice.Int64N(int64(4 * time.Second)))) // the instant is what is random
		if i == answered {
			w.cli(0, "ack", "pay", "--as", "hana", "--note", "ordered a new one", "--timeout", "60s")
			s := w.until("pay", "the answer", func(s workflows.Status) bool { return open(s, "expiring").Status == lifecycle.Acknowledged })
			decided = open(s, "expiring").Told
			time.Sleep(time.Duration(dice.Int64N(int64(200 * time.Millisecond))))
		}
		w.killSome(dice.IntN(3))
	}

	last := w.settled("shop", alert.Expiring, "everybody to be told", func(a lifecycle.Alert) bool { return a.Told >= 4 })
	w.inOrder("shop", last, 4)
	held := w.settled("pay", alert.Expiring, "nothing more to be sent", func(lifecycle.Alert) bool { return true })
	if held.Status != lifecycle.Acknowledged || held.Answer == nil || held.Answer.By != "hana" || held.Told != decided {
		t.Errorf("the answer does not stand: %s by %+v, told %d times, %d before it", held.Status, held.Answer, held.Told, decided)
	}
	w.inOrder("pay", held, decided)
	if n := len(w.journal("pay", "acknowledged")); n != 1 {
		t.Errorf("the answer is on record %d times", n)
	}
}

// killSome kills the workers, the engine, or both, as which says, and has what is
// missing run again.
func (w *world) killSome(which int) {
	w.t.Helper()
	switch which {
	case 0:
		w.KillWorkers()
		w.start()
	case 1: // the worker starts it again
		if w.own != nil {
			w.own.Kill()
			w.start()
			return
		}
		r, err := engine.Recorded(filepath.Join(w.Data(), "engine"))
		if err == nil {
			err = syscall.Kill(r.PID, syscall.SIGKILL)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.eventually("another engine to be ready", func() bool {
			ok, _ := harness.Ready(w.t.Context(), w.url("/readyz"))
			return gone(r.PID) && ok
		})
	default:
		w.killAll()
		w.start()
	}
}

// inOrder holds that each role was decided to be told once, in the order of the
// policy and no sooner than it says, and that each got a message, or that the
// journal says whom an answer came before.
func (w *world) inOrder(name string, a lifecycle.Alert, steps int) {
	w.t.Helper()
	order := []string{"owner", "team", "manager", "on-call"}[:steps]
	told := w.journal(name, "told")
	if len(told) != steps {
		w.t.Errorf("%s: %d notices were decided, want %d: %v", name, len(told), steps, texts(told))
		return
	}
	for i, role := range order {
		if !strings.Contains(told[i].Text, "telling "+role+" ") {
			w.t.Errorf("%s: notice %d is %q, want it for %s", name, i+1, told[i].Text, role)
		}
		if i > 0 && told[i].At.Sub(told[i-1].At) < 5*time.Second-100*time.Millisecond {
			w.t.Errorf("%s: %s was told %s after the one before", name, role, told[i].At.Sub(told[i-1].At))
		}
	}
	for i, to := range [][2]string{{"minji", harness.OwnerSlack}, {"platform", harness.TeamSlack}, {"hana", harness.ManagerSlack}, {"jun", harness.OnCallSlack}}[:steps] {
		withdrawn := a.Answer != nil && strings.Contains(strings.Join(texts(w.journal(name, "delivered")), "\n"), "to "+to[0]+": not sent, somebody answered meanwhile")
		if !withdrawn && !w.hasRead(to[0], w.Slack.Direct(to[1]), name) && !w.hasRead(to[0], to[1], name) {
			w.t.Errorf("%s: nothing was delivered to %s, step %d; receipts %+v", name, to[0], i+1, a.Receipts)
		}
	}
}

func texts(entries []cert.Entry) (out []string) {
	for _, e := range entries {
		out = append(out, e.Text)
	}
	return out
}
