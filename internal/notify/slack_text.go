package notify

import (
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// escape is Slack's own for mrkdwn and fallback texts.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// cut keeps a text within a number of UTF-16 units, as Slack's clients count.
func cut(s string, limit int) string { return alert.Within(s, limit) }
