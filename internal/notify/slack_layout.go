package notify

import (
	"net/url"
	"strings"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Slack's limits on blocks, and ours below them: a whole message stays under
// what chat.postMessage accepts. All hostile text goes into plain_text and
// rich_text, in which nothing is markup; the only mrkdwn is the mention.
const (
	maxHeader  = 150
	maxField   = 300
	maxFields  = 10
	maxQuote   = 2500
	maxList    = 1800
	maxProse   = 900
	maxLabel   = 75
	maxValue   = 2000
	maxPreview = 1000
)

// layout gives the blocks and the fallback text of a message.
func layout(m alert.Message, conversation string) []slack.MsgOption {
	t := text(m)
	preview := escape(cut(t.Subject, maxPreview))
	mention := mentioned(m, conversation)
	if mention != "" {
		preview = mention + " " + preview
	}
	return []slack.MsgOption{
		slack.MsgOptionText(preview, false),
		slack.MsgOptionBlocks(blocks(m, t, mention)...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
}

func blocks(m alert.Message, t alert.Text, mention string) []slack.Block {
	out := []slack.Block{slack.NewHeaderBlock(plain(t.Subject, maxHeader))}
	if mention != "" {
		out = append(out, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, mention, false, true), nil, nil))
	}
	if cut(t.Subject, maxHeader) != t.Subject {
		out = append(out, prose(t.Headline))
	}
	if t.Answer != "" {
		out = append(out, prose(t.Answer))
	}
	for lines := t.Lines; len(lines) > 0; lines = lines[min(maxFields, len(lines)):] {
		var fields []*slack.TextBlockObject
		for _, l := range lines[:min(maxFields, len(lines))] {
			fields = append(fields, plain(l.Label+"\n"+l.Value, maxField))
		}
		out = append(out, slack.NewSectionBlock(nil, fields, nil))
	}
	out = append(out, quoted(t.Cause)...)
	for _, s := range []string{t.NextAction, t.Advice} {
		if s != "" {
			out = append(out, prose(s))
		}
	}
	out = append(out, quoted(t.Commands)...)
	out = append(out, listed(t.Places)...)
	out = append(out, listed(t.Tried)...)
	if b := buttons(m.Notice, t); b != nil {
		out = append(out, b)
	}
	if u, err := url.Parse(t.Link); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		out = append(out, slack.NewRichTextBlock("", slack.NewRichTextSection(
			slack.NewRichTextSectionLinkElement(u.String(), t.LinkLabel, nil))))
	}
	return append(out, slack.NewContextBlock("", plain(t.Footer, maxField)))
}

// buttons offers what the text offers; each carries which alert is meant.
func buttons(n alert.Notice, t alert.Text) slack.Block {
	value, err := alert.Ref{Certificate: n.Certificate, AlertID: n.AlertID}.Encode()
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
	return slack.NewActionBlock("", out...)
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

func prose(s string) slack.Block {
	return slack.NewSectionBlock(plain(s, maxProse), nil, nil)
}

// quoted shows lines as they are, in a code block under its title.
func quoted(l alert.List) []slack.Block {
	if len(l.Items) == 0 {
		return nil
	}
	return []slack.Block{slack.NewRichTextBlock("", titled(l.Title), &slack.RichTextPreformatted{
		Type:     slack.RTEPreformatted,
		Elements: []slack.RichTextSectionElement{literal(strings.Join(l.Items, "\n"), maxQuote)},
	})}
}

func listed(l alert.List) []slack.Block {
	var items []slack.RichTextElement
	left := maxList
	for _, item := range l.Items {
		if item = cut(item, maxField); item == "" || left < len([]rune(item)) {
			continue
		}
		left -= len([]rune(item))
		items = append(items, slack.NewRichTextSection(literal(item, maxField)))
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

// escape is Slack's own for mrkdwn and fallback texts.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// cut keeps a text within a number of UTF-16 units, as Slack's clients count.
func cut(s string, limit int) string {
	units := 0
	for i, r := range s {
		width := 1
		if r > 0xffff {
			width = 2
		}
		if units += width; units > limit {
			head := []rune(s[:i])
			return string(head[:len(head)-1]) + "…"
		}
	}
	return s
}
