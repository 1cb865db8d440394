// Package fault names the kinds of failure that adapters report, so that
// activities can map each once to a retry rule and the brain can tell a fault
// that costs an attempt from one that does not. It knows nothing of Temporal.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what follows from a failure.
type Kind string

// The kinds. An error without one counts as Transient.
const (
	// Transient: the same call may work in seconds (a reset connection, a 5xx).
	Transient Kind = "transient"
	// Unavailable: the other side is down or asks to wait; RetryAt may say until when.
	// It costs no attempt.
	Unavailable Kind = "unavailable"
	// Validation: the CA looked and said no (a failed challenge, a rejected identifier).
	Validation Kind = "validation"
	// Configuration: what was asked cannot work until a human changes it
	// (nginx refuses its configuration, a profile the CA does not know).
	Configuration Kind = "configuration"
	// Proof: everything was done and the wire shows otherwise.
	Proof Kind = "proof"
	// Invalid: the input itself is wrong; the caller must change it.
	Invalid Kind = "invalid"
	// NotFound: what was asked for does not exist.
	NotFound Kind = "not-found"
	// Conflict: somebody else holds or changed it; nothing was done.
	Conflict Kind = "conflict"
)

// Error is a failure with its kind.
type Error struct {
	Kind    Kind
	RetryAt time.Time // zero: no date was given
	// Elsewhere tells that the trouble is this CA's: another one may issue all the same.
	Elsewhere bool
	// Narrow tells that RetryAt is about these names only: others need not wait.
	Narrow bool
	// Address tells that where it was sent leads nowhere: nothing is wrong with the channel.
	Address bool
	// Store tells that our own store failed, or the service that holds its key, and
	// nobody else who was asked.
	Store bool
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind; format and args as for fmt.Errorf, %w included.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// NoAddress makes a Configuration error of an address that leads nowhere.
func NoAddress(format string, args ...any) error {
	return &Error{Kind: Configuration, Address: true, Err: fmt.Errorf(format, args...)}
}

// InStore tells of an error of our store, of whatever kind, that it is one.
func InStore(err error, format string, args ...any) error {
	return &Error{Kind: KindOf(err), RetryAt: RetryAt(err), Store: true, Err: fmt.Errorf(format+": %w", append(args, err)...)}
}

// After makes an Unavailable error that is not to be retried before at.
func After(at time.Time, format string, args ...any) error {
	return &Error{Kind: Unavailable, RetryAt: at, Err: fmt.Errorf(format, args...)}
}

// KindOf gives the kind of the outermost Error in err's chain; Transient if
// there is none, and the empty Kind for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return KindOf(err) == kind }

// RetryAt gives the earliest instant of the next try that err carries; zero if none.
func RetryAt(err error) time.Time {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAt
	}
	return time.Time{}
}

// Narrow reports whether RetryAt is about these names only.
func Narrow(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Narrow
}

// OfAddress reports whether the address is to blame, and nothing else.
func OfAddress(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Address
}

// OfStore reports whether our own store is to blame, and nobody who was asked.
func OfStore(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Store
}

// Elsewhere reports whether another CA may do what this one did not.
func Elsewhere(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Elsewhere
}
