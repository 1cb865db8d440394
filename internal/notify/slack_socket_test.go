package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// ear is a running receiver that counts what it is given.
type ear struct {
	*notify.SlackSocket
	stop func() // and wait

	mu      sync.Mutex
	presses map[string]int // action_ts -> deliveries
	refuse  bool
	inside  func() // called while a click is being taken
}

func (e *ear) take(_ context.Context, payload []byte) (bool, []byte, func(context.Context)) {
	var in struct {
		Actions []struct {
			TS string `json:"action_ts"`
		}
	}
	if err := json.Unmarshal(payload, &in); err != nil || len(in.Actions) != 1 {
		return false, nil, nil
	}
	e.mu.Lock()
	e.presses[in.Actions[0].TS]++
	inside, refuse := e.inside, e.refuse
	e.mu.Unlock()
	if inside != nil {
		inside()
	}
	return !refuse, nil, nil
}

func (e *ear) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// counted is how many different clicks came, and how often one was given at most.
func (e *ear) counted() (clicks, most int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.presses {
		most = max(most, n)
	}
	return len(e.presses), most
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

func socketOptions(s *notifytest.SlackServer) notify.SlackOptions {
	return notify.SlackOptions{Token: notify.Secret(s.Token), AppToken: notify.Secret(s.AppToken), APIURL: s.APIURL(), Timeout: 20 * time.Second}
}

// listening starts a receiver and waits until it is connected.
func listening(t *testing.T, s *notifytest.SlackServer) *ear {
	t.Helper()
	e := &ear{presses: map[string]int{}}
	var err error
	if e.SlackSocket, err = notify.NewSlackSocket(socketOptions(s), e.take, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	e.stop = func() { cancel(); <-done }
	t.Cleanup(e.stop)
	until(t, "the connection", func() bool { return e.Connected(t.Context()) == nil })
	return e
}

// posted is a message with buttons in the team's channel.
func posted(t *testing.T, s *notifytest.SlackServer) notifytest.SlackMessage {
	t.Helper()
	c, err := notify.NewSlack(socketOptions(s))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), inTeam(notifytest.Sample()), false); err != nil {
		t.Fatal(err)
	}
	return s.Messages()[0]
}

