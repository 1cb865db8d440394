package lifecycle

import (
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// MoveCode names something that a human can do about a certificate; a stable contract.
type MoveCode string

// The moves.
const (
	MoveAck       MoveCode = "acknowledge"
	MoveSnooze    MoveCode = "snooze"
	MoveCheck     MoveCode = "check"
	MoveRenew     MoveCode = "renew"
	MoveRenewNew  MoveCode = "renew-another"
	MoveAnyway    MoveCode = "order-anyway"
	MoveResume    MoveCode = "resume"
	MoveRollBack  MoveCode = "roll-back"
	MovePause     MoveCode = "pause"
	MoveRequest   MoveCode = "print-request"
	MoveSupply    MoveCode = "supply"
	MoveRevokeNot MoveCode = "cancel-revocation"
	MoveDeploy    MoveCode = "deploy"
	MoveDropPlace MoveCode = "drop-target"
	MoveEndpoints MoveCode = "change-endpoints"
	MoveCA        MoveCode = "change-ca"
	MoveManage    MoveCode = "manage"
	MoveOwner     MoveCode = "name-owner"
	MoveRetire    MoveCode = "retire"
	MoveCSR       MoveCode = "replace-request"
	MoveThaw      MoveCode = "override-freeze"
	MoveApprove   MoveCode = "approve"
	MoveDeny      MoveCode = "deny"
)

// Move is one command that would be taken now, and what it would bring about.
type Move struct {
	Code    MoveCode  `json:"code"`
	Command string    `json:"command"` // words in capitals are to be filled in
	At      time.Time `json:"at,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Note    string    `json:"note,omitempty"` // the version, target or limit that it is about

	answers []alert.Reason // the alerts that it helps against
}

// Moves lists what would change something, the most helpful first. What the
// certificate would refuse is not among them.
func Moves(now time.Time, s State) []Move {
	v := look(now, &s)
	var out []Move
	for _, of := range []func(*view) []Move{
		(*view).movesOfRenewal, (*view).movesOfPlaces, (*view).movesOfAlerts, (*view).movesOfSpec,
	} {
		out = append(out, of(v)...)
	}
	return out
}

// Commands are what somebody who is told of an alert can type, the most helpful first.
func Commands(now time.Time, s State, a Alert) []string {
	if !a.Open() {
		return nil
	}
	out := []string{"neverlapse explain " + s.Spec.Name}
	for _, m := range Moves(now, s) {
		if slices.Contains(m.answers, a.Reason) {
			out = append(out, m.Command)
		}
	}
	return out
}

var (
	ofRenewal = []alert.Reason{alert.Expiring, alert.RenewalFailing, alert.AttemptsSpent, alert.RollbackUnproven}
	ofPlaces  = []alert.Reason{alert.TargetBehind, alert.Drifted, alert.RollbackUnproven, alert.Unseen}
)

func (v *view) movesOfRenewal() (out []Move) {
	s, name := v.s, v.s.Spec.Name
	candidate := s.Renewal.Candidate.Fingerprint
	if a := s.Approval; a != nil && !a.granted() && s.Retire == nil {
		asked := []alert.Reason{alert.ApprovalNeeded}
		out = append(out, Move{Code: MoveApprove, Command: "neverlapse approve " + name, Note: a.Version.Short(), answers: append(slices.Clip(ofRenewal), asked...)})
		if a.Asks(v.now) {
			out = append(out, Move{Code: MoveDeny, Command: "neverlapse deny " + name + " --note '...'", Note: a.Version.Short(), answers: asked})
		}
	}
	if s.CheckRenew(v.now) == nil && s.Retire == nil {
		at := latest(v.now, v.renewableAt())
		out = append(out, Move{Code: MoveRenew, Command: "neverlapse renew " + name + " --wait", At: at, Note: candidate.Short(), answers: ofRenewal})
		if candidate != "" {
			out = append(out, Move{Code: MoveRenewNew, Command: "neverlapse renew " + name + " --new --wait", At: at, Note: candidate.Short(),
				answers: []alert.Reason{alert.AttemptsSpent}})
		}
		if n := len(s.Renewal.Attempts); n > 0 && s.Renewal.Attempts[n-1].Outcome == Unsettled {
			out = append(out, Move{Code: MoveAnyway, Command: "neverlapse renew " + name + " --new --wait", At: at, Note: s.Renewal.Attempts[n-1].CA,
				answers: append(slices.Clip(ofRenewal), alert.CAUnavailable)})
		}
	}
	if in := (Order{Override: true, Note: "..."}); s.Retire == nil && s.CheckRenewal(v.now, in) == nil {
		f, _ := v.frozenAt(v.now, DoIssue, DoDeploy)
		out = append(out, Move{Code: MoveThaw, Command: "neverlapse renew " + name + " --override-freeze --note '...' --wait", Until: f.Until, Note: f.Name(),
			answers: append(slices.Clip(ofRenewal), alert.Frozen)})
	}
	if s.awaitsSupply() && s.Retire == nil {
		needs := []alert.Reason{alert.SupplyNeeded}
		out = append(out, Move{Code: MoveRequest, Command: "neverlapse csr " + name + " > " + name + ".csr", Note: s.Spec.CA, answers: needs},
			Move{Code: MoveSupply, Command: "neverlapse supply " + name + " --chain FILE --wait", Note: s.Spec.CA, answers: needs})
	}
	if s.CheckResume() == nil {
		out = append(out, Move{Code: MoveResume, Command: "neverlapse resume " + name, At: v.after((*State).Resume), answers: ofRenewal})
	}
	if s.CheckRollBack(v.now, "") == nil && s.Retire == nil {
		out = append(out, Move{Code: MoveRollBack, Command: "neverlapse rollback " + name + " --to previous --wait", Until: s.Previous.NotAfter,
			Note: s.Previous.Fingerprint.Short(), answers: []alert.Reason{alert.RollbackUnproven}})
	}
	if s.CheckRevoke(v.now, Revoking{Cancel: true}) == nil {
		out = append(out, Move{Code: MoveRevokeNot, Command: "neverlapse revoke " + name + " --cancel", Note: s.Revoke.Fingerprint.Short(), answers: []alert.Reason{alert.RevocationFailing}})
	}
	return out
}

// after is when a renewal would be due once something was done; zero if none would.
func (v *view) after(do func(*State)) time.Time {
	s := v.s.Clone()
	do(&s)
	at, _ := look(v.now, &s).renewAt()
	return latest(at, v.now)
}

func (v *view) movesOfPlaces() (out []Move) {
	s, name := v.s, v.s.Spec.Name
	update := "neverlapse enroll --cert-name " + name + " --update"
	about := ofPlaces
	if !s.Spec.Managed { // what was replaced by hand shows at the next look
		about = append(slices.Clip(about), alert.Expiring)
	}
	out = append(out, Move{Code: MoveCheck, Command: "neverlapse check " + name, answers: about})
	targets, _ := v.behind()
	if lacking := v.lacking(); len(lacking) > 0 && s.CheckDeploy(v.now, Order{Targets: lacking}) == nil && s.Retire == nil {
		out = append(out, Move{Code: MoveDeploy, Command: "neverlapse deploy " + name + " --target " + strings.Join(lacking, ",") + " --wait",
			Note: s.Live.Fingerprint.Short(), answers: []alert.Reason{alert.TargetBehind, alert.Drifted}})
	}
	if rest := without(s.Spec.Targets, targets); len(targets) > 0 && len(rest) > 0 {
		command := update + " --target " + strings.Join(rest, ",")
		if fed := endpointsOf(s.Spec, rest); len(fed) < len(s.Spec.Endpoints) && len(fed) > 0 {
			command += " --endpoint " + strings.Join(fed, " --endpoint ")
		}
		out = append(out, Move{Code: MoveDropPlace, Command: command, Note: strings.Join(targets, ", "), answers: []alert.Reason{alert.TargetBehind}})
	}
	if v.unseen() != nil {
		out = append(out, Move{Code: MoveEndpoints, Command: update + " --endpoint HOST:PORT", answers: []alert.Reason{alert.Unseen}})
	}
	if s.CheckRetire(false) == nil && (v.unseen() != nil || !v.s.Live.ValidAt(v.now)) && v.known() {
		out = append(out, Move{Code: MoveRetire, Command: "neverlapse retire " + name, answers: []alert.Reason{alert.Unseen}})
	}
	return out
}

// lacking are the targets that do not have the live version, as far as known.
func (v *view) lacking() []string {
	out, _ := v.behind()
	for _, o := range v.s.astray() {
		t := o.Target
		if t == "" {
			t = o.Endpoint.Target
		}
		if t == "" { // it may be fed by any of them
			return v.s.Spec.Targets
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// without lists what is in all and not in some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(t string) bool { return slices.Contains(some, t) })
}

// endpointsOf writes the endpoints that some targets feed, or that nobody says
// who feeds, as enroll reads them.
func endpointsOf(spec Spec, targets []string) []string {
	var out []string
	for _, e := range spec.Endpoints {
		switch {
		case e.Target == "":
			out = append(out, "'"+e.String()+"'")
		case slices.Contains(targets, e.Target):
			out = append(out, "'"+e.String()+"@"+e.Target+"'")
		}
	}
	return out
}

func (v *view) movesOfAlerts() (out []Move) {
	s, name := v.s, v.s.Spec.Name
	firing := slices.ContainsFunc(s.Alerts, func(a Alert) bool { return a.Open() && a.Status != Acknowledged })
	if !firing {
		return nil
	}
	then := s.Clone()
	if done := then.Acknowledge(v.now, Answered{By: "somebody"}); len(done) > 0 {
		out = append(out, Move{Code: MoveAck, Command: "neverlapse ack " + name + " --note '...'", Until: done[0].Answer.Until, answers: alert.Reasons})
	}
	in := Answered{By: "somebody", Until: v.now.Add(24 * time.Hour)}
	if then = s.Clone(); then.CheckSnooze(v.now, in) == nil {
		done := then.Snooze(v.now, in)
		out = append(out, Move{Code: MoveSnooze, Command: "neverlapse snooze " + name + " --until 1d", Until: done[0].SnoozedUntil, answers: alert.Reasons})
	}
	return out
}

func (v *view) movesOfSpec() (out []Move) {
	s, name := v.s, v.s.Spec.Name
	update := "neverlapse enroll --cert-name " + name + " --update"
	if s.Retire != nil {
		return nil
	}
	if s.Spec.Managed && (s.counted() > 0 || !s.Renewal.DownSince.IsZero() || s.Renewal.Moved != nil) {
		out = append(out, Move{Code: MoveCA, Command: update + " --ca CA", Note: s.Spec.CA, answers: []alert.Reason{alert.AttemptsSpent, alert.CAUnavailable}})
	}
	if csr := s.Spec.CSR; csr != nil {
		m := Move{Code: MoveCSR, Command: update + " --csr FILE", Note: csr.ShortKey()}
		if s.keyKnown() {
			m.answers = ofRenewal
		}
		out = append(out, m)
	}
	if !s.Spec.Managed {
		out = append(out, Move{Code: MoveManage, Command: update + " --manage --ca CA --target TARGET", answers: []alert.Reason{alert.Expiring}})
	}
	if s.Spec.Owner == "" {
		out = append(out, Move{Code: MoveOwner, Command: update + " --owner PERSON"})
	}
	if s.Spec.Managed && !v.paused() && !s.spent() {
		out = append(out, Move{Code: MovePause, Command: "neverlapse pause " + name + " --until 3d --reason '...'", Until: v.now.Add(72 * time.Hour)})
	}
	return out
}
