package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// patience is how far ahead a retry may lie to be worth waiting for inside one
// activity; what lies further is the brain's to plan.
const patience = 30 * time.Second

// Kind of a failure; workflows tell them apart without knowing adapters' faults.
type Kind = fault.Kind

// The kinds from which something different follows.
const (
	Unavailable   = fault.Unavailable
	Validation    = fault.Validation
	Configuration = fault.Configuration
	Proof         = fault.Proof
	Invalid       = fault.Invalid
	NotFound      = fault.NotFound
	Conflict      = fault.Conflict
)

// Failure is a fault as it crosses the wire.
type Failure struct {
	Kind    Kind      `json:"kind"`
	RetryAt time.Time `json:"retryAt,omitzero"`
}

// toTemporal maps every kind of fault once: transport trouble is retried, a CA's
// date is honoured, everything else is for the brain to see at once.
func toTemporal(err error, now time.Time) error {
	if err == nil {
		return nil
	}
	f := Failure{Kind: fault.KindOf(err), RetryAt: fault.RetryAt(err)}
	opts := temporal.ApplicationErrorOptions{Details: []any{f}}
	switch f.Kind {
	case fault.Transient:
	case fault.Unavailable:
		if f.RetryAt.IsZero() {
			break
		}
		opts.NextRetryDelay = max(f.RetryAt.Sub(now), time.Second)
		opts.NonRetryable = opts.NextRetryDelay > patience
	default:
		opts.NonRetryable = true
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(f.Kind), opts)
}

// FailureOf reads a fault back from the error of an activity, with its text. An
// activity that timed out was Unavailable.
func FailureOf(err error) (Failure, string) {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		var f Failure
		if app.HasDetails() && app.Details(&f) == nil && f.Kind != "" {
			return f, app.Message()
		}
		return Failure{Kind: fault.Transient}, app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		if cause := timeout.Unwrap(); cause != nil {
			if f, text := FailureOf(cause); text != "" {
				return f, text
			}
		}
		return Failure{Kind: fault.Unavailable}, "no answer in time (" + timeout.TimeoutType().String() + ")"
	}
	return Failure{Kind: fault.Transient}, err.Error()
}
