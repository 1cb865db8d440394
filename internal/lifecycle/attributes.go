package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Names of the states of an entity, as searched for.
const (
	StateNew          = "new"     // no certificate is known yet
	StateHealthy      = "healthy" // one is, and nothing is the matter
	StateWaiting      = "waiting" // due, but the CA is away or has no room, or a freeze or a question to people holds it
	StateRenewing     = "renewing"
	StateFiring       = "firing"
	StateAcknowledged = "acknowledged"
	StatePaused       = "paused"
	StateSpent        = "spent"
	StateRetired      = "retired"
)

// AskingStates are those in which a certificate may wait for people's approval.
var AskingStates = []string{StateFiring, StateAcknowledged, StateWaiting, StateRenewing, StateSpent}

func (v *view) attributes(next time.Time) Attributes {
	s := v.s
	a := Attributes{
		State: StateHealthy, Owner: s.Spec.Owner, Team: s.Spec.Team, Environment: s.Spec.Environment,
		Issuer: s.Live.Issuer, Fingerprint: string(s.Live.Fingerprint), KeyAlgorithm: s.Live.KeyAlgorithm,
		NotAfter: s.Live.NotAfter, NextStepAt: next, Names: s.Spec.Names,
	}
	for _, e := range s.Spec.Endpoints {
		if !slices.Contains(a.Hosts, e.Host) {
			a.Hosts = append(a.Hosts, e.Host)
		}
	}
	state, worst := v.alarm()
	a.Severity = string(worst)
	switch {
	case s.Retire != nil:
		a.State = StateRetired
	case v.running():
		a.State = StateRenewing
	case s.Spec.Managed && s.spent():
		a.State = StateSpent
	case state != "":
		a.State = state
	case v.paused():
		a.State = StatePaused
	case s.Renewal.Awaits != nil || v.waitsForThaw() || s.Approval.Asks(v.now):
		a.State = StateWaiting
	case !v.known():
		a.State = StateNew
	}
	return a
}

// alarm sums the open alerts up: whether one fires or all are acknowledged, and
// how urgent the worst is.
func (v *view) alarm() (state string, worst alert.Severity) {
	for _, a := range v.s.Alerts {
		if !a.Open() {
			continue
		}
		if a.Severity.MoreUrgentThan(worst) {
			worst = a.Severity
		}
		if a.Status != Acknowledged {
			state = StateFiring
		} else if state == "" {
			state = StateAcknowledged
		}
	}
	return state, worst
}
