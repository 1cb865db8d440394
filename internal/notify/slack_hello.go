package notify

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack/socketmode"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// refused gives what a human has to do about a disconnect; nil where another
// connection is all that is needed (warning, refresh_requested).
func refused(reason string) error {
	switch reason {
	case "link_disabled":
		return fault.New(fault.Configuration, "slack: link_disabled: Socket Mode is switched off; switch it on on the app's page under Socket Mode, or remove app_token_file to receive clicks by HTTP")
	case "too_many_websockets":
		return fault.New(fault.Configuration, "slack: too_many_websockets: Slack allows ten connections of one app; stop some of what uses the same app-level token")
	}
	return nil
}

// greeted reads the first message, which is Slack's hello.
func (l *link) greeted(ctx context.Context) error {
	_, data, err := l.conn.Read(ctx)
	if err != nil {
		return fmt.Errorf("no hello: %w", err)
	}
	var m socketmode.Request
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("no hello: %w", err)
	}
	switch m.Type {
	case socketmode.RequestTypeHello:
		l.connections = m.NumConnections
		return nil
	case socketmode.RequestTypeDisconnect:
		if err := refused(m.Reason); err != nil {
			return err
		}
	}
	return fmt.Errorf("no hello, but %s %s", alert.Clean(m.Type), alert.Clean(m.Reason))
}
