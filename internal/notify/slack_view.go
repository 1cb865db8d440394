package notify

import (
	"context"
	"errors"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// OpenView shows a form to whoever pressed a button. The trigger of that click is
// good for three seconds, and once.
func (s *Slack) OpenView(ctx context.Context, trigger string, view slack.ModalViewRequest) error {
	if trigger == "" {
		return fault.New(fault.Invalid, "slack: open a form: %w", errors.New("the click carries no trigger_id"))
	}
	_, err := s.api.OpenViewContext(ctx, trigger, view)
	return slackFault("open a form", err)
}
