package alert

import "strings"

// Plain lays a text out for sinks without markup: mail, a terminal, a log. The
// last error is quoted line by line, so that it cannot pass for our own words.
func Plain(t Text) string {
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	list := func(l List, prefix string) {
		if len(l.Items) == 0 {
			return
		}
		line()
		line(l.Title, ":")
		for _, item := range l.Items {
			line(prefix, item)
		}
	}
	line(t.Headline)
	if t.Answer != "" {
		line(t.Answer)
	}
	line()
	for _, l := range t.Lines {
		line(l.Label, ": ", l.Value)
	}
	list(t.Standing, "  - ")
	for _, l := range t.Sections {
		list(l, "  - ")
	}
	list(t.Cause, "  | ")
	if t.NextAction != "" || t.Advice != "" {
		line()
	}
	if t.NextAction != "" {
		line(t.NextAction)
	}
	if t.Advice != "" {
		line(t.Advice)
	}
	list(t.Commands, "  $ ")
	list(t.Places, "  - ")
	list(t.Tried, "  - ")
	if len(t.Answers.Links) > 0 {
		line()
		line(t.Answers.Title, ":")
		for _, l := range t.Answers.Links {
			line("  ", l.Label, ": ", l.URL)
		}
	}
	line()
	if t.Link != "" {
		line(t.LinkLabel, ": ", t.Link)
	}
	line(t.Footer)
	return b.String()
}
