package page

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

const oneDay = 24 * time.Hour

// world holds certificates that decide by the real brain and answer as their
// workflows do; nothing happens by itself.
type world struct {
	mu      sync.Mutex
	now     func() time.Time
	states  map[string]lifecycle.State
	journal map[string][]cert.Entry
	lists   int   // how often the index was read
	asked   int   // how often a certificate was asked
	down    error // what every question is answered by
	left    []workflows.AcknowledgeRequest
	hang    bool // answers are not taken

	confirmed []workflows.Request // of a channel
}

func newWorld() *world {
	return &world{now: time.Now, states: map[string]lifecycle.State{}, journal: map[string][]cert.Entry{}}
}

// add puts a certificate of 90 days there, with so long to live. severity, if
// any, is that of an alert whose owner was told.
func (w *world) add(name string, left time.Duration, managed bool, owner string, severity alert.Severity) {
	now := w.now().UTC()
	v := cert.Version{Fingerprint: cert.Fingerprint(fmt.Sprintf("%x", sha256.Sum256([]byte(name)))), Serial: "4f1c", Issuer: "Let’s Encrypt E7", KeyAlgorithm: "EC256",
		NotBefore: now.Add(left - 90*oneDay), NotAfter: now.Add(left), Names: []string{name + ".example.com"}}
	s := lifecycle.State{
		Spec: lifecycle.Spec{Name: name, Names: v.Names, Managed: managed, Owner: owner, Team: "platform", Environment: "production", Policy: lifecycle.Default(),
			Endpoints: []cert.Endpoint{{Host: name + ".example.com", Port: 443}}},
		Live: v, LiveAt: v.NotBefore, EnrolledAt: v.NotBefore, EnrolledBy: "minji",
	}
	if managed {
		s.Spec.CA, s.Spec.Targets = "letsencrypt", []string{name + "-web"}
		s.Installed = []lifecycle.Installed{{Target: name + "-web", Fingerprint: v.Fingerprint, At: v.NotBefore}}
	}
	s.Observed(now.Add(-5*time.Minute), []cert.Observation{{Endpoint: s.Spec.Endpoints[0], Address: "192.0.2.7:443", Version: v}})
	if severity != "" {
		s.Alerts = []lifecycle.Alert{{ID: alert.ID(name, v.Fingerprint, alert.Expiring), Reason: alert.Expiring, Version: v.Fingerprint, Severity: severity, Plan: string(severity),
			Status: lifecycle.Firing, FiredAt: now.Add(-2 * time.Hour), Round: 1, Step: 1, NextAt: now.Add(time.Hour), Told: 1, LapAt: now.Add(-2 * time.Hour),
			Receipts: []alert.Receipt{{Channel: "slack", Kind: "slack", To: owner}}}}
	}
	w.states[name] = s
	for i, e := range []cert.Entry{
		{At: v.NotBefore, Kind: "enrolled", Text: "enrolled for " + v.Names[0] + ", owner " + owner, By: "minji"},
		{At: v.NotBefore.Add(time.Minute), Kind: "seen", Text: name + ".example.com:443 serves " + v.Fingerprint.Short()},
	} {
		e.Sequence = int64(i + 1)
		w.journal[name] = append(w.journal[name], e)
	}
	if severity != "" {
		w.record(name, cert.Entry{At: now.Add(-2 * time.Hour), Kind: "told", Text: string(severity) + " expiring: telling owner (threshold-crossed)"})
		w.record(name, cert.Entry{At: now.Add(-2 * time.Hour), Kind: "delivered", Text: "delivered to " + owner + " by slack"})
	}
}

func (w *world) record(name string, e cert.Entry) {
	e.Sequence = int64(len(w.journal[name]) + 1)
	w.journal[name] = append(w.journal[name], e)
}

