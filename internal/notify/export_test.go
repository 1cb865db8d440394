package notify

import (
	"maps"
	"strings"
	"time"
)

// SetPace makes a test need less time.
func (s *SlackSocket) SetPace(ping, silence, replaced time.Duration) {
	s.pace = pace{ping, silence, replaced}
}

// SlackMethods shows the table behind SlackScopes.
func SlackMethods() map[string][]string { return slackMethods }

// SlackHints gives what helps against each word of Slack's, as people read it.
func SlackHints() map[string]string {
	out := maps.Clone(slackHints)
	for code, hint := range appHints {
		if of, both := out[code]; both && of != hint {
			hint = "bot token: " + of + ". App-level token: " + hint
		}
		out[code] = hint
	}
	for _, reason := range []string{"link_disabled", "too_many_websockets"} {
		_, hint, _ := strings.Cut(refused(reason).Error(), reason+": ")
		out[reason] = hint
	}
	return out
}

// Segments shows how the parts of a text message are counted.
func Segments(s string) int { return segments(s) }
