package page

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neverlapse/neverlapse/workflows"
)

// many is an index of very many certificates, which nobody is asked about.
type many struct {
	*world
	rows []Row
	took time.Duration
}

func (m *many) List(ctx context.Context) ([]Row, error) {
	m.mu.Lock()
	m.lists++
	m.mu.Unlock()
	if m.took > 0 {
		select {
		case <-time.After(m.took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return append([]Row{}, m.rows...), nil
}

func tenThousand(now time.Time) []Row {
	rows := make([]Row, 10_000)
	for i := range rows {
		rows[i] = Row{Name: fmt.Sprintf("c%05d", i), State: "healthy", Owner: fmt.Sprintf("owner%02d", i%40), Team: fmt.Sprintf("team%d", i%7), Issuer: "CA",
			NotAfter: now.Add(time.Duration(i+100) * time.Hour), NextStepAt: now.Add(time.Duration(i+1) * time.Hour), Names: []string{fmt.Sprintf("www%d.example.com", i)}}
	}
	rows[7777].State, rows[7777].Severity = "firing", "P2"
	rows[4242].State, rows[4242].Severity = "firing", "P1"
	return rows
}

func TestTenThousandCertificatesAreListedByPagesAndFound(t *testing.T) {
	m := &many{world: newWorld(), rows: tenThousand(time.Now())}
	base := serve(t, m.world, func(c *Config) { c.Certificates = m })
	v := visit(t, base)
	begun := time.Now()
	status, text := v.get("/")
	if took := time.Since(begun); status != http.StatusOK || took > 10*time.Second || len(text) > 200<<10 {
		t.Errorf("%d after %s, %d bytes", status, took, len(text))
	}
	contains(t, text, "2 certificates need somebody.", "<b>10000</b> guarded", "Page 1 of 200")
	if strings.Index(text, "c04242") > strings.Index(text, "c07777") {
		t.Error("the more urgent one does not come first")
	}
	_, text = v.get("/?page=200")
	contains(t, text, "c09999", "Page 200 of 200")
	_, text = v.get("/?q=WWW1234.example&owner=owner34&team=team2&state=healthy")
	contains(t, text, "c01234", `Found <span class="muted">1<`)
	_, text = v.get("/?q=nothing-of-that-kind")
	contains(t, text, "Nothing matches.")
	_, text = v.get("/?owner=owner01&page=9999999999999999999999")
	contains(t, text, "Page 5 of 5", "owner=owner01&amp;page=4")
	if m.lists > 3 {
		t.Errorf("the index was read %d times for five screens", m.lists)
	}
}

func TestHoweverManyLookTheEngineIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &many{world: newWorld(), rows: tenThousand(time.Now()), took: time.Second}
		f := newFleet(m, time.Now)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if s := f.look(t.Context()); len(s.Rows) != 10_000 {
					t.Errorf("%d certificates", len(s.Rows))
				}
			})
		}
		all.Wait()
		if m.lists != 1 {
			t.Errorf("asked %d times", m.lists)
		}
		time.Sleep(3 * time.Second) // a read takes a second, so four are the engine's own
		f.look(t.Context())
		if m.lists != 1 {
			t.Error("asked again too soon")
		}
		time.Sleep(2 * time.Second)
		f.look(t.Context())
		if m.lists != 2 {
			t.Error("what is old is not read again")
		}
	})
}

func TestAllWhoWatchOneThingShareOnePollWhichEndsWithTheLast(t *testing.T) {
	w := populated()
	synctest.Test(t, func(t *testing.T) {
		l := newLive(newFleet(w, time.Now), w)
		var leaves []func()
		var all []chan string
		for range 50 {
			c, leave, ok := l.join("pay")
			if !ok {
				t.Fatal("refused")
			}
			all, leaves = append(all, c), append(leaves, leave)
		}
		for _, c := range all {
			<-c
		}
		w.mu.Lock()
		asked := w.asked
		w.mu.Unlock()
		if asked != 1 {
			t.Errorf("asked %d times for 50 viewers", asked)
		}
		if err := w.Acknowledge(t.Context(), "pay", ack("hana")); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			<-c // everybody hears of it
		}
		for _, leave := range leaves {
			leave()
		}
		synctest.Wait()
		w.mu.Lock()
		asked = w.asked
		w.mu.Unlock()
		time.Sleep(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.asked != asked || len(l.topics) != 0 {
			t.Errorf("asked %d times more although nobody looks", w.asked-asked)
		}
	})
}

func ack(by string) workflows.AcknowledgeRequest {
	return workflows.AcknowledgeRequest{Request: workflows.Request{By: by, Via: "cli"}}
}
