package lifecycle

import (
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// GroundCode names a fact from which a certificate's state follows; a stable
// contract, shown to humans.
type GroundCode string

// The grounds.
const (
	BecauseRetiring      GroundCode = "retiring"
	BecauseNeverSeen     GroundCode = "never-seen"
	BecauseNeverIssued   GroundCode = "never-issued"
	BecauseUnderWay      GroundCode = "run-under-way"
	BecauseSpent         GroundCode = "attempts-spent"
	BecauseFiring        GroundCode = "alert-firing"
	BecauseAcknowledged  GroundCode = "alert-acknowledged"
	BecauseSnoozed       GroundCode = "alert-snoozed"
	BecauseUnproven      GroundCode = "rollback-unproven"
	BecauseFailed        GroundCode = "attempts-failed"
	BecauseUndone        GroundCode = "rollout-undone"
	BecauseStopped       GroundCode = "rollout-stopped"
	BecauseCADown        GroundCode = "ca-unavailable"
	BecauseNextCA        GroundCode = "next-ca"
	BecauseRevoking      GroundCode = "revocation-waits"
	BecauseWaitsForCA    GroundCode = "waits-for-ca"
	BecausePaused        GroundCode = "paused"
	BecauseHeld          GroundCode = "held"
	BecauseFrozen        GroundCode = "frozen"
	BecauseAsked         GroundCode = "approval-waits"
	BecauseDenied        GroundCode = "denied"
	BecauseApproved      GroundCode = "approved"
	BecauseOverridden    GroundCode = "freeze-overridden"
	BecauseFreezeAhead   GroundCode = "freeze-ahead"
	BecauseBehind        GroundCode = "target-behind"
	BecausePlaceWrong    GroundCode = "place-wrong"
	BecausePlaceOther    GroundCode = "place-serves-other"
	BecauseCrossed       GroundCode = "threshold-crossed"
	BecauseNotCovered    GroundCode = "names-not-covered"
	BecauseInDate        GroundCode = "in-date"
	BecauseExpired       GroundCode = "expired"
	BecausePlanned       GroundCode = "renewal-planned"
	BecauseSuggested     GroundCode = "renewal-suggested"
	BecauseWindowIgnored GroundCode = "window-ignored"
	BecauseKeyKept       GroundCode = "key-kept"
	BecauseKeyToCome     GroundCode = "key-to-come"
	BecauseKeyKnown      GroundCode = "key-known"
)

// Ground is one such fact. Which fields say something depends on the code.
type Ground struct {
	Code     GroundCode     `json:"code"`
	At       time.Time      `json:"at,omitzero"`    // since when, or when
	Until    time.Time      `json:"until,omitzero"` // as long as it holds
	By       string         `json:"by,omitempty"`
	Note     string         `json:"note,omitempty"`
	Alert    string         `json:"alert,omitempty"`
	Reason   alert.Reason   `json:"reason,omitempty"` // of the alert
	Severity alert.Severity `json:"severity,omitempty"`
	Where    string         `json:"where,omitempty"` // place or target
	Cause    string         `json:"cause,omitempty"` // exact text of an error
	N        int            `json:"n,omitempty"`     // how many,
	Of       int            `json:"of,omitempty"`    // of so many
}

// Grounds says why a certificate is in its state, what decides the state first.
func Grounds(now time.Time, s State) []Ground {
	v := look(now, &s)
	var out []Ground
	for _, of := range []func(*view) []Ground{
		(*view).groundsOfLife, (*view).groundsOfAlerts, (*view).groundsOfRenewal, (*view).groundsOfRollout, (*view).groundsOfHands,
		(*view).groundsOfPlaces, (*view).groundsOfTime, (*view).groundsOfKey,
	} {
		out = append(out, of(v)...)
	}
	return out
}

func (v *view) groundsOfLife() (out []Ground) {
	s := v.s
	if r := s.Retire; r != nil {
		out = append(out, Ground{Code: BecauseRetiring, By: r.By, At: r.At, Note: r.Note})
	}
	for _, f := range s.Flights {
		if f.Kind == FlyRenewal {
			out = append(out, Ground{Code: BecauseUnderWay, At: f.At, Note: f.ID})
		}
	}
	switch {
	case v.known():
	case s.Spec.Managed && len(s.Sight.Observations) > 0:
		out = append(out, Ground{Code: BecauseNeverIssued, At: s.EnrolledAt})
	default:
		out = append(out, Ground{Code: BecauseNeverSeen, At: s.EnrolledAt})
	}
	return out
}

func (v *view) groundsOfAlerts() (out []Ground) {
	for _, a := range v.s.Alerts {
		if !a.Open() {
			continue
		}
		g := Ground{Code: BecauseFiring, At: a.FiredAt, Alert: a.ID, Reason: a.Reason, Severity: a.Severity, Cause: a.Cause, N: a.Told}
		if w := a.Answer; w != nil && a.quieted() {
			g.Code, g.By, g.Note, g.Until = BecauseAcknowledged, w.By, w.Note, w.Until
			if !a.SnoozedUntil.IsZero() {
				g.Code, g.Until = BecauseSnoozed, a.SnoozedUntil
			}
		}
		out = append(out, g)
	}
	return out
}

func (v *view) groundsOfRenewal() (out []Ground) {
	s, r := v.s, v.s.Renewal
	if r.Unproven != "" {
		out = append(out, Ground{Code: BecauseUnproven, At: r.UnprovenAt, Cause: r.Unproven})
	}
	if n := s.counted(); n > 0 {
		at, cause := v.lastFailure(OutcomeKind.Counts)
		g := Ground{Code: BecauseFailed, At: at, Cause: cause, N: n, Of: s.Spec.MaxAttempts(), Until: r.RetryAt}
		if s.spent() {
			g.Code, g.Until = BecauseSpent, time.Time{}
		}
		out = append(out, g)
	}
	if m := r.Moved; m != nil {
		out = append(out, Ground{Code: BecauseNextCA, At: m.At, Note: m.To, Where: m.From, N: m.Failed, Cause: m.Cause})
	}
	if a := r.Awaits; a != nil {
		out = append(out, Ground{Code: BecauseWaitsForCA, At: a.Since, Until: a.Until, Note: a.CA, Cause: a.Why})
	}
	if !r.DownSince.IsZero() {
		_, cause := v.lastFailure(OutcomeKind.away)
		out = append(out, Ground{Code: BecauseCADown, At: r.DownSince, Cause: cause, Until: latest(r.RetryAt, s.gate(s.ca()))})
	}
	return out
}

func (v *view) groundsOfHands() (out []Ground) {
	if r := v.s.Revoke; r != nil {
		out = append(out, Ground{Code: BecauseRevoking, At: r.At, Until: r.RetryAt, By: r.By, Note: r.Fingerprint.Short(), Cause: r.Failed})
	}
	if p := v.s.Paused; p != nil && v.paused() {
		out = append(out, Ground{Code: BecausePaused, At: p.At, Until: p.Until, By: p.By, Note: p.Note})
	}
	if a := v.s.Approval; a != nil {
		g := Ground{Code: BecauseAsked, At: a.AskedAt, By: a.Requester, Note: a.Version.Short(), N: len(a.Votes), Of: v.s.Spec.Policy.Approval.count()}
		switch {
		case a.granted():
			g.Code, g.At, g.By = BecauseApproved, a.Granted, a.who()
		case a.Denied != nil:
			g.Code, g.At, g.By, g.Note, g.Until = BecauseDenied, a.Denied.At, a.Denied.By, a.Denied.Note, a.AgainAt
		case a.For == ForDeploy || v.s.Spec.Policy.Approval.unanswered() != UnansweredPage:
			g.Until = v.decideBy()
		}
		out = append(out, g)
	}
	if f, ok := v.frozenAt(v.now, DoIssue, DoDeploy); ok && v.s.Spec.Managed {
		out = append(out, Ground{Code: BecauseFrozen, At: f.From, Until: f.Until, Note: f.Name()})
	}
	if t := v.s.Thawed; t != nil && v.now.Before(t.Until) {
		out = append(out, Ground{Code: BecauseOverridden, At: t.At, Until: t.Until, By: t.By, Note: t.Note, Where: t.Name()})
	}
	if h := v.s.Held; h != nil && v.held() {
		out = append(out, Ground{Code: BecauseHeld, At: h.At, Until: v.plan.LastSafe, By: h.By, Note: h.Note})
	}
	return out
}

func (v *view) groundsOfPlaces() (out []Ground) {
	s := v.s
	for _, i := range s.Installed {
		if i.Behind != "" {
			out = append(out, Ground{Code: BecauseBehind, Where: i.Where(), At: i.Since, Until: i.RetryAt, Cause: i.Behind})
		}
	}
	for _, o := range s.Sight.Observations {
		why := s.wrong(o)
		switch {
		case why != "":
			out = append(out, Ground{Code: BecausePlaceWrong, Where: o.Where(), At: o.At, Cause: why})
		case v.known() && o.Version.Fingerprint != s.Live.Fingerprint:
			out = append(out, Ground{Code: BecausePlaceOther, Where: o.Where(), At: o.At, Note: inShort(o.Version), Until: o.Version.NotAfter})
		}
	}
	return out
}

func (v *view) groundsOfTime() (out []Ground) {
	s := v.s
	if !v.known() {
		return nil
	}
	if missing := cert.Covers(s.Live.Names, s.Spec.Names); len(missing) > 0 {
		out = append(out, Ground{Code: BecauseNotCovered, Note: strings.Join(missing, ", ")})
	}
	level := v.plan.Level(v.now)
	switch {
	case !v.now.Before(s.Live.NotAfter):
		out = append(out, Ground{Code: BecauseExpired, At: s.Live.NotAfter})
	case level >= 0:
		t := v.plan.Thresholds[level]
		out = append(out, Ground{Code: BecauseCrossed, At: t.At, Severity: t.Severity, Until: s.Live.NotAfter})
	default:
		out = append(out, Ground{Code: BecauseInDate, Until: s.Live.NotAfter, N: len(s.Sight.Observations)})
	}
	if !s.Spec.Managed {
		return out
	}
	switch w := s.Window; {
	case w != nil && v.plan.WindowIgnored == "":
		out = append(out, Ground{Code: BecauseSuggested, At: w.Start, Until: w.End})
	case w != nil:
		out = append(out, Ground{Code: BecauseWindowIgnored, At: w.Start, Until: w.End, Cause: v.plan.WindowIgnored})
	}
	if f := v.plan.Freeze; f != nil && v.now.Before(f.Until) {
		out = append(out, Ground{Code: BecauseFreezeAhead, At: f.From, Until: f.Until, Note: f.Name()})
	}
	if s.counted() == 0 {
		out = append(out, Ground{Code: BecausePlanned, At: v.plan.RenewAt, Until: v.plan.LastSafe, Note: s.Spec.Policy.Name})
	}
	return out
}
