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
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
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
// over, or refused for a reason that the person is told by after.
func (h *SlackClicks) Take(ctx context.Context, payload []byte) (taken bool, after func(context.Context)) {
	var callback slack.InteractionCallback
	if err := json.Unmarshal(payload, &callback); err != nil {
		h.Log.Warn("slack click not understood", "cause", err.Error())
		return false, nil
	}
	status, after := h.click(ctx, callback)
	return status == http.StatusOK, after
}

// click gives the HTTP status that says how it went: 200 when it was taken or
// refused for a reason the person is told, 400 when it is none of ours, 500 when
// it could not be handed over, so that Slack shows that it failed.
func (h *SlackClicks) click(ctx context.Context, callback slack.InteractionCallback) (status int, after func(context.Context)) {
	if probed(callback) {
		return http.StatusOK, func(ctx context.Context) { h.showProbed(ctx, callback) }
	}
	a, err := h.answer(callback)
	if err != nil {
		h.Log.Warn("slack click not understood", "cause", err.Error())
		return http.StatusBadRequest, nil
	}
	status, word := h.hand(ctx, a)
	if word == "" {
		return status, nil
	}
	return status, func(ctx context.Context) {
		if err := h.tell(ctx, callback.ResponseURL, ephemeral(word)); err != nil {
			h.Log.Warn("the person who clicked could not be told", "person", a.Person.ID, "word", word, "cause", err.Error())
		}
	}
}

// hand takes the answer to the workflow and gives the HTTP status and, if there
// is something to say, a word for the person. Slack hanging up does not stop it.
func (h *SlackClicks) hand(ctx context.Context, a Answer) (status int, word string) {
	ctx = context.WithoutCancel(ctx)
	log := h.Log.With("certificate", a.Certificate, "action", a.Action, "person", a.Person.ID)
	say := func(w alert.ClickWord, cause string) (int, string) {
		return http.StatusOK, w.Say(a.Person.Language, a.SlackUser, cause)
	}
	within, cancel := context.WithTimeout(ctx, h.acceptance)
	defer cancel()
	err := h.Answers.Answer(within, a)
	if err == nil {
		return http.StatusOK, ""
	}
	log = log.With("cause", alert.Clean(err.Error()))
	no, forbidden := errors.AsType[people.Forbidden](err)
	switch kind := fault.KindOf(err); {
	case forbidden && strings.HasPrefix(a.Person.ID, stranger):
		log.Warn("slack click not allowed")
		return say(alert.ClickStranger, no.Whom())
	case forbidden:
		log.Warn("slack click not allowed")
		return say(alert.ClickNotYours, no.Whom())
	case kind == fault.Invalid || kind == fault.Conflict || kind == fault.NotFound:
		log.Info("slack click refused by the workflow")
		return say(alert.ClickRefused, err.Error())
	case a.Action == alert.ActAcknowledge:
		within, cancel := context.WithTimeout(ctx, signalling)
		defer cancel()
		if err := h.Answers.Signal(within, a); err != nil {
			log.Error("acknowledgement could not be handed over", "signal", alert.Clean(err.Error()))
			return http.StatusInternalServerError, ""
		}
		log.Warn("acknowledgement left as a signal")
		return say(alert.ClickNoted, "")
	case within.Err() != nil && kind != fault.Unavailable:
		log.Warn("slack click not accepted in time")
		return say(alert.ClickLate, "")
	}
	log.Error("slack click could not be handed over")
	return http.StatusInternalServerError, ""
}
