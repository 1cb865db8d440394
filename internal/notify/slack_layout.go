package notify

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Slack's limits on parts of a message.
const (
	maxHeader  = 150
	maxFields  = 10
	maxLabel   = 75
	maxValue   = 2000
	maxPreview = 1000
	maxFooter  = 300
)

// maxBlocks bounds the encoded blocks of a message. Slack refuses somewhere
// above 11,000 characters with msg_blocks_too_long and does not say where.
const maxBlocks = 9000

// room is how many characters each kind of text may take.
type room struct{ field, quote, list, prose int }

// rooms are tried in turn until the blocks fit.
var rooms = []room{{300, 2500, 1800, 900}, {200, 1200, 900, 600}, {120, 600, 400, 300}, {60, 250, 150, 150}}

// layout gives the blocks and the fallback text of a message.
func (s *Slack) layout(m alert.Message, conversation string) []slack.MsgOption {
	t := text(m)
	if !s.buttons {
		t.Buttons = nil
	}
	preview := escape(cut(t.Subject, maxPreview))
	mention := mentioned(m, conversation)
	if mention != "" {
		preview = mention + " " + preview
	}
	return []slack.MsgOption{
		slack.MsgOptionText(preview, false),
		slack.MsgOptionBlocks(fitting(m, t, mention)...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
}

// fitting gives blocks that Slack takes; where they are too long, the texts are
// cut shorter. The link leads to all of it.
func fitting(m alert.Message, t alert.Text, mention string) []slack.Block {
	var out []slack.Block
	for _, r := range rooms {
		out = r.blocks(m, t, mention)
		if data, err := json.Marshal(out); err == nil && utf8.RuneCount(data) <= maxBlocks {
			break
		}
	}
	return out
}

// blocks lays a text out. All hostile text goes into plain_text and rich_text,
// in which nothing is markup; the only mrkdwn is the mention.
func (r room) blocks(m alert.Message, t alert.Text, mention string) []slack.Block {
	out := []slack.Block{slack.NewHeaderBlock(plain(t.Subject, maxHeader))}
	if mention != "" {
		out = append(out, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, mention, false, true), nil, nil))
	}
	if cut(t.Subject, maxHeader) != t.Subject {
		out = append(out, r.sentence(t.Headline)...)
	}
	out = append(out, r.sentence(t.Answer)...)
	for lines := t.Lines; len(lines) > 0; lines = lines[min(maxFields, len(lines)):] {
		var fields []*slack.TextBlockObject
		for _, l := range lines[:min(maxFields, len(lines))] {
			fields = append(fields, plain(l.Label+"\n"+l.Value, r.field))
		}
		out = append(out, slack.NewSectionBlock(nil, fields, nil))
	}
	out = append(out, r.listed(t.Standing)...)
	for _, l := range t.Sections {
		out = append(out, r.listed(l)...)
	}
	out = append(out, r.quoted(t.Cause)...)
	out = append(out, r.sentence(t.NextAction)...)
	out = append(out, r.sentence(t.Advice)...)
	out = append(out, r.quoted(t.Commands)...)
	out = append(out, r.listed(t.Places)...)
	out = append(out, r.listed(t.Tried)...)
	out = append(out, buttons(m.Notice, t)...)
	if u, err := url.Parse(t.Link); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		out = append(out, slack.NewRichTextBlock("", slack.NewRichTextSection(
			slack.NewRichTextSectionLinkElement(u.String(), t.LinkLabel, nil))))
	}
	return append(out, slack.NewContextBlock("", plain(t.Footer, maxFooter)))
}

// buttons offers what the text offers; each carries which alert is meant.
func buttons(n alert.Notice, t alert.Text) []slack.Block {
	value, err := alert.Ref{Certificate: n.Certificate, AlertID: n.AlertID, Standing: n.Standing}.Encode()
	if err != nil || len(value) > maxValue || len(t.Buttons) == 0 {
		return nil
	}
	var out []slack.BlockElement
	for _, a := range alert.Actions {
		label, offered := t.Buttons[a]
		if !offered {
			continue
		}
		b := slack.NewButtonBlockElement(string(a), value, plain(label, maxLabel))
		if a == alert.ActAcknowledge {
			b = b.WithStyle(slack.StylePrimary)
		}
		out = append(out, b)
	}
	return []slack.Block{slack.NewActionBlock("", out...)}
}

// mentioned gives the mention of the person in a team's channel, where an
// urgent notice must not wait until somebody looks.
func mentioned(m alert.Message, conversation string) string {
	user := m.To.Address[KindSlack]
	n := m.Notice
	urgent := n.Severity == alert.P1 || n.Severity == alert.P2
	if n.Phase != alert.Firing || !urgent || strings.HasPrefix(conversation, "D") || !slackUser.MatchString(user) {
		return ""
	}
	return "<@" + user + ">"
}

func (r room) sentence(s string) []slack.Block {
	if s == "" {
		return nil
	}
	return []slack.Block{slack.NewSectionBlock(plain(s, r.prose), nil, nil)}
}

// quoted shows lines as they are, in a code block under its title.
func (r room) quoted(l alert.List) []slack.Block {
	if len(l.Items) == 0 {
		return nil
	}
	return []slack.Block{slack.NewRichTextBlock("", titled(l.Title), &slack.RichTextPreformatted{
		Type:     slack.RTEPreformatted,
		Elements: []slack.RichTextSectionElement{literal(strings.Join(l.Items, "\n"), r.quote)},
	})}
}

// listed shows as many items as there is room for, and that there are more.
func (r room) listed(l alert.List) []slack.Block {
	var items []slack.RichTextElement
	left := r.list
	for _, item := range l.Items {
		item = cut(item, r.field)
		if left -= utf8.RuneCountInString(item); left < 0 && len(items) > 0 {
			items = append(items, slack.NewRichTextSection(literal("…", 1)))
			break
		}
		items = append(items, slack.NewRichTextSection(literal(item, r.field)))
	}
	if len(items) == 0 {
		return nil
	}
	return []slack.Block{slack.NewRichTextBlock("", titled(l.Title), slack.NewRichTextList(slack.RTEListBullet, 0, items...))}
}

func titled(s string) *slack.RichTextSection {
	return slack.NewRichTextSection(slack.NewRichTextSectionTextElement(s, &slack.RichTextSectionTextStyle{Bold: true}))
}

func literal(s string, limit int) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(cut(s, limit), nil)
}

func plain(s string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, cut(s, limit), false, false)
}
