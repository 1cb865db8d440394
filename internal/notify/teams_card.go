package notify

import (
	"encoding/json"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// cardVersion is the newest schema of Adaptive Cards that Teams shows everywhere.
const cardVersion = "1.4"

// An Adaptive Card, as far as it is used. Texts stand in text runs, in which no
// markup is interpreted.
type (
	teamsMessage struct {
		Type        string            `json:"type"`
		Attachments []teamsAttachment `json:"attachments"`
	}
	teamsAttachment struct {
		ContentType string `json:"contentType"`
		Content     card   `json:"content"`
	}
	card struct {
		Schema   string         `json:"$schema"`
		Type     string         `json:"type"`
		Version  string         `json:"version"`
		Fallback string         `json:"fallbackText"`
		Language string         `json:"lang,omitempty"`
		Teams    map[string]any `json:"msteams"`
		Body     []cardText     `json:"body"`
		Actions  []cardAction   `json:"actions,omitempty"`
	}
	cardText struct {
		Type    string    `json:"type"`
		Spacing string    `json:"spacing,omitempty"`
		Inlines []cardRun `json:"inlines"`
	}
	cardRun struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Size   string `json:"size,omitempty"`
		Weight string `json:"weight,omitempty"`
		Color  string `json:"color,omitempty"`
		Font   string `json:"fontType,omitempty"`
		Subtle bool   `json:"isSubtle,omitempty"`
	}
	cardAction struct {
		Type  string `json:"type"`
		Title string `json:"title"`
		URL   string `json:"url"`
	}
)

// cardLimit is how much of a message a card shows.
type cardLimit struct {
	items int // of each list
	chars int // of each text
}

func toCard(n alert.Notice, t alert.Text, limit cardLimit) ([]byte, error) {
	c := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: cardVersion,
		Fallback: cut(t.Subject, limit.chars), Teams: map[string]any{"width": "Full"},
	}
	run := func(s string) cardRun { return cardRun{Type: "TextRun", Text: cut(s, limit.chars)} }
	add := func(spacing string, runs ...cardRun) {
		if runs[len(runs)-1].Text != "" {
			c.Body = append(c.Body, cardText{"RichTextBlock", spacing, runs})
		}
	}
	title := run(t.Subject)
	title.Size, title.Weight, title.Color = "large", "bolder", cardColor(n)
	add("", title)
	add("small", run(t.Headline))
	add("small", bold(run(t.Answer)))
	for i, l := range t.Lines {
		spacing := "none"
		if i == 0 {
			spacing = "medium"
		}
		add(spacing, bold(run(l.Label+": ")), run(l.Value))
	}
	list := func(l alert.List, font, mark string) { // so that no item passes for our own words
		for i, item := range l.Items[:min(len(l.Items), limit.items)] {
			if i == 0 {
				add("medium", bold(run(l.Title)))
			}
			r := run(mark + item)
			r.Font = font
			add("none", r)
		}
		if len(l.Items) > limit.items && limit.items > 0 {
			add("none", run("…"))
		}
	}
	list(t.Standing, "", "- ")
	for _, l := range t.Sections {
		list(l, "", "- ")
	}
	list(t.Cause, "monospace", "| ")
	add("medium", run(t.NextAction))
	add("small", run(t.Advice))
	list(t.Commands, "monospace", "$ ")
	list(t.Places, "", "- ")
	list(t.Tried, "", "- ")
	add("medium", run(t.Link))
	footer := run(t.Footer)
	footer.Size, footer.Subtle = "small", true
	add("medium", footer)
	for _, l := range t.Answers.Links {
		c.Actions = append(c.Actions, cardAction{"Action.OpenUrl", l.Label, l.URL})
	}
	if link := linkOf(n); link != "" {
		c.Actions = append(c.Actions, cardAction{"Action.OpenUrl", t.LinkLabel, link})
	}
	return json.Marshal(teamsMessage{"message", []teamsAttachment{{"application/vnd.microsoft.card.adaptive", c}}})
}

func bold(r cardRun) cardRun {
	r.Weight = "bolder"
	return r
}

func cardColor(n alert.Notice) string {
	switch {
	case n.Phase == alert.Resolved:
		return "good"
	case n.Severity == alert.P1 || n.Severity == alert.P2:
		return "attention"
	}
	return "warning"
}
