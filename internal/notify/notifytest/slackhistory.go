package notifytest

import (
	"net/url"
	"slices"
	"strconv"
)

// list is conversations.history (newest first, no replies but broadcast ones)
// and conversations.replies (oldest first, the first message included).
func (s *SlackServer) list(name string, f url.Values) (reply, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	channel, thread := f.Get("channel"), f.Get("ts")
	if no := s.may(channel); no != nil {
		return nil, no
	}
	if name == "conversations.replies" && s.message(channel, thread) == nil {
		return nil, &refusal{code: "thread_not_found"}
	}
	all := []reply{}
	for _, m := range s.messages {
		inThread := m.TS == thread || m.Thread == thread
		inChannel := m.Thread == "" || m.Broadcast
		if !within(f, m.TS) || m.Channel != channel || name == "conversations.replies" && !inThread || name == "conversations.history" && !inChannel {
			continue
		}
		one := reply{"type": "message", "bot_id": s.Bot, "ts": m.TS, "thread_ts": m.Thread, "text": m.Text, "blocks": m.Blocks}
		if f.Get("include_all_metadata") == "1" && len(m.Metadata) > 0 {
			one["metadata"] = m.Metadata
		}
		all = append(all, one)
	}
	if name == "conversations.history" {
		slices.Reverse(all)
	}
	limit, err := strconv.Atoi(f.Get("limit"))
	if err != nil || limit < 1 {
		limit = 100
	}
	from, err := strconv.Atoi(f.Get("cursor"))
	if err != nil {
		from = 0
	}
	to, next := from+limit, strconv.Itoa(from+limit)
	if to >= len(all) {
		to, next = len(all), ""
	}
	return reply{"messages": all[min(from, to):to], "has_more": next != "", "response_metadata": reply{"next_cursor": next}}, nil
}

// within reports whether a message lies between oldest and latest; ts of one
// length compare as text.
func within(f url.Values, ts string) bool {
	oldest, latest, inclusive := f.Get("oldest"), f.Get("latest"), f.Get("inclusive") == "1" || f.Get("inclusive") == "true"
	if ts == oldest || ts == latest {
		return inclusive
	}
	return ts > oldest && (latest == "" || ts < latest)
}
