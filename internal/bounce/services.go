package bounce

import (
	"encoding/json"
	"errors"
	"strings"
)

// ErrUnread tells that a report of a mail service is of no kind that is known.
var ErrUnread = errors.New("neither a bounce of Postmark nor a notification of Amazon SES by SNS")

// Subscription is the address that Amazon SNS wants opened once before it sends
// anything.
type Subscription struct{ URL string }

func (s Subscription) Error() string {
	return "Amazon SNS asks to confirm the subscription; open this address once: " + short(s.URL)
}

// ParseService reads what a mail service posts about a message: a bounce of
// Postmark, or a notification of Amazon SES that comes by SNS. What is about no
// failure gives none. A request of SNS to subscribe is a Subscription.
func ParseService(body []byte) ([]Bounce, error) {
	var kind struct{ RecordType, Type, SubscribeURL, Message string }
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, ErrUnread
	}
	switch {
	case kind.RecordType == "Bounce":
		return postmark(body)
	case kind.RecordType != "":
		return nil, nil
	case kind.Type == "SubscriptionConfirmation":
		return nil, Subscription{kind.SubscribeURL}
	case kind.Type == "Notification":
		return ses([]byte(kind.Message))
	}
	return nil, ErrUnread
}

// postmarkGone are the types of bounces after which Postmark sends nothing more
// to an address.
var postmarkGone = map[string]bool{"HardBounce": true, "BadEmailAddress": true, "ManuallyDeactivated": true, "SpamComplaint": true}

func postmark(body []byte) ([]Bounce, error) {
	var b struct{ Type, Email, Description, Details, MessageID string }
	if err := json.Unmarshal(body, &b); err != nil || b.Email == "" {
		return nil, ErrUnread
	}
	if b.Type == "AutoResponder" || b.Type == "Subscribe" || b.Type == "Unsubscribe" {
		return nil, nil
	}
	why := strings.TrimSpace("the mail came back: " + short(b.Type) + " " + short(b.Description) + " " + short(b.Details))
	return []Bounce{{Address: short(b.Email), Gone: postmarkGone[b.Type], Why: why, MessageID: short(b.MessageID)}}, nil
}

func ses(message []byte) ([]Bounce, error) {
	var n struct {
		NotificationType, EventType string
		Bounce                      struct {
			BounceType, BounceSubType string
			BouncedRecipients         []struct{ EmailAddress, Status, DiagnosticCode string }
		}
		Mail struct{ CommonHeaders struct{ MessageID string } }
	}
	if err := json.Unmarshal(message, &n); err != nil {
		return nil, ErrUnread
	}
	if n.NotificationType != "Bounce" && n.EventType != "Bounce" {
		return nil, nil
	}
	var out []Bounce
	for _, r := range n.Bounce.BouncedRecipients {
		why := "the mail came back: " + short(n.Bounce.BounceType+" "+n.Bounce.BounceSubType+" "+r.Status+" "+r.DiagnosticCode)
		permanent := n.Bounce.BounceType == "Permanent" && n.Bounce.BounceSubType != "MailboxFull" && n.Bounce.BounceSubType != "MessageTooLarge" && n.Bounce.BounceSubType != "ContentRejected"
		out = append(out, Bounce{Address: short(r.EmailAddress), Gone: permanent, Why: why, MessageID: strings.Trim(short(n.Mail.CommonHeaders.MessageID), "<>")})
	}
	return out, nil
}
