package notifytest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// click is an interaction about to be sent.
type click struct {
	secret   string
	unsigned bool
	signedAt time.Time
	actionTS string
	value    *string
	retry    int
}

// ClickOption makes a click differ from an honest one.
type ClickOption func(*click)

// WithActionTS fixes when the button was pressed, to deliver one click again.
func WithActionTS(ts string) ClickOption { return func(c *click) { c.actionTS = ts } }

// SignedAt puts another time into the signature.
func SignedAt(t time.Time) ClickOption { return func(c *click) { c.signedAt = t } }

// SignedWith signs with another secret; the empty one, too.
func SignedWith(secret string) ClickOption { return func(c *click) { c.secret = secret } }

// Unsigned leaves the signature out.
func Unsigned() ClickOption { return func(c *click) { c.unsigned = true } }

// WithValue replaces what the button carries.
func WithValue(v string) ClickOption { return func(c *click) { c.value = &v } }

// Redelivered marks the request as Slack's nth retry.
func Redelivered(n int) ClickOption { return func(c *click) { c.retry = n } }

// Click presses a button of a message as the user and sends the interaction to
// the URL, signed as Slack does. The caller closes the answer's body.
func (s *SlackServer) Click(ctx context.Context, interactionsURL string, m SlackMessage, action alert.Action, user string, options ...ClickOption) (*http.Response, error) {
	c := s.pressed(options)
	payload, err := s.interaction(m, action, user, c)
	if err != nil {
		return nil, err
	}
	return s.deliver(ctx, interactionsURL, url.Values{"payload": {string(payload)}}.Encode(), c)
}

// Interaction gives the payload about a pressed button, whichever way it goes.
func (s *SlackServer) Interaction(m SlackMessage, action alert.Action, user string, options ...ClickOption) (json.RawMessage, error) {
	return s.interaction(m, action, user, s.pressed(options))
}

func (s *SlackServer) pressed(options []ClickOption) click {
	now := time.Now()
	c := click{secret: s.SigningSecret, signedAt: now, actionTS: fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000)}
	for _, o := range options {
		o(&c)
	}
	return c
}

// interaction is the payload about a pressed button.
func (s *SlackServer) interaction(m SlackMessage, action alert.Action, user string, c click) (json.RawMessage, error) {
	block, value := "", ""
	for _, b := range m.Blocks {
		walk(b, func(o map[string]any) {
			if o["type"] == "button" && o["action_id"] == string(action) {
				block, value = fmt.Sprint(b["block_id"]), fmt.Sprint(o["value"])
			}
		})
	}
	if block == "" && c.value == nil {
		return nil, fmt.Errorf("message %s has no button %q, it has %v", m.TS, action, m.Buttons())
	}
	if c.value != nil {
		block, value = "forged", *c.value
	}
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "team": reply{"id": s.Team, "domain": "stand-in"}, "user": reply{"id": user, "username": strings.ToLower(user), "team_id": s.Team},
		"api_app_id": "A0STANDIN", "container": reply{"type": "message", "message_ts": m.TS, "channel_id": m.Channel},
		"trigger_id": s.trigger(user), "channel": reply{"id": m.Channel}, "message": reply{"type": "message", "ts": m.TS, "text": m.Text},
		"response_url": s.url + "/respond/" + url.PathEscape(user) + "/" + m.Channel + "/" + m.TS,
		"actions": []reply{{
			"type": "button", "action_id": string(action), "block_id": block, "value": value, "action_ts": c.actionTS,
			"text": reply{"type": "plain_text", "text": string(action)},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode the click: %w", err)
	}
	return payload, nil
}

func (s *SlackServer) deliver(ctx context.Context, to, body string, c click) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("deliver the click: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !c.unsigned {
		at := Timestamp(c.signedAt)
		req.Header.Set("X-Slack-Request-Timestamp", at)
		req.Header.Set("X-Slack-Signature", Sign(c.secret, at, body))
	}
	if c.retry > 0 {
		req.Header.Set("X-Slack-Retry-Num", strconv.Itoa(c.retry))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("deliver the click: %w", err)
	}
	return resp, nil
}

// Sign gives the signature that Slack puts on a request body.
func Sign(secret, timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":" + body))
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// Timestamp writes an instant as the signature's header has it.
func Timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// NextAnswer waits for the next word sent to a response_url and takes it.
func (s *SlackServer) NextAnswer(ctx context.Context) (SlackAnswer, error) {
	return next(ctx, s, &s.ephemeral, "an answer to a click")
}

// next waits until there is something in a queue of the server, and takes it.
func next[T any](ctx context.Context, s *SlackServer, queue *[]T, what string) (first T, err error) {
	for {
		s.mu.Lock()
		changed, found := s.changed, len(*queue) > 0
		if found {
			first, *queue = (*queue)[0], (*queue)[1:]
		}
		s.mu.Unlock()
		if found {
			return first, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return first, fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// respond takes what is sent to a click's response_url: a word to the person, or
// what the message is to be instead.
func (s *SlackServer) respond(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Type    string          `json:"response_type"`
		Text    string          `json:"text"`
		Blocks  json.RawMessage `json:"blocks"`
		Replace bool            `json:"replace_original"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	if in.Replace {
		form := url.Values{"channel": {r.PathValue("channel")}, "ts": {r.PathValue("ts")}, "text": {in.Text}, "blocks": {string(in.Blocks)}}
		if _, no := s.update(form); no != nil {
			http.Error(w, no.code, http.StatusBadRequest)
			return
		}
	} else {
		s.change(func() {
			s.ephemeral = append(s.ephemeral, SlackAnswer{User: r.PathValue("user"), Type: in.Type, Text: in.Text})
		})
	}
	fmt.Fprint(w, "ok")
}