func (w *world) List(context.Context) ([]Row, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lists++
	if w.down != nil {
		return nil, w.down
	}
	var out []Row
	for name, s := range w.states {
		a := lifecycle.Next(w.now(), s).Attributes
		out = append(out, Row{Name: name, State: a.State, Severity: a.Severity, Owner: a.Owner, Team: a.Team, Environment: a.Environment, Issuer: a.Issuer,
			Fingerprint: a.Fingerprint, Managed: s.Spec.Managed, NotAfter: a.NotAfter, NextStepAt: a.NextStepAt, Names: a.Names, Hosts: a.Hosts})
	}
	return out, nil
}

func (w *world) Status(_ context.Context, name string) (workflows.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	s, ok := w.states[name]
	switch {
	case w.down != nil:
		return workflows.Status{}, w.down
	case !ok:
		return workflows.Status{}, workflows.ErrNotEnrolled
	}
	return workflows.Status{State: s.Clone(), Summary: lifecycle.Next(w.now(), s).Attributes, Upcoming: lifecycle.Upcoming(w.now(), s),
		Plan: lifecycle.PlanOf(s.Live, s.Window, s.Spec.Policy), At: w.now()}, nil
}

func (w *world) answer(ctx context.Context, name, kind string, r workflows.Request, check func(*lifecycle.State) error, do func(*lifecycle.State)) error {
	if w.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.states[name]
	if !ok {
		return workflows.ErrNotEnrolled
	}
	if r.Of != nil {
		if err := s.Passed(*r.Of); err != nil {
			return err
		}
	}
	if err := check(&s); err != nil {
		return err
	}
	do(&s)
	w.states[name] = s
	w.record(name, cert.Entry{At: w.now(), Kind: kind, Text: "expiring is " + kind, By: r.By, Via: r.Via, Note: r.Note})
	return nil
}

func (w *world) Acknowledge(ctx context.Context, name string, in workflows.AcknowledgeRequest) error {
	a := lifecycle.Answered{Alert: in.Alert, By: in.By, Via: in.Via, Note: in.Note, For: in.For, Seen: in.Seen}
	return w.answer(ctx, name, "acknowledged", in.Request, func(s *lifecycle.State) error { return s.CheckAcknowledge(a) }, func(s *lifecycle.State) { s.Acknowledge(w.now(), a) })
}

func (w *world) LeaveAcknowledge(_ context.Context, _ string, in workflows.AcknowledgeRequest) error {
	w.left = append(w.left, in)
	return nil
}

func (w *world) Snooze(ctx context.Context, name string, in workflows.SnoozeRequest) error {
	a := lifecycle.Answered{Alert: in.Alert, By: in.By, Via: in.Via, Note: in.Note, Until: in.Until, Seen: in.Seen}
	return w.answer(ctx, name, "snoozed", in.Request, func(s *lifecycle.State) error { return s.CheckSnooze(w.now(), a) }, func(s *lifecycle.State) { s.Snooze(w.now(), a) })
}

// decide holds people to the directory of deciders.
func (w *world) decide(ctx context.Context, name, kind string, in workflows.DecideRequest, deny bool) error {
	d := lifecycle.Decided{Order: lifecycle.Order{By: in.By, Via: in.Via, Note: in.Note}, Alert: in.Alert, Seen: in.Seen, Question: in.Question, Checked: true, Deny: deny}
	d.Roles = deciders.Fills(in.By, people.Question{Team: "platform", At: w.now()})
	return w.answer(ctx, name, kind, in.Request, func(s *lifecycle.State) error { return s.CheckDecide(d) }, func(s *lifecycle.State) { s.Decide(w.now(), d) })
}

func (w *world) Approve(ctx context.Context, name string, in workflows.DecideRequest) error {
	return w.decide(ctx, name, "approved", in, false)
}

func (w *world) Deny(ctx context.Context, name string, in workflows.DecideRequest) error {
	return w.decide(ctx, name, "denied", in, true)
}

func (w *world) ObserveNow(ctx context.Context, name string, in workflows.Request) error {
	return w.answer(ctx, name, "check-asked", in, func(*lifecycle.State) error { return nil }, func(*lifecycle.State) {})
}

