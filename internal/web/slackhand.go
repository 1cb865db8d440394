package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// hand takes the answer to the workflow and gives the HTTP status and, if there
// is something to say, a word for the person. Slack hanging up does not stop it.
func (h *SlackClicks) hand(ctx context.Context, a Answer) (status int, word string) {
	ctx = context.WithoutCancel(ctx)
	within, cancel := context.WithTimeout(ctx, h.acceptance)
	defer cancel()
	err := h.Answers.Answer(within, a)
	if err == nil {
		return http.StatusOK, ""
	}
	if _, _, told := wordOf(a, err); told || a.Action != alert.ActAcknowledge {
		return h.refuse(a, err, within.Err() != nil)
	}
	log := h.about(a, err)
	within, cancel = context.WithTimeout(ctx, signalling)
	defer cancel()
	if err := h.Answers.Signal(within, a); err != nil {
		log.Error("acknowledgement could not be handed over", "signal", alert.Clean(err.Error()))
		return http.StatusInternalServerError, ""
	}
	log.Warn("acknowledgement left as a signal")
	return http.StatusOK, alert.ClickNoted.Say(a.Person.Language, a.SlackUser, "")
}

// refuse gives the status and the word for what was not taken.
func (h *SlackClicks) refuse(a Answer, err error, late bool) (status int, word string) {
	log := h.about(a, err)
	if w, cause, told := wordOf(a, err); told {
		if w == alert.ClickRefused {
			log.Info("slack click refused by the workflow")
		} else {
			log.Warn("slack click not allowed")
		}
		return http.StatusOK, w.Say(a.Person.Language, a.SlackUser, cause)
	}
	if late && !fault.Is(err, fault.Unavailable) {
		log.Warn("slack click not accepted in time")
		return http.StatusOK, alert.ClickLate.Say(a.Person.Language, a.SlackUser, "")
	}
	log.Error("slack click could not be handed over")
	return http.StatusInternalServerError, ""
}

// wordOf is what the person is told of a refusal; false for anything else.
func wordOf(a Answer, err error) (w alert.ClickWord, cause string, told bool) {
	no, forbidden := errors.AsType[people.Forbidden](err)
	switch kind := fault.KindOf(err); {
	case forbidden && strings.HasPrefix(a.Person.ID, stranger):
		return alert.ClickStranger, no.Whom(), true
	case forbidden:
		return alert.ClickNotYours, no.Whom(), true
	case kind == fault.Invalid || kind == fault.Conflict || kind == fault.NotFound:
		return alert.ClickRefused, err.Error(), true
	}
	return "", "", false
}
