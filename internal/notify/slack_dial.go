package notify

import (
	"context"
	"errors"
	"net/url"

	"github.com/coder/websocket"
	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// appHints says how to mend what Slack refuses to an app-level token.
var appHints = map[string]string{
	"invalid_auth":           "the app-level token is not valid; " + whereApp,
	"not_authed":             "the app-level token is not valid; " + whereApp,
	"token_revoked":          "the app-level token was revoked; make another: " + whereApp,
	"not_allowed_token_type": "app_token_file holds another kind of token; " + whereApp,
	"missing_scope":          "the app-level token has no scope connections:write; make another: " + whereApp,
	"account_inactive":       "the app was removed from the workspace; install it again",
}

// open asks Slack for an address, dials it and waits for the hello. The address
// holds a ticket that counts once, so no error shows more than its host.
func (s *SlackSocket) open(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	_, address, err := s.api.StartSocketModeContext(ctx)
	if err != nil {
		return nil, appFault(err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "wss" && (s.secure || u.Scheme != "ws") {
		return nil, fault.New(fault.Configuration, "slack: open a connection: the address that was given is not encrypted, or none; does api_url lead to Slack?")
	}
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: s.http})
	if err != nil && resp != nil {
		return nil, fault.New(fault.Transient, "slack: %s answered %s to a WebSocket; does a proxy on the way let them through?", u.Host, resp.Status)
	}
	if err != nil {
		return nil, slackFault("open a connection", notReached(u, err))
	}
	conn.SetReadLimit(maxEnvelope)
	l := &link{conn: conn, socket: s, replace: make(chan struct{}), closed: make(chan struct{})}
	if err := l.greeted(ctx); err != nil {
		_ = conn.CloseNow() // whatever it says, the connection is of no use
		if fault.Is(err, fault.Configuration) {
			return nil, err
		}
		return nil, fault.New(fault.Transient, "slack: open a connection: %s: %w", u.Host, err)
	}
	return l, nil
}

func appFault(err error) error {
	const doing = "open a connection"
	var refused slack.SlackErrorResponse
	if errors.As(err, &refused) && appHints[refused.Err] != "" {
		return fault.New(fault.Configuration, "slack: %s: %s: %s", doing, alert.Clean(refused.Err), appHints[refused.Err])
	}
	return slackFault(doing, err)
}
