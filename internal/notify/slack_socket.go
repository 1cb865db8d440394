package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Take is given what somebody did with a message, as the JSON of Slack's
// interaction payload. With taken Slack is told that it arrived; otherwise Slack
// shows that it failed, or delivers it again. Reply, if any, is JSON that goes
// back with the acknowledgement. After, which may be nil, is what follows once
// Slack knows.
type Take func(ctx context.Context, payload []byte) (taken bool, reply []byte, after func(context.Context))

// The pace at which a lost connection is tried again.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
	opening      = 30 * time.Second // of one try, from the question for an address to Slack's hello
)

// SlackSocket receives clicks over a connection that it opens itself (Socket
// Mode), so that nothing has to be reachable from outside. Before Slack ends the
// connection, as it does every few hours, the next one is open. Several processes
// may each have one; Slack gives a click to one of them.
//
// slack-go's own client closes a connection before it opens the next, and cannot
// tell whether an acknowledgement was sent; so only its API is used here.
type SlackSocket struct {
	api    *slack.Client
	http   *http.Client
	secure bool // a connection without TLS is refused
	take   Take
	log    *slog.Logger
	pace   pace
	links  sync.WaitGroup

	mu          sync.Mutex
	err         error         // why it is not connected
	told        chan struct{} // closed once it is known whether it can connect
	tell        sync.Once
	connections int // of the app, when Slack last said
}

// pace is when a connection is asked whether it lives, how long it may be
// silent, and how long one that was replaced stays open. Tests have another.
type pace struct{ ping, silence, replaced time.Duration }

// NewSlackSocket reads the secrets and makes the receiver; Run dials.
func NewSlackSocket(o SlackOptions, take Take, log *slog.Logger) (*SlackSocket, error) {
	tokens, err := o.read()
	if err != nil {
		return nil, named(KindSlack, err)
	}
	if tokens.app == "" {
		return nil, named(KindSlack, errors.New("app_token or app_token_file is required; "+whereApp))
	}
	client, err := o.client()
	if err != nil {
		return nil, named(KindSlack, err)
	}
	api, err := url.Parse(o.api())
	if err != nil {
		return nil, named(KindSlack, err)
	}
	return &SlackSocket{
		api:  slack.New("", append(o.apiOptions(client), slack.OptionAppLevelToken(tokens.app))...),
		http: &http.Client{Transport: client.Transport, CheckRedirect: client.CheckRedirect}, secure: api.Scheme == "https",
		take: take, log: log, pace: pace{ping: 10 * time.Second, silence: 10 * time.Second, replaced: 20 * time.Second},
		err: errors.New("not connected yet"), told: make(chan struct{}),
	}, nil
}

// Connected gives why there is no connection, or nil.
func (s *SlackSocket) Connected(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// First waits until the first try to connect has ended, and gives its error.
func (s *SlackSocket) First(ctx context.Context) error {
	select {
	case <-s.told:
		return s.Connected(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Connections is how many connections of the app Slack counted when it last
// greeted this one, this one among them.
func (s *SlackSocket) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Run keeps a connection until ctx ends, and returns when what was taken by then
// is acknowledged and the connection closed.
func (s *SlackSocket) Run(ctx context.Context) {
	defer s.links.Wait()
	pause := firstPause
	for ctx.Err() == nil {
		l, err := s.open(ctx)
		if err == nil {
			pause = firstPause
			s.set(nil, l.connections)
			s.log.Info("Slack is connected", "connections", l.connections)
			err = s.attend(ctx, l)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		s.set(err, 0)
		wait := pause/2 + rand.N(pause)
		if at := fault.RetryAt(err); !at.IsZero() {
			wait = max(wait, time.Until(at))
		}
		s.log.Warn("Slack is not connected", "cause", alert.Clean(err.Error()), "again", wait.Round(time.Millisecond).String())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		pause = min(2*pause, longestPause)
	}
}

// attend gives nil when a connection is to be replaced, while it lives on for
// what is under way, and its error when it ended.
func (s *SlackSocket) attend(ctx context.Context, l *link) error {
	s.links.Go(l.receive)
	s.links.Go(func() { l.keep(ctx) })
	select {
	case <-l.replace:
		s.log.Info("Slack asks for another connection")
		return nil
	case <-l.closed:
		return l.err
	case <-ctx.Done():
		return nil
	}
}

func (s *SlackSocket) set(err error, connections int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.connections = err, connections
	s.tell.Do(func() { close(s.told) })
}
