package acme

import (
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	maxFailures   = 5                // in a row that a trial bears while the CA may be looking
	maxRetryAfter = 30 * time.Second // that it sits out with its answer in place
)

// trial is the work on one authorization (RFC 8555, 7.5.1).
type trial struct {
	*session
	url    string
	report *report

	name     string
	token    string // presented; empty if none is
	accepted bool
	refused  error // why the CA did not take our word that the answer is there
	failures int
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
	if err := t.present(ch.Token); err != nil {
		return true, err
	}
	t.report.say("waiting for the CA to validate " + clean(t.name))
	if ch.Status != legoacme.StatusPending || t.accepted {
		return false, nil
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
		if ch.Type == HTTP01 {
			return ch, nil
		}
		offered = append(offered, ch.Type)
	}
	return legoacme.Challenge{}, fault.New(fault.Configuration, "ca %s: the CA offers no http-01 for %s, only %s",
		t.ca.name, clean(t.name), clean(strings.Join(offered, ", ")))
}

func (t *trial) present(token string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	if t.token == token {
		return nil
	}
	answer, err := t.core.GetKeyAuthorization(token)
	if err != nil {
		return err
	}
	if err := t.ca.solver.present(token, answer); err != nil {
		return err
	}
	t.token = token
	return nil
}

// bears tells whether to go on after err: while the CA may be fetching our
// answer, taking it away because of a lost reply would make the validation fail.
func (t *trial) bears(err error) bool {
	if err == nil {
		t.failures = 0
		return true
	}
	if t.token == "" || t.ctx.Err() != nil {
		return false
	}
	kind, at := fault.KindOf(err), fault.RetryAt(err)
	t.failures++
	return (kind == fault.Transient || kind == fault.Unavailable) &&
		t.failures <= maxFailures && time.Until(at) <= maxRetryAfter
}

func (t *trial) cleanUp() {
	if t.token == "" {
		return
	}
	if err := t.ca.solver.cleanUp(t.token); err != nil {
		t.report.say("cannot take the challenge's answer away: " + clean(err.Error()))
	}
}
