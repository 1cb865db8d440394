package notifytest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// triggerLasts is how long Slack lets a form be opened after a click.
const triggerLasts = 3 * time.Second

// maxView is how many bytes a view may have.
const maxView = 250 << 10

// trigger lets a form be opened for a user, once.
type trigger struct {
	user string
	ends time.Time
	used bool
}

// SlackView is a form as somebody sees it.
type SlackView struct {
	ID       string
	User     string
	Callback string
	Metadata string
	Title    string
	Blocks   []map[string]any
	Options  map[string][]string // values of what can be picked, by block
	raw      map[string]any
}

func (s *SlackServer) trigger(user string) string {
	id := fmt.Sprintf("%d.%s", time.Now().Unix(), rand.Text())
	s.change(func() { s.triggers[id] = trigger{user: user, ends: time.Now().Add(triggerLasts)} })
	return id
}

// AgeTriggers makes every trigger older, as if so much time had passed.
func (s *SlackServer) AgeTriggers(by time.Duration) {
	s.change(func() {
		for id, t := range s.triggers {
			t.ends = t.ends.Add(-by)
			s.triggers[id] = t
		}
	})
}

// openView shows a form, if Slack would.
func (s *SlackServer) openView(r *http.Request) (out reply, no *refusal) {
	in := struct {
		Trigger string          `json:"trigger_id"`
		View    json.RawMessage `json:"view"`
	}{r.PostForm.Get("trigger_id"), json.RawMessage(r.PostForm.Get("view"))}
	if len(in.View) == 0 {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, &refusal{code: "invalid_json"}
		}
	}
	if in.Trigger == "" || len(in.View) == 0 {
		return nil, &refusal{code: "invalid_arguments", messages: []string{"[ERROR] missing required field: trigger_id or view"}}
	}
	v, no := checkView(in.View)
	if no != nil {
		return nil, no
	}
	s.change(func() {
		t, known := s.triggers[in.Trigger]
		switch {
		case !known:
			no = &refusal{code: "invalid_trigger_id"}
		case t.used:
			no = &refusal{code: "exchanged_trigger_id"}
		case !time.Now().Before(t.ends):
			no = &refusal{code: "expired_trigger_id"}
		default:
			t.used = true
			s.triggers[in.Trigger] = t
			v.ID, v.User = "V"+rand.Text()[:10], t.user
			s.views = append(s.views, v)
			out = reply{"view": reply{"id": v.ID, "type": "modal", "callback_id": v.Callback, "blocks": []any{}}}
		}
	})
	return out, no
}

// Views gives every form that was opened, oldest first.
func (s *SlackServer) Views() []SlackView {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]SlackView(nil), s.views...)
}

// NextView waits for a form to be opened and takes it.
func (s *SlackServer) NextView(ctx context.Context) (SlackView, error) {
	return next(ctx, s, &s.views, "a form")
}

// Reading gives every text of the form, one a line.
func (v SlackView) Reading() string { return SlackMessage{Blocks: v.Blocks}.Reading() }
