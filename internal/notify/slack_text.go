package notify

import "strings"

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
