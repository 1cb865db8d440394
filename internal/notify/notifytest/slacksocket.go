package notifytest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// maxSockets is how many connections Slack allows an app.
const maxSockets = 10

// sockets is the half of the stand-in that speaks Socket Mode.
type sockets struct {
	tickets map[string]bool // given and not used
	open    []*slackSocket
	off     bool // Socket Mode is switched off in the app's settings
	next    int  // whose turn it is
	lose    int  // acknowledgements that are still to be lost
	opened  int  // connections so far
}

// slackSocket is one connection of the app.
type slackSocket struct {
	conn    *websocket.Conn
	waiting sync.Map      // envelope ID -> chan json.RawMessage, given what came with the acknowledgement
	gone    chan struct{} // closed when the connection ended
	greeted bool          // was sent its hello; is given nothing before
	leaving bool          // is given nothing more
}

// ticket answers apps.connections.open with an address that counts once.
func (s *SlackServer) ticket() reply {
	t := rand.Text()
	s.change(func() { s.sockets.tickets[t] = true })
	return reply{"url": "ws" + strings.TrimPrefix(s.url, "http") + "/link/?ticket=" + t + "&app_id=A0STANDIN"}
}

// link is where such an address leads.
func (s *SlackServer) link(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	known := false
	s.change(func() {
		known = s.sockets.tickets[ticket]
		delete(s.sockets.tickets, ticket)
	})
	if !known {
		http.Error(w, "invalid ticket", http.StatusUnauthorized)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // clients that are no browsers
	if err != nil {
		return
	}
	defer conn.CloseNow()
	k := &slackSocket{conn: conn, gone: make(chan struct{})}
	defer close(k.gone)
	count, reason := s.enter(k)
	if reason != "" {
		farewell(conn, reason)
		return
	}
	defer s.leave(k)
	hello := reply{
		"type": "hello", "num_connections": count, "connection_info": reply{"app_id": "A0STANDIN"},
		"debug_info": reply{"host": "applink-1", "build_number": 54, "approximate_connection_time": 18060},
	}
	if wsjson.Write(r.Context(), conn, hello) == nil {
		s.change(func() { k.greeted = true })
		s.receive(k)
	}
}

// enter counts a connection in, or says why it is refused.
func (s *SlackServer) enter(k *slackSocket) (count int, reason string) {
	s.change(func() {
		switch {
		case s.sockets.off:
			reason = "link_disabled"
		case len(s.sockets.open) >= maxSockets:
			reason = "too_many_websockets"
		default:
			s.sockets.open = append(s.sockets.open, k)
			s.sockets.opened++
			count = len(s.sockets.open)
		}
	})
	return count, reason
}

func (s *SlackServer) leave(k *slackSocket) {
	s.change(func() {
		s.sockets.open = slices.DeleteFunc(s.sockets.open, func(o *slackSocket) bool { return o == k })
	})
}

// receive takes acknowledgements until the connection ends, and pings.
func (s *SlackServer) receive(k *slackSocket) {
	go func() {
		for tick := time.NewTicker(5 * time.Second); ; {
			select {
			case <-k.gone:
				tick.Stop()
				return
			case <-tick.C:
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				if k.conn.Ping(ctx) != nil {
					k.conn.CloseNow()
				}
				cancel()
			}
		}
	}()
	for {
		_, data, err := k.conn.Read(context.Background())
		if err != nil {
			return
		}
		var ack struct {
			ID      string          `json:"envelope_id"`
			Payload json.RawMessage `json:"payload"`
		}
		if len(data) >= 20<<10 || json.Unmarshal(data, &ack) != nil { // Slack drops longer ones
			continue
		}
		if done, ok := k.waiting.LoadAndDelete(ack.ID); ok && !s.lost() {
			done.(chan json.RawMessage) <- ack.Payload
		}
	}
}

func farewell(conn *websocket.Conn, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if wsjson.Write(ctx, conn, reply{"type": "disconnect", "reason": reason, "debug_info": reply{"host": "wss-111.slack.com"}}) == nil {
		conn.Close(websocket.StatusNormalClosure, "")
	}
}
