package app

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
)

// asksAgain has what a workflow is asked asked again, for as long as the caller
// waits. Temporal goes on asking a worker that was killed for ten seconds before
// it turns to another, and the SDK gives one try half of the time that is left.
type asksAgain struct {
	interceptor.ClientInterceptorBase
}

func (*asksAgain) InterceptClient(next interceptor.ClientOutboundInterceptor) interceptor.ClientOutboundInterceptor {
	return &askingAgain{interceptor.ClientOutboundInterceptorBase{Next: next}}
}

type askingAgain struct {
	interceptor.ClientOutboundInterceptorBase
}

// worthATry is what has to be left for another one.
const worthATry = time.Second

func (a *askingAgain) QueryWorkflow(ctx context.Context, in *interceptor.ClientQueryWorkflowInput) (converter.EncodedValue, error) {
	for {
		v, err := a.Next.QueryWorkflow(ctx, in)
		until, limited := ctx.Deadline()
		if !tookTooLong(err) || ctx.Err() != nil || !limited || time.Until(until) < worthATry {
			return v, err
		}
	}
}

func tookTooLong(err error) bool {
	_, said := errors.AsType[*serviceerror.DeadlineExceeded](err)
	return said || errors.Is(err, context.DeadlineExceeded)
}
