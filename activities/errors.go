package activities

import (
	"errors"
	"strings"
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
	Transient     = fault.Transient
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
	Own     bool      `json:"own,omitempty"`    // our store or Temporal failed, not the CA and not the target
	Store   bool      `json:"store,omitempty"`  // that is our store, or the service that holds its key
	Silent  bool      `json:"silent,omitempty"` // no worker said anything in time
	// Elsewhere tells that another CA may issue all the same.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Narrow tells that RetryAt is about these names and no others.
	Narrow bool `json:"narrow,omitempty"`
	// Address tells that where a message was sent leads nowhere.
	Address bool `json:"address,omitempty"`
}

// own is trouble of ours. It says nothing about the CA or the target.
type own struct {
	error
	store bool // of our store; else of Temporal
}

func (o own) Unwrap() error { return o.error }

// ours marks an error of our store.
func ours(err error) error {
	if err == nil {
		return nil
	}
	return own{err, true}
}

// brokers marks an error of the Broker.
func brokers(err error) error {
	if err == nil {
		return nil
	}
	return own{err, false}
}

// overdue is the failure of a call whose time was up.
type overdue struct{ error }

func (o overdue) Unwrap() error { return o.error }

// maxText bounds what is kept of an error: it becomes state of the certificate.
const maxText = 4000

func shorten(text string) string { return shortened(text, maxText) }

func shortened(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// toTemporal maps every kind of fault once: transport trouble is retried, a CA's
// date is honoured, everything else is for the brain to see at once.
func toTemporal(err error, now time.Time) error {
	if err == nil {
		return nil
	}
	var mine own
	var late overdue
	f := Failure{Kind: fault.KindOf(err), RetryAt: fault.RetryAt(err), Elsewhere: fault.Elsewhere(err), Narrow: fault.Narrow(err), Address: fault.OfAddress(err)}
	f.Own = errors.As(err, &mine) || fault.OfStore(err)
	f.Store = mine.store || fault.OfStore(err)
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
	opts.NonRetryable = opts.NonRetryable || errors.As(err, &late)
	return temporal.NewApplicationErrorWithOptions(shorten(err.Error()), string(f.Kind), opts)
}

// FailureOf reads a fault back from the error of an activity, with its text. An
// activity that timed out without a word was Unavailable.
func FailureOf(err error) (Failure, string) {
	f, text := failureOf(err)
	return f, shorten(text)
}

func failureOf(err error) (Failure, string) {
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
			return failureOf(cause)
		}
		return Failure{Kind: fault.Unavailable, Silent: true}, "no answer in time (" + timeout.TimeoutType().String() + "); is a worker running?"
	}
	return Failure{Kind: fault.Transient}, err.Error()
}
