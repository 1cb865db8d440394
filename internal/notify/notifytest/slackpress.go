package notifytest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coder/websocket/wsjson"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// How Slack delivers a click by Socket Mode.
const (
	acknowledged = 3 * time.Second // it waits no longer
	deliveries   = 4               // the first, and three more
)

// Pressed is what became of a click by Socket Mode.
type Pressed struct {
	Deliveries   int
	Acknowledged bool            // otherwise the person sees that it failed
	Reply        json.RawMessage // that came with the acknowledgement
}

// Press presses a button of a message as the user and delivers the click to one
// of the app's connections in turn. A delivery that is not acknowledged within
// three seconds, or whose connection ends, is made again to another, as soon as
// there is one, three times at most. The error is ctx's.
func (s *SlackServer) Press(ctx context.Context, m SlackMessage, action alert.Action, user string, options ...ClickOption) (Pressed, error) {
	payload, err := s.Interaction(m, action, user, options...)
	if err != nil {
		return Pressed{}, err
	}
	return s.press(ctx, payload)
}

func (s *SlackServer) press(ctx context.Context, payload json.RawMessage) (out Pressed, err error) {
	reason := ""
	for out.Deliveries < deliveries {
		k, err := s.turn(ctx)
		if err != nil {
			return out, err
		}
		reason, out.Reply, err = s.deliverTo(ctx, k, payload, out.Deliveries, reason)
		if err != nil {
			return out, err
		}
		out.Deliveries++
		if reason == "" {
			out.Acknowledged = true
			return out, nil
		}
	}
	return out, nil
}

// deliverTo sends one envelope and gives why it must be sent again; empty if it
// was acknowledged.
func (s *SlackServer) deliverTo(ctx context.Context, k *slackSocket, payload json.RawMessage, attempt int, before string) (reason string, answer json.RawMessage, err error) {
	id := rand.Text()
	envelope := reply{
		"envelope_id": id, "type": "interactive", "accepts_response_payload": true, "payload": payload,
		"retry_attempt": attempt, "retry_reason": before,
	}
	done := make(chan json.RawMessage, 1)
	k.waiting.Store(id, done)
	if wsjson.Write(ctx, k.conn, envelope) != nil {
		return "connection_failed", nil, ctx.Err()
	}
	late := time.NewTimer(acknowledged)
	defer late.Stop()
	select {
	case answer = <-done:
		return "", answer, nil
	case <-k.gone:
		return "connection_failed", nil, nil
	case <-late.C:
		return "timeout", nil, nil
	case <-ctx.Done():
		return "", nil, fmt.Errorf("deliver a click: %w", ctx.Err())
	}
}

func (s *SlackServer) lost() (lost bool) {
	s.change(func() {
		if lost = s.sockets.lose > 0; lost {
			s.sockets.lose--
		}
	})
	return lost
}

// turn waits for a connection that can be given something.
func (s *SlackServer) turn(ctx context.Context) (*slackSocket, error) {
	for {
		s.mu.Lock()
		changed, open := s.changed, s.sockets.open
		var found *slackSocket
		for range open {
			s.sockets.next = (s.sockets.next + 1) % len(open)
			if k := open[s.sockets.next]; k.greeted && !k.leaving {
				found = k
				break
			}
		}
		s.mu.Unlock()
		if found != nil {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("no connection to deliver a click to: %w", ctx.Err())
		}
	}
}
