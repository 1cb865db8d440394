package notify

import "time"

// SetPace makes a test need less time.
func (s *SlackSocket) SetPace(ping, silence, replaced time.Duration) {
	s.pace = pace{ping, silence, replaced}
}

// SlackMethods shows the table behind SlackScopes.
func SlackMethods() map[string][]string { return slackMethods }
