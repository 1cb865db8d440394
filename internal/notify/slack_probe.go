package notify

import (
	"cmp"
	"context"
	"strings"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// SlackIdentity is whom a bot token belongs to and what it may do.
type SlackIdentity struct {
	Workspace string
	URL       string // of the workspace
	Bot       string
	Scopes    []string // as Slack says (X-OAuth-Scopes); nil if it does not
}

// Identify asks Slack about the bot token.
func (s *Slack) Identify(ctx context.Context) (SlackIdentity, error) {
	a, err := s.api.AuthTestContext(ctx)
	if err != nil {
		return SlackIdentity{}, slackFault("ask whom the bot token belongs to", err)
	}
	id := SlackIdentity{Workspace: a.Team, URL: a.URL, Bot: a.User}
	for _, scope := range strings.Split(a.Header.Get("X-OAuth-Scopes"), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			id.Scopes = append(id.Scopes, scope)
		}
	}
	return id, nil
}

// SlackProbe is a message with which somebody tries whether Slack works.
type SlackProbe struct {
	Channel string // ID of the conversation
	ID      string // ts
	Buttons bool
}

// Probe posts a message with one button, if clicks have a way back. The address
// is a user ID, a channel ID or, as nobody has the ID at hand yet, #name.
func (s *Slack) Probe(ctx context.Context, address, language string) (SlackProbe, error) {
	conversation := address
	if !strings.HasPrefix(address, "#") {
		var err error
		if _, conversation, err = s.conversation(ctx, address); err != nil {
			return SlackProbe{}, err
		}
	}
	ask := alert.ProbeAsk
	if !s.buttons {
		ask = alert.ProbeNoButton
	}
	blocks := probeBlocks(language, ask.Say(language, ""))
	if s.buttons {
		value := cmp.Or(language, alert.DefaultLanguage)
		button := slack.NewButtonBlockElement(alert.ProbeAction, value, plain(alert.ProbeButton.Say(language, ""), maxLabel))
		blocks = append(blocks, slack.NewActionBlock("", button.WithStyle(slack.StylePrimary)))
	}
	channel, ts, err := s.api.PostMessageContext(ctx, conversation, probeOptions(language, blocks)...)
	return SlackProbe{Channel: channel, ID: ts, Buttons: s.buttons}, slackFault("post a message", err)
}

// Probed tells which Slack user pressed the button; empty while nobody has.
// Whichever process was given the click has said so in the message.
func (s *Slack) Probed(ctx context.Context, p SlackProbe) (user string, err error) {
	h, err := s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: p.Channel, Oldest: p.ID, Latest: p.ID, Inclusive: true, Limit: 1,
	})
	if err != nil {
		return "", slackFault("read the message again", err)
	}
	for _, m := range h.Messages {
		if m.Timestamp != p.ID {
			continue
		}
		for _, b := range m.Blocks.BlockSet {
			if user, ok := alert.ProbedBy(b.ID()); ok {
				return user, nil
			}
		}
		return "", nil
	}
	return "", fault.New(fault.NotFound, "slack: the message is gone; did somebody delete it?")
}

// EndProbe changes the message to what became of it.
func (s *Slack) EndProbe(ctx context.Context, p SlackProbe, language, text string) error {
	_, _, _, err := s.api.UpdateMessageContext(ctx, p.Channel, p.ID, probeOptions(language, probeBlocks(language, text))...)
	return slackFault("change a message", err)
}

func probeBlocks(language, text string) []slack.Block {
	return []slack.Block{
		slack.NewHeaderBlock(plain(alert.ProbeTitle.Say(language, ""), maxHeader)),
		slack.NewSectionBlock(plain(text, maxFooter), nil, nil),
	}
}

func probeOptions(language string, blocks []slack.Block) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(escape(alert.ProbeTitle.Say(language, "")), false), slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
}
