package notify

import (
	"context"
	"errors"
	"sync"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// SlackGuarantees is what Slack promises.
var SlackGuarantees = Guarantees{
	Kind: KindSlack, Interrupts: true, Interruption: "direct message; mention in a channel for P1 and P2",
	Deduplicates: "looked up before a retry (message metadata)",
	ReachesOne:   true, ReachesGroup: true, Answers: true, Updates: true,
}

// Slack posts messages into channels and direct messages, with buttons where
// clicks have a way back.
type Slack struct {
	api     *slack.Client
	buttons bool
	direct  sync.Map // user ID -> ID of the direct message channel
}

// NewSlack reads the secrets and makes the channel; it does not dial.
func NewSlack(o SlackOptions) (*Slack, error) {
	tokens, err := o.read()
	if err != nil {
		return nil, named(KindSlack, err)
	}
	client, err := o.client()
	if err != nil {
		return nil, named(KindSlack, err)
	}
	return &Slack{api: slack.New(tokens.bot, o.apiOptions(client)...), buttons: o.Buttons()}, nil
}

// Send posts the message: into the alert's thread if one was begun at the same
// address, else as a message of its own. On a retry it first looks whether an
// earlier try arrived; where the app may not look, a duplicate is the lesser evil.
func (s *Slack) Send(ctx context.Context, m alert.Message, retry bool) (alert.Receipt, error) {
	if err := checkKey(m); err != nil {
		return alert.Receipt{}, err
	}
	address, conversation, err := s.conversation(ctx, m.Address)
	if err != nil {
		return alert.Receipt{}, err
	}
	thread := ""
	if r := m.InReplyTo; r != nil && r.Kind == KindSlack && r.Address == address {
		thread = threadOf(*r)
	}
	if retry {
		ts, err := s.find(ctx, conversation, thread, m.DedupKey)
		if err != nil && !fault.Is(err, fault.Configuration) && !fault.Is(err, fault.NotFound) {
			return alert.Receipt{}, err
		}
		if ts != "" {
			return slackReceipt(m, address, ts, thread), nil
		}
	}
	ts, err := s.post(ctx, conversation, thread, m)
	if thread != "" && fault.Is(err, fault.NotFound) { // somebody deleted the thread
		thread = ""
		ts, err = s.post(ctx, conversation, thread, m)
	}
	if err != nil {
		return alert.Receipt{}, err
	}
	return slackReceipt(m, address, ts, thread), nil
}

// Update changes the message in place; when the alert is resolved, its thread
// is told as well, once.
func (s *Slack) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if err := checkKey(m); err != nil {
		return err
	}
	m = asSent(m, r)
	_, conversation, err := s.conversation(ctx, r.Address)
	if err != nil {
		return err
	}
	_, _, _, err = s.api.UpdateMessageContext(ctx, conversation, r.ID, s.layout(m, conversation)...)
	err = slackFault("change a message", err)
	if m.Notice.Phase != alert.Resolved || !begins(r) || fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil && !fault.Is(err, fault.Configuration) {
		return err
	}
	return errors.Join(err, s.tellThread(ctx, conversation, r.ID, m))
}

func (s *Slack) tellThread(ctx context.Context, conversation, thread string, m alert.Message) error {
	ts, err := s.find(ctx, conversation, thread, m.DedupKey)
	if ts != "" || err != nil && !fault.Is(err, fault.Configuration) {
		return err
	}
	_, err = s.post(ctx, conversation, thread, m)
	return err
}

func (s *Slack) post(ctx context.Context, conversation, thread string, m alert.Message) (string, error) {
	options := append(s.layout(m, conversation), slack.MsgOptionMetadata(slack.SlackMetadata{
		EventType: noticeEvent, EventPayload: map[string]any{"dedup_key": m.DedupKey},
	}))
	if thread != "" {
		options = append(options, slack.MsgOptionTS(thread))
		if raised(m.Notice) {
			options = append(options, slack.MsgOptionBroadcast())
		}
	}
	_, ts, err := s.api.PostMessageContext(ctx, conversation, options...)
	return ts, slackFault("post a message", err)
}

// raised reports whether a follow-up must be seen outside its thread: it fires
// anew from the first step, or it pages.
func raised(n alert.Notice) bool {
	return n.Phase == alert.Firing && n.Reach != alert.Quiet && (n.Step == 0 || n.Severity == alert.P1)
}