func press(t *testing.T, s *notifytest.SlackServer, m notifytest.SlackMessage, o ...notifytest.ClickOption) notifytest.Pressed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := s.Press(ctx, m, alert.ActAcknowledge, minji, o...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAClickBySocketModeIsAcknowledgedOnceItWasTaken(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e, m := listening(t, s), posted(t, s)
	if got := press(t, s, m); !got.Acknowledged || got.Deliveries != 1 {
		t.Errorf("%+v", got)
	}
	e.set(func() { e.refuse = true })
	if testing.Short() {
		return
	}
	if got := press(t, s, m); got.Acknowledged { // Slack waits three seconds, four times
		t.Errorf("acknowledged, although it was not taken: %+v", got)
	}
}

func TestALostAcknowledgementIsDeliveredAgainAsTheSameClick(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e, m := listening(t, s), posted(t, s)
	s.LoseAcks(1)
	if got := press(t, s, m); !got.Acknowledged || got.Deliveries != 2 {
		t.Errorf("%+v", got)
	}
	if clicks, most := e.counted(); clicks != 1 || most != 2 {
		t.Errorf("%d clicks, %d deliveries of one", clicks, most)
	}
}

func TestBeforeAConnectionEndsTheNextIsOpen(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e, m := listening(t, s), posted(t, s)
	e.set(func() {
		e.inside = sync.OnceFunc(func() { // the warning comes while a click is being taken
			s.Warn()
			until(t, "the second connection", func() bool { return s.Sockets() == 2 })
		})
	})
	if got := press(t, s, m); !got.Acknowledged || got.Deliveries != 1 {
		t.Errorf("the click that was under way: %+v", got)
	}
	for range 4 { // over either connection
		if got := press(t, s, m); !got.Acknowledged || got.Deliveries != 1 {
			t.Errorf("%+v", got)
		}
	}
	if err := e.Connected(t.Context()); err != nil {
		t.Error(err)
	}
	if n := s.SocketsOpened(); n != 2 {
		t.Errorf("%d connections were opened", n)
	}
}

func TestAReplacedConnectionIsClosedAfterAWhile(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e := &ear{presses: map[string]int{}}
	var err error
	if e.SlackSocket, err = notify.NewSlackSocket(socketOptions(s), e.take, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	e.SetPace(time.Second, 10*time.Second, 50*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	until(t, "the connection", func() bool { return s.Sockets() == 1 })
	s.Warn()
	until(t, "the old connection to be closed", func() bool { return s.SocketsOpened() == 2 && s.Sockets() == 1 })
	cancel()
	<-done
}

func TestClicksDuringRefreshesAndCutsAreAllTaken(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e, m := listening(t, s), posted(t, s)
	listening(t, s) // another worker, whose clicks count elsewhere
	var all sync.WaitGroup
	const clicks = 30
	acknowledged := make([]bool, clicks)
	for i := range clicks {
		all.Go(func() {
			acknowledged[i] = press(t, s, m, notifytest.WithActionTS(fmt.Sprintf("1795000000.%06d", i))).Acknowledged
		})
		switch i % 10 {
		case 3:
			s.Refresh()
		case 7:
			s.CutSockets()
		}
	}
	all.Wait()
	for i, ok := range acknowledged {
		if !ok {
			t.Errorf("click %d was not acknowledged", i)
		}
	}
	until(t, "both to be connected", func() bool { return e.Connected(t.Context()) == nil && s.Sockets() >= 2 })
}

func TestStoppingAcknowledgesWhatWasTakenAndClosesInOrder(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e, m := listening(t, s), posted(t, s)
	entered, release := make(chan struct{}), make(chan struct{})
	e.set(func() { e.inside = func() { close(entered); <-release } })
	result := make(chan notifytest.Pressed, 1)
	go func() { result <- press(t, s, m) }()
	<-entered
	stopped := make(chan struct{})
	go func() { e.stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("stopped while a click was being taken")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-stopped
	if got := <-result; !got.Acknowledged || got.Deliveries != 1 {
		t.Errorf("%+v", got)
	}
	until(t, "the connection to be gone", func() bool { return s.Sockets() == 0 })
}

func TestWhatSlackSwitchesOffIsSaidAndComesBack(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	e := listening(t, s)
	s.SwitchSocketMode(false)
	until(t, "the reason", func() bool {
		err := e.Connected(t.Context())
		return fault.Is(err, fault.Configuration) && err != nil && strings.Contains(err.Error(), "Socket Mode is switched off")
	})
	s.SwitchSocketMode(true)
	until(t, "the connection", func() bool { return e.Connected(t.Context()) == nil })
}

func TestWhatKeepsAConnectionFromOpeningIsSaid(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*notifytest.SlackServer, *notify.SlackOptions)
		want    string
	}{
		"an unknown token":   {func(_ *notifytest.SlackServer, o *notify.SlackOptions) { o.AppToken = "xapp-other" }, "invalid_auth: the app-level token is not valid"},
		"a token without it": {func(s *notifytest.SlackServer, _ *notify.SlackOptions) { s.SetAppScopes("authorizations:read") }, "missing_scope: the app-level token has no scope connections:write"},
		"a revoked token":    {func(s *notifytest.SlackServer, _ *notify.SlackOptions) { s.RevokeToken() }, "token_revoked"},
		"switched off":       {func(s *notifytest.SlackServer, _ *notify.SlackOptions) { s.SwitchSocketMode(false) }, "link_disabled"},
		"nobody there":       {func(s *notifytest.SlackServer, _ *notify.SlackOptions) { s.Close() }, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			s := slackServer(t)
			o := socketOptions(s)
			tc.prepare(s, &o)
			e, err := notify.NewSlackSocket(o, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); e.Run(ctx) }()
			var got error
			until(t, "the reason", func() bool { got = e.Connected(ctx); return got != nil && got.Error() != "not connected yet" })
			cancel()
			<-done
			if !strings.Contains(got.Error(), tc.want) || strings.Contains(got.Error(), "ticket") {
				t.Errorf("%v, want %q", got, tc.want)
			}
		})
	}
}

// mute is a Slack whose connections say hello and then neither read nor answer.
func mute(t *testing.T) (server *httptest.Server, opened func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/apps.connections.open", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"ok":true,"url":"ws://%s/link/?ticket=1"}`, r.Host)
	})
	end := make(chan struct{})
	mux.HandleFunc("GET /link/", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		mu.Lock()
		n++
		mu.Unlock()
		if wsjson.Write(r.Context(), conn, map[string]any{"type": "hello", "num_connections": 1}) == nil {
			<-end
		}
	})
	server = httptest.NewServer(mux)
	t.Cleanup(func() { close(end); server.Close() })
	return server, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestASilentConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	server, opened := mute(t)
	e, err := notify.NewSlackSocket(notify.SlackOptions{Token: "xoxb-t", AppToken: "xapp-t", APIURL: server.URL + "/api/"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e.SetPace(20*time.Millisecond, 50*time.Millisecond, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	until(t, "another connection", func() bool { return opened() > 1 })
	cancel()
	<-done
}
