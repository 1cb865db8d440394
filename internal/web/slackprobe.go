package web

import (
	"cmp"
	"context"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// probed reports whether the button of neverlapse slack check was pressed.
func probed(c slack.InteractionCallback) bool {
	actions := c.ActionCallback.BlockActions
	return c.Type == slack.InteractionTypeBlockActions && len(actions) > 0 && actions[0].ActionID == alert.ProbeAction && c.User.ID != ""
}

// showProbed writes into the message who pressed: so the process that asked
// learns of it, although Slack may give the click to any process of the app.
func (h *SlackClicks) showProbed(ctx context.Context, c slack.InteractionCallback) {
	p, known := h.Person(c.User.ID)
	language := cmp.Or(p.Language, c.ActionCallback.BlockActions[0].Value)
	text := alert.ProbeStranger.Say(language, c.User.ID)
	if known {
		text = alert.ProbeKnown.Say(language, p.ID)
	}
	plain := func(s string) map[string]any { return map[string]any{"type": "plain_text", "text": s} }
	title := alert.ProbeTitle.Say(language, "")
	err := h.tell(ctx, c.ResponseURL, map[string]any{
		"replace_original": true, "text": escape(title), "blocks": []map[string]any{
			{"type": "header", "text": plain(title)},
			{"type": "section", "block_id": alert.ProbeMark(c.User.ID), "text": plain(text)},
		},
	})
	if err != nil {
		h.Log.Warn("the message of a check could not be changed", "cause", err.Error())
	}
}
