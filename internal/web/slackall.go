package web

import (
	"context"
	"net/http"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// All answers every alert of a message about many.
type All interface {
	// AcknowledgeAll returns once the answer is on record, with errors as those of
	// Answers; wait gives what became of it, or ctx's error.
	AcknowledgeAll(ctx context.Context, a Answer) (wait func(context.Context) (alert.Tally, error), err error)
}

// counting is how long somebody waits at most to be told how many were taken.
const counting = 25 * time.Second

// all hands the answer over. The person is told how many were taken once that is
// known; who presses again while it is not does nothing more.
func (h *SlackClicks) all(ctx context.Context, a Answer) (status int, word func(context.Context) string) {
	if h.All == nil {
		return http.StatusBadRequest, nil
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.acceptance)
	defer cancel()
	wait, err := h.All.AcknowledgeAll(within, a)
	if err != nil {
		status, said := h.refuse(a, err, within.Err() != nil)
		return status, at(said)
	}
	return http.StatusOK, func(ctx context.Context) string {
		ctx, cancel := context.WithTimeout(ctx, counting)
		defer cancel()
		t, err := wait(ctx)
		switch {
		case err == nil:
			return t.Say(a.Person.Language)
		case ctx.Err() != nil:
			return alert.TallyLater(a.Person.Language)
		}
		_, said := h.refuse(a, err, true)
		return said
	}
}

// at says what is known at once.
func at(word string) func(context.Context) string {
	return func(context.Context) string { return word }
}
