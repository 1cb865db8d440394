package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
)

// scripted gives one error after the other, and the last for ever.
type scripted struct {
	interceptor.ClientOutboundInterceptorBase
	errs  []error
	asked int
}

func (a *scripted) QueryWorkflow(context.Context, *interceptor.ClientQueryWorkflowInput) (converter.EncodedValue, error) {
	err := a.errs[min(a.asked, len(a.errs)-1)]
	a.asked++
	return nil, err
}

func TestAWorkflowIsAskedAgainOnlyWhereNoAnswerCameAndTheCallerStillWaits(t *testing.T) {
	late, missing := serviceerror.NewDeadlineExceeded("query timed out before a worker could process it"), serviceerror.NewNotFound("no such workflow")
	waits, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	hardly, cancel := context.WithTimeout(t.Context(), worthATry/2)
	defer cancel()
	gone, cancel := context.WithTimeout(t.Context(), time.Hour)
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		errs  []error
		asked int
		want  error
	}{
		"an answer":                           {waits, []error{nil}, 1, nil},
		"an answer at the third":              {waits, []error{late, context.DeadlineExceeded, nil}, 3, nil},
		"a refusal":                           {waits, []error{missing}, 1, missing},
		"a refusal at the second":             {waits, []error{late, missing}, 2, missing},
		"hardly any time is left":             {hardly, []error{late}, 1, late},
		"nobody waits any more":               {gone, []error{late}, 1, late},
		"nobody said how long they will wait": {t.Context(), []error{late}, 1, late},
	} {
		a := &scripted{errs: c.errs}
		if _, err := (&asksAgain{}).InterceptClient(a).QueryWorkflow(c.ctx, nil); !errors.Is(err, c.want) || a.asked != c.asked {
			t.Errorf("%s: asked %d times, then %v; want %d, %v", name, a.asked, err, c.asked, c.want)
		}
	}
}
