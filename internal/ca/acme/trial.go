package acme

import (
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	maxFailures   = 5                // in a row that a trial bears while the CA may be looking
	maxLooks      = 3                // that a CA is asked for after one in vain
	maxRetryAfter = 30 * time.Second // that it sits out with its answer in place
)

// trial is the work on one authorization (RFC 8555, 7.5.1).
type trial struct {
	*session
	by     solver
	url    string
	report *report

	name     string
	leave    func()    // gives up the place that the answer goes to; nil until it is ours
	shown    *question // presented; nil if nothing is
	accepted bool
	refused  error // why the CA did not take our word that the answer is there
	failures int
	looks    int // that the CA was asked for after one in vain
}

// advance looks at the authorization and takes the next step; done tells that
// the CA has decided.
func (t *trial) advance() (done bool, err error) {
	authz, err := t.authorization(t.url)
	if err != nil {
		return false, err
	}
	t.name = authz.Identifier.Value
	switch authz.Status {
	case legoacme.StatusValid:
		return true, nil
	case legoacme.StatusPending:
	case legoacme.StatusInvalid:
		return true, t.ca.denied(authz)
	default:
		return true, fault.New(fault.NotFound, "ca %s: the authorization of %s is %s", t.ca.name, clean(t.name), clean(authz.Status))
	}
	ch, err := t.choose(authz)
	if err != nil {
		return true, err
	}
	if t.leave == nil {
		if waited, err := t.takeTurn(); waited || err != nil {
			return false, err // whoever had the place may have proven the same
		}
	}
	if err := t.present(ch.Token); err != nil {
		return true, err
	}
	t.report.say("waiting for the CA to validate " + clean(t.name))
	if ch.Status != legoacme.StatusPending || t.accepted && ch.Error == nil {
		return false, nil
	}
	if t.accepted { // the CA looked in vain and would look again (RFC 8555, 8.2)
		if t.looks++; t.looks > maxLooks {
			return true, t.ca.denied(authz)
		}
	}
	if t.refused != nil {
		return true, t.refused
	}
	err = t.accept(ch.URL)
	t.accepted = err == nil
	if kind := fault.KindOf(err); kind == fault.Configuration || kind == fault.NotFound {
		t.refused = err // final unless an earlier word of ours has arrived: look again
		return false, nil
	}
	return false, err
}

func (t *trial) choose(authz legoacme.Authorization) (legoacme.Challenge, error) {
	var offered []string
	for _, ch := range authz.Challenges {
		if ch.Type == t.by.challenge() {
			return ch, nil
		}
		offered = append(offered, ch.Type)
	}
	return legoacme.Challenge{}, ownTrouble("ca %s: the CA offers no %s for %s, only %s",
		t.ca.name, t.by.challenge(), clean(t.name), clean(strings.Join(offered, ", ")))
}

// takeTurn waits until the place is ours; waited tells that somebody had it.
func (t *trial) takeTurn() (waited bool, err error) {
	place, err := t.by.place(t.ctx, t.name)
	if err != nil {
		return false, err
	}
	if place == "" {
		t.leave = func() {}
		return false, nil
	}
	var free bool
	if t.leave, free = places.tryTake(place); free {
		return false, nil
	}
	t.report.say("waiting for another certificate's challenge at " + clean(place))
	t.leave, err = places.take(t.ctx, place)
	return true, err
}

func (t *trial) present(token string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	if t.shown != nil && t.shown.token == token {
		return nil
	}
	answer, err := t.core.GetKeyAuthorization(token)
	if err != nil {
		return err
	}
	q := question{name: t.name, token: token, answer: answer}
	if err := t.by.present(t.ctx, q, t.report.say); err != nil {
		return err
	}
	t.shown = &q
	return nil
}

// bears tells whether to go on after err: while the CA may be fetching our
// answer, taking it away because of a lost reply would make the validation fail.
func (t *trial) bears(err error) bool {
	if err == nil {
		t.failures = 0
		return true
	}
	if t.shown == nil || t.ctx.Err() != nil {
		return false
	}
	kind, at := fault.KindOf(err), fault.RetryAt(err)
	t.failures++
	return (kind == fault.Transient || kind == fault.Unavailable) &&
		t.failures <= maxFailures && time.Until(at) <= maxRetryAfter
}

func (t *trial) cleanUp() {
	if t.leave != nil {
		defer t.leave()
	}
	if t.shown == nil {
		return
	}
	if err := t.by.cleanUp(*t.shown); err != nil {
		t.report.say("cannot take the challenge's answer away: " + clean(err.Error()))
	}
}
