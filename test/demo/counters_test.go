package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
	"github.com/neverlapse/neverlapse/test/demo/oracle"
	"github.com/neverlapse/neverlapse/test/harness"
)

// raised gives a stage with a real worker and engine, and its watcher at work.
func raised(t *testing.T, grace time.Duration) *stage {
	t.Helper()
	if os.Getenv(engineEnv) == "" {
		t.Skip("SKIPPED: NEVERLAPSE_ENGINE is not set; build the engine by test/servers/build-engine.sh")
	}
	targettest.NeedNginx(t)
	dir := t.TempDir()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	bins, err := harness.Build(t.Context(), root, dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	s, err := raise(ctx, plainConsole(&said), newBoard(), options{grace: grace, language: "en"}, bins, dir)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	watched := make(chan struct{})
	go func() { s.seen.run(ctx); close(watched) }()
	t.Cleanup(func() {
		cancel()
		<-watched
		s.Close()
		if t.Failed() {
			t.Logf("%s\nworker:\n%s", said.String(), tail(s.Worker.Output(), 4000))
		}
	})
	return s
}

// prop enrols the certificate of a button.
func (s *stage) prop(t *testing.T, name string) *turn {
	t.Helper()
	i := slices.IndexFunc(s.troubles, func(tr *trouble) bool { return tr.name == name })
	sub := props[slices.IndexFunc(props, func(p subject) bool { return p.name == name })]
	tn := &turn{stage: s, trouble: s.troubles[i], subject: sub, site: s.sites[sub.host], scene: scene{subject: sub, tag: name}}
	pair, err := aged(sub.host, sub.left)
	if err == nil {
		err = tn.site.put(s.ctx, pair)
	}
	if err == nil {
		err = s.enroll(s.ctx, tn.scene, tn.site)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tn
}

// counts waits for a verdict of the oracle.
func (s *stage) counts(t *testing.T, what string, cond func(oracle.Count) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := wait(ctx, what, func() bool { return cond(s.ledger.Count(time.Now())) }); err != nil {
		t.Fatalf("%v\n%+v", err, s.ledger.Count(time.Now()))
	}
}

// The counters are worth something only if they can say that something is wrong.
func TestTheCountersSayOneWhenOneIsLostDoubledOrTooMany(t *testing.T) {
	s := raised(t, 8*time.Second)

	mill := s.prop(t, "mill")
	if c := s.ledger.Count(time.Now()); !c.Well() || c.Owed != 0 {
		t.Fatalf("at first: %+v", c)
	}
	// A renewal that nobody planned or asked for on the stage, right after the last.
	if out, code := s.CLI(s.ctx, "renew", mill.subject.name, "--wait"); code != 0 {
		t.Fatal(out)
	}
	s.counts(t, "a certificate too many to be counted", func(c oracle.Count) bool { return c.Issued == 1 && c.Expected == 0 })

	door := s.prop(t, "door")
	s.Slack.SetMode(notifytest.SlackLoses)
	if _, err := door.put(nearly); err != nil {
		t.Fatal(err)
	}
	s.counts(t, "a lost alert to be counted", func(c oracle.Count) bool { return c.Lost == 1 })
	s.Slack.SetMode(notifytest.SlackWorks)

	s.counts(t, "the next ones up to be told", func(oracle.Count) bool { return len(s.Slack.Messages()) > 0 })
	if c := s.ledger.Count(time.Now()); c.Lost != 1 || c.Twice != 0 {
		t.Errorf("lost %d, twice %d; want 1 and 0: %+v", c.Lost, c.Twice, c)
	}
	again(t, s.World)
	s.counts(t, "a doubled alert to be counted", func(c oracle.Count) bool { return c.Twice == 1 })

	view := (&board{stage: s, changed: make(chan struct{})}).View()
	if view.Count.Lost != 1 || view.Count.Twice != 1 || view.Count.Issued-view.Count.Expected != 1 || len(view.Troubles) != len(props) || view.Troubles[0].State != inbox.Idle {
		t.Errorf("the page shows %+v", view.Count)
	}
}

// again posts the newest Slack message once more, as a sender that forgot would.
func again(t *testing.T, w *harness.World) {
	t.Helper()
	all := w.Slack.Messages()
	m := all[len(all)-1]
	blocks, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.PostForm(w.Slack.APIURL()+"chat.postMessage", url.Values{
		"token": {w.Slack.Token}, "channel": {m.Channel}, "thread_ts": {m.Thread}, "text": {m.Text}, "blocks": {string(blocks)}, "metadata": {string(m.Metadata)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var said struct{ OK bool }
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || !said.OK || len(w.Slack.Messages()) != len(all)+1 {
		t.Fatalf("it was not posted: %v %+v", err, said)
	}
}

func TestBadHostsAreRefusedByName(t *testing.T) {
	got, err := readVisitors("a.example, b.example:8443\tA.example [::1]:443")
	if err != nil || len(got) != 3 || got[1].name() != "b.example-8443" || got[0].name() != "a.example" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = readVisitors("good.example bad_host.example:99999 https://x.example/")
	for _, want := range []string{`"bad_host.example:99999"`, `"https://x.example/"`, "HOSTS='www.example.com"} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if got, err := readVisitors("  "); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}
