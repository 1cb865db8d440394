package alert

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Ticket lets whoever was sent it answer one standing of one alert, or of the
// question that it asks, by one action. It travels in the address of a link; the signature is what makes it
// good, so whoever is passed the link answers in the name of whom it was sent to.
type Ticket struct {
	Ref
	To       string `json:"to"` // ID of a person, or people.GroupMark and that of a team
	Kind     string `json:"kind"`
	Action   Action `json:"action"`
	Ends     int64  `json:"ends"` // Unix time, in seconds
	Language string `json:"language,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}

// The reasons for which a ticket is not good.
var (
	ErrForged  = errors.New("the link is not one of ours")
	ErrExpired = errors.New("the link has expired")
)

// maxTicket bounds what is looked at.
const maxTicket = 4096

var encoding = base64.RawURLEncoding

// Sign gives the text of a ticket.
func (t Ticket) Sign(key []byte) (string, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	payload := encoding.EncodeToString(data)
	return payload + "." + encoding.EncodeToString(seal(key, payload)), nil
}

// ReadTicket reads what Sign wrote: ErrForged for anything else, and ErrExpired,
// with the ticket, once it has ended.
func ReadTicket(key []byte, text string, now time.Time) (Ticket, error) {
	payload, signature, _ := strings.Cut(text, ".")
	given, err := encoding.DecodeString(signature)
	if len(text) > maxTicket || len(key) == 0 || err != nil || !hmac.Equal(given, seal(key, payload)) {
		return Ticket{}, ErrForged
	}
	var t Ticket
	data, err := encoding.DecodeString(payload)
	if err != nil || json.Unmarshal(data, &t) != nil {
		return Ticket{}, ErrForged
	}
	if ref, err := t.Encode(); err != nil {
		return Ticket{}, ErrForged
	} else if _, err := ParseRef(ref); err != nil || t.To == "" {
		return Ticket{}, ErrForged
	}
	if !now.Before(time.Unix(t.Ends, 0)) {
		return t, ErrExpired
	}
	return t, nil
}

func seal(key []byte, payload string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("neverlapse answer link, 1\x00" + payload))
	return mac.Sum(nil)
}

// TicketActions lists what may be answered by a link, in the order shown.
var TicketActions = []Action{ActApprove, ActDeny, ActAccept, ActDecline, ActAcknowledge, ActSnooze, ActTakeOver, ActReassign, ActRenew, ActAckAll}

// Link leads to a page that asks before it answers.
type Link struct {
	Action Action
	URL    string
}
