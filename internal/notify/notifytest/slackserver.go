package notifytest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// SlackMode is how the Slack stand-in behaves.
type SlackMode string

// The modes.
const (
	SlackWorks       SlackMode = ""
	SlackRateLimited SlackMode = "rate-limited" // 429 with Retry-After
	SlackFails       SlackMode = "fails"        // 503 with an HTML page
	SlackDown        SlackMode = "down"         // the connection ends before anything is done
	SlackHangs       SlackMode = "hangs"        // says nothing until the caller gives up
	SlackReplyLost   SlackMode = "reply-lost"   // chat methods are done, but the connection ends before the answer
	SlackLoses       SlackMode = "loses"        // says that a message is posted, and nobody ever sees it
)

// SlackServer answers as Slack's Web API does, for the few methods that are
// used, and refuses what Slack refuses. It keeps everything in memory.
type SlackServer struct {
	Token         string // bot token that it accepts
	AppToken      string // app-level token that it accepts
	SigningSecret string // with which clicks are signed
	Team          string
	Bot           string
	RootPEM       []byte // the CA of its certificate, where it has one

	http  *http.Server
	url   string     // as it is named in addresses that it gives
	hooks sync.Mutex // one OnPost at a time

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at every change
	mode        SlackMode
	retryAfter  time.Duration
	status      int             // instead of an answer, if not 0
	statusAfter int             // Retry-After of status, in seconds; 0: none
	channels    map[string]bool // ID -> the app is a member
	users       map[string]bool // ID -> active
	direct      map[string]string
	revoked     bool
	names       map[string]string // "#name" of a channel -> ID
	scopes      []string          // of the bot token
	appScopes   []string          // of the app-level token
	sockets     sockets
	triggers    map[string]trigger
	views       []SlackView
	messages    []*SlackMessage
	ephemeral   []SlackAnswer
	calls       map[string]int
	onPost      func(SlackMessage)
	serial      int
}

// SlackAnswer is what was sent to the response_url of a click.
type SlackAnswer struct {
	User string // who clicked
	Type string // ephemeral, in_channel
	Text string
}

// Close ends every connection.
func (s *SlackServer) Close() error {
	s.CutSockets()
	return s.http.Close()
}

// APIURL is what the api_url option takes.
func (s *SlackServer) APIURL() string { return s.url + "/api/" }

// SetMode changes how it behaves from the next request on.
func (s *SlackServer) SetMode(m SlackMode) { s.change(func() { s.mode = m }) }

// AddChannel makes a channel; member says whether the app was invited.
func (s *SlackServer) AddChannel(id string, member bool) {
	s.change(func() { s.channels[id] = member })
}

// AddUser makes a user who can be sent direct messages.
func (s *SlackServer) AddUser(id string) { s.change(func() { s.users[id] = true }) }

// NameChannel lets a message be posted to "#name" of a channel.
func (s *SlackServer) NameChannel(name, id string) { s.change(func() { s.names[name] = id }) }

// SetScopes gives the bot token these scopes only.
func (s *SlackServer) SetScopes(scopes ...string) { s.change(func() { s.scopes = scopes }) }

// DropScope takes a scope from the bot token.
func (s *SlackServer) DropScope(scope string) {
	s.change(func() {
		s.scopes = slices.DeleteFunc(slices.Clone(s.scopes), func(o string) bool { return o == scope })
	})
}

// SetAppScopes gives the app-level token these scopes only.
func (s *SlackServer) SetAppScopes(scopes ...string) { s.change(func() { s.appScopes = scopes }) }

// RevokeToken makes every call answer token_revoked.
func (s *SlackServer) RevokeToken() { s.change(func() { s.revoked = true }) }

// OnPost is called with each new message, one at a time, before it is answered.
func (s *SlackServer) OnPost(f func(SlackMessage)) { s.change(func() { s.onPost = f }) }

// Calls counts the requests to a method that were let in.
func (s *SlackServer) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Messages gives all messages, oldest first.
func (s *SlackServer) Messages() []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copied()
}

// Answers gives what was sent to response URLs and not yet taken by NextAnswer.
func (s *SlackServer) Answers() []SlackAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ephemeral)
}

// Wait returns once done holds for the messages, or with ctx's error.
func (s *SlackServer) Wait(ctx context.Context, done func([]SlackMessage) bool) error {
	for {
		s.mu.Lock()
		messages, changed := s.copied(), s.changed
		s.mu.Unlock()
		if done(messages) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("slack stand-in with %d messages: %w", len(messages), ctx.Err())
		}
	}
}

// Direct gives the direct message channel of a user, empty if none was opened.
func (s *SlackServer) Direct(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct[user]
}

func (s *SlackServer) copied() []SlackMessage {
	out := make([]SlackMessage, len(s.messages))
	for i, m := range s.messages {
		out[i] = *m
	}
	return out
}

func (s *SlackServer) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// stamp gives a message ID as Slack writes them: seconds, dot, six digits.
func (s *SlackServer) stamp() string {
	s.serial++
	return strconv.FormatInt(time.Now().Unix(), 10) + fmt.Sprintf(".%06d", s.serial)
}

// SetAnswer makes it answer everything with a status, and with Retry-After in
// seconds unless that is 0; status 0 ends that.
func (s *SlackServer) SetAnswer(status, retryAfter int) {
	s.change(func() { s.status, s.statusAfter = status, retryAfter })
}
