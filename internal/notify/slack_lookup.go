package notify

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// noticeEvent is the type of the metadata that our messages carry.
const noticeEvent = "neverlapse_notice"

// A lookup reads at most this many of the newest messages.
const (
	lookupPages = 3
	lookupPage  = 100
)

// conversation gives the address that counts and the ID of the conversation
// behind it; for a person the direct message is opened first.
func (s *Slack) conversation(ctx context.Context, address string) (used, id string, err error) {
	switch {
	case slackChannel.MatchString(address):
		return address, address, nil
	case !slackUser.MatchString(address):
		return "", "", fault.NoAddress("slack: %q is neither a user ID (U…) nor a channel ID (C…); copy the ID from the profile or from the channel's details", alert.Clean(address))
	}
	if known, ok := s.direct.Load(address); ok {
		return address, known.(string), nil
	}
	channel, _, _, err := s.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{address}})
	if err != nil {
		return "", "", slackFault("open a direct message", err)
	}
	if channel == nil || channel.ID == "" {
		return "", "", fault.New(fault.Transient, "slack: open a direct message: the answer names no channel")
	}
	s.direct.Store(address, channel.ID)
	return address, channel.ID, nil
}

// find looks for the message with the key among the newest of a conversation,
// or of a thread; empty if it is not there.
func (s *Slack) find(ctx context.Context, conversation, thread, key string) (ts string, err error) {
	cursor := ""
	for range lookupPages {
		var page []slack.Message
		page, cursor, err = s.page(ctx, conversation, thread, cursor)
		if err != nil {
			return "", slackFault("look for an earlier message", err)
		}
		for _, m := range page {
			if m.Metadata.EventType == noticeEvent && m.Metadata.EventPayload["dedup_key"] == key {
				return m.Timestamp, nil
			}
		}
		if cursor == "" {
			break
		}
	}
	return "", nil
}

func (s *Slack) page(ctx context.Context, conversation, thread, cursor string) ([]slack.Message, string, error) {
	if thread != "" {
		msgs, _, next, err := s.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: conversation, Timestamp: thread, Cursor: cursor, Limit: lookupPage, IncludeAllMetadata: true,
		})
		return msgs, next, err
	}
	h, err := s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: conversation, Cursor: cursor, Limit: lookupPage, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return h.Messages, h.ResponseMetaData.NextCursor, nil
}

func slackReceipt(m alert.Message, address, ts, thread string) alert.Receipt {
	if thread == "" {
		thread = ts
	}
	at := time.Now()
	whole, _, _ := strings.Cut(ts, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		at = time.Unix(n, 0)
	}
	return receipt(m, KindSlack, address, ts, thread, at)
}
