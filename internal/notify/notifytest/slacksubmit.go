package notifytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SlackSubmitted is what a form that somebody sent off became.
type SlackSubmitted struct {
	Status int               // by HTTP; by Socket Mode 200 once it was acknowledged, else 500
	Errors map[string]string // shown at the fields, and the form stays
	Says   string            // everything in what took the form's place
	Closed bool              // the form went away
}

// Fields are what somebody filled in, by block: a string is typed or picked, a
// time.Time is picked.
type Fields map[string]any

// Submission gives the payload of a form that its user sends off.
func (s *SlackServer) Submission(v SlackView, f Fields) (json.RawMessage, error) {
	values := reply{}
	for _, b := range v.Blocks {
		e, _ := b["element"].(map[string]any)
		if b["type"] != "input" {
			continue
		}
		id, action := fmt.Sprint(b["block_id"]), fmt.Sprint(e["action_id"])
		given, filled := f[id]
		state := reply{"type": e["type"]}
		switch e["type"] {
		case "datetimepicker":
			state["selected_date_time"] = nil
			if t, ok := given.(time.Time); ok {
				state["selected_date_time"] = t.Unix()
			}
		case "plain_text_input":
			state["value"] = nil
			if filled {
				state["value"] = given
			}
		default:
			state["selected_option"] = nil
			if filled {
				if !slices.Contains(v.Options[id], fmt.Sprint(given)) {
					return nil, fmt.Errorf("%s offers no %v, it has %v", id, given, v.Options[id])
				}
				state["selected_option"] = reply{"value": given, "text": reply{"type": "plain_text", "text": fmt.Sprint(given)}}
			}
		}
		values[id] = reply{action: state}
		if optional, _ := b["optional"].(bool); !filled && !optional {
			return nil, fmt.Errorf("nothing is sent off: Slack requires %s", id)
		}
	}
	return json.Marshal(reply{
		"type": "view_submission", "team": reply{"id": s.Team, "domain": "stand-in"}, "user": reply{"id": v.User, "username": strings.ToLower(v.User), "team_id": s.Team},
		"api_app_id": "A0STANDIN", "trigger_id": s.trigger(v.User), "response_urls": []any{},
		"view": reply{
			"id": v.ID, "team_id": s.Team, "type": "modal", "callback_id": v.Callback, "private_metadata": v.Metadata, "hash": "1." + v.ID,
			"blocks": v.Blocks, "state": reply{"values": values}, "title": v.raw["title"], "root_view_id": v.ID,
		},
	})
}

// Submit sends a form off to the URL, signed as Slack does.
func (s *SlackServer) Submit(ctx context.Context, interactionsURL string, v SlackView, f Fields, options ...ClickOption) (SlackSubmitted, error) {
	payload, err := s.Submission(v, f)
	if err != nil {
		return SlackSubmitted{}, err
	}
	resp, err := s.deliver(ctx, interactionsURL, url.Values{"payload": {string(payload)}}.Encode(), s.pressed(options))
	if err != nil {
		return SlackSubmitted{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return SlackSubmitted{}, fmt.Errorf("submit a form: %w", err)
	}
	out := SlackSubmitted{Status: resp.StatusCode}
	if out.Status == http.StatusOK {
		err = out.read(v, body)
	}
	return out, err
}

// PressSubmit sends a form off by Socket Mode, as Press does with a click.
func (s *SlackServer) PressSubmit(ctx context.Context, v SlackView, f Fields) (SlackSubmitted, error) {
	payload, err := s.Submission(v, f)
	if err != nil {
		return SlackSubmitted{}, err
	}
	p, err := s.press(ctx, payload)
	if err != nil || !p.Acknowledged {
		return SlackSubmitted{Status: http.StatusInternalServerError}, err
	}
	out := SlackSubmitted{Status: http.StatusOK}
	return out, out.read(v, p.Reply)
}

// read takes the answer as Slack does: an empty one closes the form; one that it
// does not understand is shown as a failure.
func (o *SlackSubmitted) read(v SlackView, body []byte) error {
	if o.Closed = len(body) == 0; o.Closed {
		return nil
	}
	var in struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return fmt.Errorf("the answer to a form is no JSON: %q", body)
	}
	switch in.Action {
	case "errors":
		for id, text := range in.Errors {
			if text == "" || !slices.ContainsFunc(v.Blocks, func(b map[string]any) bool { return b["block_id"] == id && b["type"] == "input" }) {
				return fmt.Errorf("no error is shown by Slack: %q at %q, which is no input block", text, id)
			}
		}
		o.Errors = in.Errors
	case "update":
		next, no := checkView(in.View)
		if no != nil {
			return fmt.Errorf("refused by Slack, what is to be shown: %s %v", no.code, no.messages)
		}
		o.Says = next.Reading()
	default:
		return fmt.Errorf("unknown response_action %q", in.Action)
	}
	return nil
}
