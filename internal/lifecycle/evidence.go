package lifecycle

import (
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// closeAlerts resolves what the evidence answers. Acknowledging never does.
func (v *view) closeAlerts() *Decision {
	for _, a := range v.s.Alerts {
		if !a.Open() || v.s.flying(FlyTell, a.ID) {
			continue
		}
		evidence := v.evidence(a)
		if evidence == "" {
			continue
		}
		a.Status, a.Evidence, a.ResolvedAt, a.NextAt = Resolved, evidence, v.now, time.Time{}
		a.SnoozedUntil, a.Held, a.Handed, a.Rouse = time.Time{}, "", false, nil
		a.Edit = a.phase()
		return &Decision{Step: Step{Kind: StepClose, Alert: &a}, Reason: EvidenceFound}
	}
	return nil
}

// evidence says what closes an alert, "" while nothing does.
func (v *view) evidence(a Alert) string {
	s := v.s
	renewing := a.Reason != alert.Expiring && a.Reason != alert.Unseen && a.Reason != alert.Drifted
	switch {
	case s.Retire != nil:
		return "retired by " + s.Retire.By
	case renewing && !s.Spec.Managed:
		return "the certificate is not renewed here any more"
	}
	switch a.Reason {
	case alert.Expiring:
		return v.lastsLonger(a)
	case alert.SupplyNeeded:
		return v.supplied(a)
	case alert.RenewalFailing, alert.AttemptsSpent:
		return v.renewed(a)
	case alert.CAUnavailable:
		switch ca := s.Live.CA; {
		case !s.Renewal.DownSince.IsZero():
		case a.Version != s.Live.Fingerprint && ca != "" && ca != s.Spec.CA:
			return "CA " + ca + " answered"
		default:
			return "the CA answered"
		}
	case alert.TargetBehind:
		if targets, _ := v.behind(); len(targets) == 0 && len(s.astray()) == 0 && !v.running() {
			return "every target has " + s.Live.Fingerprint.Short()
		}
	case alert.Drifted:
		if v.undrifted() && !v.running() {
			return "every place has " + s.Live.Fingerprint.Short()
		}
	case alert.RollbackUnproven:
		if s.Renewal.Unproven == "" && v.serves() {
			return v.proof()
		}
	case alert.RevocationFailing:
		if s.Revoke == nil || s.Revoke.Failed == "" {
			return "the CA revoked it, or nobody asks for it any more"
		}
	case alert.ApprovalNeeded:
		return v.decided(a)
	case alert.Frozen:
		return v.melted(a)
	case alert.Unseen:
		if s.Sight.SeenAt.After(a.FiredAt) {
			return "every place was seen again"
		}
	}
	return ""
}

// lastsLonger: what is served now lives beyond the threshold, or ends soon too
// and has an alert of its own that is no less urgent.
func (v *view) lastsLonger(a Alert) string {
	live := v.s.Live.Fingerprint
	switch {
	case !v.known():
	case live == a.Version:
		if v.plan.Level(v.now) < 0 {
			return "the policy was changed: no threshold is crossed any more"
		}
	case !v.shows():
	case v.plan.Level(v.now) < a.Level:
		if v.serves() {
			return v.proof()
		}
	default:
		if own := v.s.openAbout(alert.Expiring, live); own != nil && !a.Severity.MoreUrgentThan(own.Severity) {
			return v.proof() + "; it has an alert of its own"
		}
	}
	return ""
}

// renewed: the version that could not be replaced is, or a human gave the
// renewal a fresh start.
func (v *view) renewed(a Alert) string {
	switch {
	case v.known() && v.s.Live.Fingerprint != a.Version:
		if v.serves() {
			return v.proof()
		}
	case len(v.s.Renewal.Attempts) == 0:
		return "somebody asked for a fresh start: every attempt is there again"
	case a.Reason == alert.AttemptsSpent && !v.s.spent():
		return "the policy was changed: attempts are left"
	}
	return ""
}

// serves reports whether every place shows Live and Live is in date.
func (v *view) serves() bool { return v.shows() && v.s.Live.ValidAt(v.now) }

// shows reports whether every place shows Live. A watched certificate's Live is
// what ends first of all that its places show, so others may show what lasts
// longer, and addresses that do not answer do not hold it up.
func (v *view) shows() bool {
	live, shown := v.s.Live, 0
	for _, o := range v.s.places() {
		later := o.Seen() && o.Version.ValidAt(v.now) && !o.Version.NotAfter.Before(live.NotAfter)
		switch {
		case o.Seen() && o.Version.Fingerprint == live.Fingerprint:
			shown++
		case v.s.Spec.Managed || (v.s.wrong(o) == "" && !later):
			return false
		}
	}
	return shown > 0
}

func (v *view) proof() string {
	var where []string
	for _, o := range v.s.places() {
		if o.Seen() && (o.Version.Fingerprint == v.s.Live.Fingerprint || (!v.s.Spec.Managed && v.s.wrong(o) == "")) {
			where = append(where, o.Where())
		}
	}
	what := "is proven"
	if !v.s.Spec.Managed {
		what = "or what lasts longer, is served"
	}
	return fmt.Sprintf("%s, valid until %s, %s at %s", v.s.Live.Fingerprint.Short(), v.s.Live.NotAfter.UTC().Format(time.RFC3339), what, strings.Join(where, ", "))
}
