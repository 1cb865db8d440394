package notifytest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// SlackMessage is a message as the stand-in keeps it.
type SlackMessage struct {
	Channel   string
	TS        string
	Thread    string // ts of the first message; empty outside threads
	Broadcast bool   // a reply that is shown in the channel, too
	Text      string // fallback text
	Blocks    []map[string]any
	Metadata  json.RawMessage
	Updates   int // how often it was changed
}

// Reading gives every text of the message that a reader sees, one a line; the
// lines of a code block are set off by "  | ".
func (m SlackMessage) Reading() string {
	var out []string
	inCode := 0 // how many of the next objects stand in a code block
	walk(m.Blocks, func(o map[string]any) {
		if o["type"] == "rich_text_preformatted" {
			elements, _ := o["elements"].([]any)
			inCode = len(elements)
			return
		}
		text, _ := o["text"].(string)
		if inCode > 0 {
			inCode--
			text = "  | " + strings.ReplaceAll(text, "\n", "\n  | ")
		}
		link, _ := o["url"].(string)
		for _, s := range []string{text, link} {
			if s != "" {
				out = append(out, s)
			}
		}
	})
	return strings.Join(out, "\n")
}

// Markup gives the texts in which Slack interprets markup.
func (m SlackMessage) Markup() []string {
	out := []string{m.Text}
	walk(m.Blocks, func(o map[string]any) {
		if s, ok := o["text"].(string); ok && o["type"] == "mrkdwn" {
			out = append(out, s)
		}
	})
	return out
}

// Buttons lists the action IDs that the message offers, in order.
func (m SlackMessage) Buttons() []string {
	var out []string
	walk(m.Blocks, func(o map[string]any) {
		if o["type"] == "button" {
			out = append(out, fmt.Sprint(o["action_id"]))
		}
	})
	return out
}
