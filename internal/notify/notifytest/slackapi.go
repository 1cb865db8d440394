package notifytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// reply is what a method answers with, beside "ok".
type reply map[string]any

// refusal is an {"ok": false, "error": ...} answer.
type refusal struct {
	code             string
	messages         []string
	needed, provided string // of missing_scope
}

func (s *SlackServer) method(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	mode, wait, status, after := s.mode, s.retryAfter, s.status, s.statusAfter
	s.calls[name]++
	s.mu.Unlock()
	if status != 0 {
		if after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		w.WriteHeader(status)
		return
	}
	switch mode {
	case SlackRateLimited:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		http.Error(w, `{"ok":false,"error":"ratelimited"}`, http.StatusTooManyRequests)
		return
	case SlackFails:
		http.Error(w, "<html>Server Error</html>", http.StatusServiceUnavailable)
		return
	case SlackDown:
		hangUp(w)
		return
	case SlackHangs:
		<-r.Context().Done()
		return
	}
	out, no := s.answer(w.Header(), name, r)
	if mode == SlackReplyLost && strings.HasPrefix(name, "chat.") {
		hangUp(w)
		return
	}
	if no != nil {
		out = reply{"error": no.code}
		if no.needed != "" {
			out["needed"], out["provided"] = no.needed, no.provided
		}
		out["response_metadata"] = map[string]any{"messages": no.messages}
	}
	out["ok"] = no == nil
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		hangUp(w)
	}
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

func (s *SlackServer) answer(h http.Header, name string, r *http.Request) (reply, *refusal) {
	if no := s.admit(h, name, r); no != nil {
		return nil, no
	}
	switch name {
	case "auth.test":
		return reply{"url": s.url, "team": "stand-in", "team_id": s.Team, "user": "neverlapse", "user_id": "U0NEVERLAPSE", "bot_id": s.Bot}, nil
	case "apps.connections.open":
		return s.ticket(), nil
	case "chat.postMessage":
		return s.post(r.PostForm)
	case "chat.update":
		return s.update(r.PostForm)
	case "conversations.open":
		return s.open(r.PostForm.Get("users"))
	case "conversations.history", "conversations.replies":
		return s.list(name, r.PostForm)
	case "views.open":
		return s.openView(r)
	}
	return nil, &refusal{code: "unknown_method"}
}

func (s *SlackServer) post(f url.Values) (reply, *refusal) {
	blocks, no := checkMessage(f)
	if no != nil {
		return nil, no
	}
	m := &SlackMessage{
		Channel: f.Get("channel"), Thread: f.Get("thread_ts"), Broadcast: f.Get("reply_broadcast") == "true",
		Text: f.Get("text"), Blocks: blocks, Metadata: json.RawMessage(f.Get("metadata")),
	}
	var hook func(SlackMessage)
	var posted SlackMessage
	s.change(func() {
		if id, named := s.names[m.Channel]; named {
			m.Channel = id
		}
		if no = s.may(m.Channel); no != nil {
			return
		}
		if m.Thread != "" && s.message(m.Channel, m.Thread) == nil {
			no = &refusal{code: "thread_not_found"}
			return
		}
		m.TS = s.stamp()
		for i, b := range m.Blocks {
			if _, named := b["block_id"]; !named {
				b["block_id"] = fmt.Sprintf("b%d-%d", s.serial, i)
			}
		}
		if s.mode != SlackLoses {
			s.messages = append(s.messages, m)
		}
		hook, posted = s.onPost, *m
	})
	if no != nil {
		return nil, no
	}
	if hook != nil {
		s.hooks.Lock()
		defer s.hooks.Unlock()
		hook(posted)
	}
	return reply{"channel": posted.Channel, "ts": posted.TS, "message": reply{"text": posted.Text, "ts": posted.TS}}, nil
}

func (s *SlackServer) update(f url.Values) (reply, *refusal) {
	blocks, no := checkMessage(f)
	if no != nil {
		return nil, no
	}
	s.change(func() {
		if no = s.may(f.Get("channel")); no != nil {
			return
		}
		m := s.message(f.Get("channel"), f.Get("ts"))
		if m == nil {
			no = &refusal{code: "message_not_found"}
			return
		}
		m.Text, m.Blocks = f.Get("text"), blocks
		m.Updates++
	})
	return reply{"channel": f.Get("channel"), "ts": f.Get("ts"), "text": f.Get("text")}, no
}

func (s *SlackServer) open(user string) (out reply, no *refusal) {
	s.change(func() {
		if !s.users[user] {
			no = &refusal{code: "user_not_found"}
			return
		}
		if s.direct[user] == "" {
			s.direct[user] = "D" + strings.TrimLeft(user, "UW")
			s.channels[s.direct[user]] = true
		}
		out = reply{"channel": reply{"id": s.direct[user]}}
	})
	return out, no
}

func (s *SlackServer) may(channel string) *refusal {
	member, known := s.channels[channel]
	switch {
	case !known:
		return &refusal{code: "channel_not_found"}
	case !member:
		return &refusal{code: "not_in_channel"}
	}
	return nil
}

func (s *SlackServer) message(channel, ts string) *SlackMessage {
	for _, m := range s.messages {
		if m.Channel == channel && m.TS == ts {
			return m
		}
	}
	return nil
}
