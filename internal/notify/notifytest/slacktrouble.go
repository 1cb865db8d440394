package notifytest

import (
	"context"
	"slices"

	"github.com/coder/websocket/wsjson"
)

// Sockets is how many connections are open.
func (s *SlackServer) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets.open)
}

// SocketsOpened is how many connections there have been.
func (s *SlackServer) SocketsOpened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets.opened
}

// Warn tells every connection that it ends in about ten seconds; it is the
// caller who ends it.
func (s *SlackServer) Warn() {
	for _, k := range s.all(false) {
		wsjson.Write(context.Background(), k.conn, reply{"type": "disconnect", "reason": "warning", "debug_info": reply{"host": "wss-111.slack.com"}})
	}
}

// Refresh asks every connection to be replaced, and ends it.
func (s *SlackServer) Refresh() {
	for _, k := range s.all(true) {
		go farewell(k.conn, "refresh_requested")
	}
}

// SwitchSocketMode does what the switch in the app's settings does.
func (s *SlackServer) SwitchSocketMode(on bool) {
	s.change(func() { s.sockets.off = !on })
	if !on {
		for _, k := range s.all(true) {
			go farewell(k.conn, "link_disabled")
		}
	}
}

// CutSockets ends every connection without a word.
func (s *SlackServer) CutSockets() {
	for _, k := range s.all(true) {
		k.conn.CloseNow()
	}
}

// LoseAcks makes the next n acknowledgements not arrive.
func (s *SlackServer) LoseAcks(n int) { s.change(func() { s.sockets.lose = n }) }

// all gives the connections; leaving ones are given nothing more.
func (s *SlackServer) all(leaving bool) (out []*slackSocket) {
	s.change(func() {
		for _, k := range s.sockets.open {
			k.leaving = k.leaving || leaving
		}
		out = slices.Clone(s.sockets.open)
	})
	return out
}
