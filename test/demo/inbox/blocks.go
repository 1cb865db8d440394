package inbox

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// part is a piece of a message, as the template lays it out.
type part struct {
	Kind    string // header, text, facts, line, code, list, buttons, small, rule, other
	Text    string
	Facts   [][2]string
	Items   []string
	Pieces  []piece
	Buttons []button
}

type piece struct {
	Text, Link string
	Bold       bool
}

type button struct {
	Action, Label string
	Primary       bool
}

// parts reads the blocks of a Slack message. Texts stay texts: the template
// escapes them.
func parts(blocks []map[string]any) []part {
	var out []part
	for _, b := range blocks {
		switch b["type"] {
		case "header":
			out = append(out, part{Kind: "header", Text: text(b["text"])})
		case "section":
			if t := text(b["text"]); t != "" {
				out = append(out, part{Kind: "text", Text: t})
			}
			if f := facts(list(b["fields"])); len(f) > 0 {
				out = append(out, part{Kind: "facts", Facts: f})
			}
		case "context":
			for _, e := range list(b["elements"]) {
				out = append(out, part{Kind: "small", Text: text(e)})
			}
		case "actions":
			out = append(out, part{Kind: "buttons", Buttons: buttons(list(b["elements"]))})
		case "rich_text":
			for _, e := range list(b["elements"]) {
				out = append(out, rich(object(e))...)
			}
		case "divider":
			out = append(out, part{Kind: "rule"})
		default:
			out = append(out, part{Kind: "other", Text: fmt.Sprint(b["type"])})
		}
	}
	return out
}

func rich(e map[string]any) []part {
	switch e["type"] {
	case "rich_text_section", "rich_text_quote":
		return []part{{Kind: "line", Pieces: pieces(e)}}
	case "rich_text_preformatted":
		return []part{{Kind: "code", Text: flat(e)}}
	case "rich_text_list":
		p := part{Kind: "list"}
		for _, item := range list(e["elements"]) {
			p.Items = append(p.Items, flat(object(item)))
		}
		return []part{p}
	}
	return []part{{Kind: "other", Text: fmt.Sprint(e["type"])}}
}

func pieces(e map[string]any) []piece {
	var out []piece
	for _, x := range list(e["elements"]) {
		o := object(x)
		p := piece{Text: text(o), Link: safe(o["url"])}
		if p.Text == "" {
			p.Text = p.Link
		}
		p.Bold, _ = object(o["style"])["bold"].(bool)
		out = append(out, p)
	}
	return out
}

func flat(e map[string]any) string {
	var b strings.Builder
	for _, p := range pieces(e) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// facts splits "label, line break, value".
func facts(fields []any) [][2]string {
	var out [][2]string
	for _, f := range fields {
		label, value, _ := strings.Cut(text(f), "\n")
		out = append(out, [2]string{label, value})
	}
	return out
}

func buttons(elements []any) []button {
	var out []button
	for _, e := range elements {
		o := object(e)
		if o["type"] == "button" {
			out = append(out, button{Action: fmt.Sprint(o["action_id"]), Label: text(o["text"]), Primary: o["style"] == "primary"})
		}
	}
	return out
}

var mention = regexp.MustCompile(`<@U0*([A-Z]+)>`)

// text gives a text object's text, or a plain one. In mrkdwn a mention is
// shown as Slack does.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	o := object(v)
	s, nested := o["text"].(string)
	if !nested {
		return ""
	}
	if o["type"] == "mrkdwn" {
		s = mention.ReplaceAllStringFunc(s, func(m string) string { return "@" + strings.ToLower(mention.FindStringSubmatch(m)[1]) })
		s = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
	}
	return s
}

// safe lets only links to the web through.
func safe(v any) string {
	s, _ := v.(string)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return s
}

func object(v any) map[string]any { o, _ := v.(map[string]any); return o }
func list(v any) []any            { l, _ := v.([]any); return l }