func (w *world) RenewNow(ctx context.Context, name string, in workflows.RenewRequest) error {
	return w.answer(ctx, name, "renew-asked", in.Request, func(s *lifecycle.State) error { return s.CheckRenew(w.now()) }, func(s *lifecycle.State) {
		s.Renew = &lifecycle.Order{By: in.By, Via: in.Via, At: w.now()}
	})
}

func (w *world) TakeOver(ctx context.Context, name string, in workflows.TakeOverRequest) error {
	a := lifecycle.Answered{Alert: in.Alert, By: in.By, Via: in.Via, Note: in.Note, For: in.For, Seen: in.Seen}
	return w.answer(ctx, name, "reassigned", in.Request, func(s *lifecycle.State) error { return s.CheckTakeOver(a) }, func(s *lifecycle.State) { s.TakeOver(w.now(), a) })
}

func (w *world) Reassign(ctx context.Context, name string, in workflows.ReassignRequest) error {
	a, to := lifecycle.Answered{Alert: in.Alert, By: in.By, Via: in.Via, Note: in.Note, Seen: in.Seen}, lifecycle.Ownership{Owner: in.Owner, Team: in.Team}
	return w.answer(ctx, name, "reassigned", in.Request, func(s *lifecycle.State) error { return s.CheckReassign(to, a) }, func(s *lifecycle.State) { s.Reassign(w.now(), to, a) })
}

func (w *world) Entries(_ context.Context, name string) ([]cert.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.journal[name]), nil
}

func (w *world) Versions(_ context.Context, name string) ([]cert.Version, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.states[name]; ok && s.Spec.Managed {
		return []cert.Version{s.Live}, nil
	}
	return nil, nil
}

var directory = people.Directory{People: []people.Person{
	{ID: "minji", Name: "Minji Kim"}, {ID: "hana", Name: "Hana Lee", TimeZone: "Asia/Seoul"}, {ID: "jun", Name: "Jun Park"},
}}

// populated is a world with something of everything.
func populated() *world {
	w := newWorld()
	for _, x := range []struct {
		name     string
		left     time.Duration
		managed  bool
		owner    string
		severity alert.Severity
	}{
		{"pay", 20 * time.Hour, false, "hana", alert.P1}, {"vpn", 6*oneDay + time.Hour, false, "jun", alert.P2}, {"mail", 11*oneDay + 5*time.Hour, false, "minji", alert.P3},
		{"shop", 71*oneDay + 3*time.Hour, true, "minji", ""}, {"login", 30*oneDay + 9*time.Hour, true, "minji", ""}, {"api", 33*oneDay + 4*time.Hour, true, "jun", ""},
		{"www", 55 * oneDay, true, "minji", ""}, {"status", 35*oneDay + 2*time.Hour, false, "jun", ""}, {"wiki", 62 * oneDay, true, "hana", ""}, {"git", 48 * oneDay, true, "jun", ""}, {"docs", 80 * oneDay, true, "hana", ""},
	} {
		w.add(x.name, x.left, x.managed, x.owner, x.severity)
	}
	s := w.states["mail"]
	s.Acknowledge(w.now().Add(-time.Hour), lifecycle.Answered{By: "minji", Via: "slack", Note: "the new one is ordered"})
	w.states["mail"] = s
	w.record("mail", cert.Entry{At: w.now().Add(-time.Hour), Kind: "acknowledged", Text: "expiring is acknowledged", By: "minji", Via: "slack", Note: "the new one is ordered"})
	return w
}

// serve gives the address of the page of a world.
func serve(t *testing.T, w *world, change func(*Config)) string {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	address := s.Listener.Addr().String()
	c := Config{URL: "http://" + address, Listen: address, Directory: func() people.Directory { return directory }, Certificates: w, Records: w, Now: w.now,
		HistoryURL: func(name string) string {
			return "http://127.0.0.1:8233/namespaces/default/workflows/certificate%2F" + name
		}}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = p
	s.Config.RegisterOnShutdown(p.Close)
	s.Start()
	t.Cleanup(func() { p.Close(); s.Close() })
	return s.URL
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}
