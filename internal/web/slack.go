// Package web is what people and machines reach by HTTP: the clicks of Slack
// messages and the health of the process. App plugs in who answers; web decides
// nothing about certificates and never talks to an adapter.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Answer is what somebody did about an alert.
type Answer struct {
	ID          string // the same for every delivery of one click
	Certificate string
	AlertID     string
	Standing    string // of the alert as the person saw it; empty: unknown
	Action      alert.Action
	Person      people.Person
	SlackUser   string
	Until       time.Time     // of a snooze
	For         time.Duration // of an acknowledgement or take-over; zero: as long as the policy allows
	Owner, Team string        // who gets it, of a reassignment
	Note        string
	Via         string
}

// Answers takes answers to the certificate's workflow.
type Answers interface {
	// Answer returns nil once the workflow has accepted it. A fault of kind
	// Invalid, Conflict or NotFound is the workflow's refusal; its text is shown
	// to the person. Unavailable means that Temporal is out of reach. Whoever may
	// not is told so by a people.Forbidden.
	Answer(ctx context.Context, a Answer) error
	// Signal leaves the answer for when a worker comes back; the same ID is
	// counted once. Only acknowledgements are left this way.
	Signal(ctx context.Context, a Answer) error
}

const (
	maxBody     = 1 << 20                // Slack sends the whole message along
	acceptance  = 2 * time.Second        // Slack waits for three
	signalling  = 700 * time.Millisecond // what is left of them
	explanation = 5 * time.Second        // of a word to the person, after Slack has its answer
	snoozeFor   = 24 * time.Hour         // "Snooze 1 day"
)

// SlackPath is where Slack is told to send interactions by HTTP.
const SlackPath = "/slack/interactions"

// SlackConfig is what the taking of clicks needs.
type SlackConfig struct {
	SigningSecret string // of clicks that come by HTTP
	Answers       Answers
	Person        func(slackUser string) (people.Person, bool) // who a Slack user is
	Forms         Forms                                        // nil: there are none
	All           All                                          // nil: nothing is answered as a whole
	APIURL        string                                       // of a Slack that is not slack.com; its host may be answered, too
	Client        *http.Client                                 // reaches Slack and follows no redirects; nil: one of its own
	Log           *slog.Logger
}

// SlackClicks takes clicks on the buttons of Slack messages, by whichever way
// they come.
type SlackClicks struct {
	SlackConfig
	acceptance time.Duration
}

// NewSlackClicks checks what it is given.
func NewSlackClicks(c SlackConfig) (*SlackClicks, error) {
	if c.Answers == nil || c.Person == nil {
		return nil, errors.New("slack interactions: nobody to take answers to, or no directory")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Client == nil {
		c.Client = &http.Client{
			Timeout:       explanation,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &SlackClicks{SlackConfig: c, acceptance: acceptance}, nil
}

// Take does what a click asks for, given as the JSON of Slack's interaction
// payload, whose sender has proven to be Slack. With taken the click was handed
// over, or refused for a reason that the person is told by reply or after; reply
// goes back with the acknowledgement.
func (h *SlackClicks) Take(ctx context.Context, payload []byte) (taken bool, reply []byte, after func(context.Context)) {
	var callback slack.InteractionCallback
	if err := json.Unmarshal(payload, &callback); err != nil {
		h.Log.Warn("slack click not understood", "cause", err.Error())
		return false, nil, nil
	}
	status, reply, after := h.click(ctx, callback)
	return status == http.StatusOK, reply, after
}

// click gives the HTTP status that says how it went: 200 when it was taken or
// refused for a reason the person is told, 400 when it is none of ours, 500 when
// it could not be handed over, so that Slack shows that it failed.
func (h *SlackClicks) click(ctx context.Context, callback slack.InteractionCallback) (status int, reply []byte, after func(context.Context)) {
	if probed(callback) {
		return http.StatusOK, nil, func(ctx context.Context) { h.showProbed(ctx, callback) }
	}
	if callback.Type == slack.InteractionTypeViewSubmission {
		status, reply = h.submit(ctx, callback)
		return status, reply, nil
	}
	a, err := h.answer(callback)
	if err != nil {
		h.Log.Warn("slack click not understood", "cause", err.Error())
		return http.StatusBadRequest, nil, nil
	}
	said := ""
	word := func(context.Context) string { return said }
	switch a.Action {
	case alert.ActMore:
		status, said = h.open(ctx, a, callback.TriggerID)
	case alert.ActAckAll:
		status, word = h.all(ctx, a)
	default:
		status, said = h.hand(ctx, a)
	}
	if said == "" && a.Action != alert.ActAckAll || status != http.StatusOK {
		return status, nil, nil
	}
	return status, nil, func(ctx context.Context) {
		word := word(ctx)
		if word == "" {
			return
		}
		if err := h.tell(ctx, callback.ResponseURL, ephemeral(word)); err != nil {
			h.Log.Warn("the person who clicked could not be told", "person", a.Person.ID, "word", word, "cause", err.Error())
		}
	}
}
