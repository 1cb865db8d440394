package main

import (
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// view is a certificate's status for people and programs. The JSON names are a
// contract with scripts.
type view struct {
	Name        string             `json:"name"`
	State       string             `json:"state"`
	Severity    string             `json:"severity,omitempty"`
	Managed     bool               `json:"managed"`
	Names       []string           `json:"names"`
	Owner       string             `json:"owner,omitempty"`
	Team        string             `json:"team,omitempty"`
	Environment string             `json:"environment,omitempty"`
	Note        string             `json:"note,omitempty"`
	CA          string             `json:"ca,omitempty"`
	FallbackCAs []string           `json:"fallbackCAs,omitempty"`        // tried in this order when CA keeps failing
	Moved       *lifecycle.Moved   `json:"moved,omitempty"`              // to the CA that is tried now
	Accepted    bool               `json:"acceptIrreversible,omitempty"` // what targets have need not come back
	KeptKey     *keptKeyView       `json:"keptKey,omitempty"`            // of the request, where the key stays on its host
	Policy      string             `json:"policy"`
	Certificate *versionView       `json:"certificate,omitempty"` // live, or seen where only watched
	Previous    *versionView       `json:"previous,omitempty"`
	Candidate   *versionView       `json:"candidate,omitempty"` // issued, not yet proven
	RenewAt     time.Time          `json:"renewAt,omitzero"`
	LastSafe    time.Time          `json:"lastSafeMoment,omitzero"`
	Window      *windowView        `json:"caWindow,omitempty"` // in which the CA would have it renewed
	Next        *eventView         `json:"next,omitempty"`
	Upcoming    []eventView        `json:"upcoming"`
	UnderWay    []flightView       `json:"underWay"`
	Alerts      []alertView        `json:"alerts"` // open ones
	Attempts    []attemptView      `json:"attempts"`
	Places      []placeView        `json:"places"`
	SeenAt      time.Time          `json:"observedAt,omitzero"`
	Behind      []behindView       `json:"behind"`
	Rollout     *lifecycle.Rollout `json:"rollout,omitempty"` // under way, else the latest
	Paused      *orderView         `json:"paused,omitempty"`
	Approval    *approvalView      `json:"approval,omitempty"`         // asked for, given or denied
	Frozen      *frozenView        `json:"frozen,omitempty"`           // by a freeze of the policy, now
	Overridden  *orderView         `json:"freezeOverridden,omitempty"` // a freeze that does not hold it
	Held        *orderView         `json:"held,omitempty"`             // rolled back by hand
	Revoke      *revokeOrder       `json:"revoke,omitempty"`
	Revoked     []cert.Revocation  `json:"revoked,omitempty"`
	EnrolledAt  time.Time          `json:"enrolledAt"`
	EnrolledBy  string             `json:"enrolledBy,omitempty"`
	Link        string             `json:"link,omitempty"`
}

type versionView struct {
	cert.Version
	DaysLeft int `json:"daysLeft"`
}

type keptKeyView struct {
	Algorithm string `json:"algorithm"`
	SHA256    string `json:"sha256"` // of the public key, as openssl pkey -pubout -outform DER gives it
}

type windowView struct {
	cert.Window
	Ignored string `json:"ignored,omitempty"` // why renewal does not go by it
}

type eventView struct {
	At     time.Time        `json:"at"`
	Reason lifecycle.Reason `json:"reason"`
	What   string           `json:"what"`
	Why    string           `json:"why,omitempty"`
	Alert  string           `json:"alert,omitempty"`
}

type flightView struct {
	Kind  lifecycle.FlightKind `json:"kind"`
	Since time.Time            `json:"since"`
}

type alertView struct {
	ID           string           `json:"id"`
	Reason       alert.Reason     `json:"reason"`
	Severity     alert.Severity   `json:"severity"`
	Status       lifecycle.Status `json:"status"`
	FiredAt      time.Time        `json:"firedAt"`
	NextNoticeAt time.Time        `json:"nextNoticeAt,omitzero"`
	SnoozedUntil time.Time        `json:"snoozedUntil,omitzero"`
	Told         []string         `json:"told,omitempty"` // "minji by slack"
	Notices      int              `json:"notices"`
	Cause        string           `json:"cause,omitempty"`
	Answer       *alert.Answer    `json:"answer,omitempty"`
	NotDelivered []string         `json:"notDelivered,omitempty"`
}

type attemptView struct {
	lifecycle.Attempt
	Number int `json:"number"`
}

type behindView struct {
	Target  string    `json:"target"`
	Host    string    `json:"host,omitempty"` // where the target lives, if it has a worker of its own
	Cause   string    `json:"cause"`
	Since   time.Time `json:"since,omitzero"`
	RetryAt time.Time `json:"retryAt,omitzero"`
}

// revokeOrder is a revocation that was asked for and is not done.
type revokeOrder struct {
	orderView
	Fingerprint cert.Fingerprint      `json:"fingerprint"`
	Reason      cert.RevocationReason `json:"reason"`
	Cause       string                `json:"cause,omitempty"` // why the latest try failed
	RetryAt     time.Time             `json:"retryAt,omitzero"`
}

// approvalView is what people are asked to approve, and their answer.
type approvalView struct {
	lifecycle.Approval
	By []people.Role `json:"by"` // who may
	Of int           `json:"of"` // approvals that it takes
	// What the policy does by itself about an open question, and when: approve, deny.
	Alone     string    `json:"unanswered,omitempty"`
	DecidesAt time.Time `json:"decidesAt,omitzero"`
	name      string
}

// frozenView is a freeze that holds now.
type frozenView struct {
	Freeze string    `json:"freeze"`
	Until  time.Time `json:"until"`
}

type orderView struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	Note  string    `json:"note,omitempty"`
}

func (c *cli) view(s workflows.Status) view {
	st, spec := s.State, s.State.Spec
	v := view{
		Name: spec.Name, State: s.Summary.State, Severity: s.Summary.Severity, Managed: spec.Managed, Names: spec.Names,
		Owner: spec.Owner, Team: spec.Team, Environment: spec.Environment, Note: spec.Note, CA: spec.CA, FallbackCAs: spec.CAs()[1:], Moved: st.Renewal.Moved, Accepted: spec.AcceptIrreversible, Policy: spec.Policy.Name,
		Certificate: c.version1(st.Live), Previous: c.version1(st.Previous), Candidate: c.version1(st.Renewal.Candidate),
		LastSafe: s.Plan.LastSafe, Upcoming: c.events(s), SeenAt: st.Sight.At, Places: c.places(st),
		EnrolledAt: st.EnrolledAt, EnrolledBy: st.EnrolledBy, Link: c.link(spec.Name),
		UnderWay: []flightView{}, Alerts: []alertView{}, Attempts: []attemptView{}, Behind: []behindView{},
	}
	v.Rollout = rolloutOf(s)
	if spec.Managed {
		v.RenewAt = s.Plan.RenewAt
		if st.Window != nil {
			v.Window = &windowView{*st.Window, s.Plan.WindowIgnored}
		}
	}
	if len(v.Upcoming) > 0 {
		v.Next = &v.Upcoming[0]
	}
	for _, f := range st.Flights {
		v.UnderWay = append(v.UnderWay, flightView{f.Kind, f.At})
	}
	for _, a := range st.Alerts {
		if a.Open() {
			v.Alerts = append(v.Alerts, alertOf(a))
		}
	}
	for i, a := range st.Renewal.Attempts {
		v.Attempts = append(v.Attempts, attemptView{a, i + 1})
	}
	for _, i := range st.Installed {
		if i.Behind != "" {
			v.Behind = append(v.Behind, behindView{i.Target, i.Host, i.Behind, i.Since, i.RetryAt})
		}
	}
	if p := st.Paused; p != nil && c.now().Before(p.Until) {
		v.Paused = &orderView{p.By, p.At, p.Until, p.Note}
	}
	if a := st.Approval; a != nil {
		v.Approval = &approvalView{Approval: *a, By: spec.Policy.Approval.Roles(), Of: max(1, spec.Policy.Approval.Count), name: spec.Name}
		if alone := workflows.Alone(c.now(), st); !alone.At.IsZero() {
			v.Approval.Alone, v.Approval.DecidesAt = alone.Kind, alone.At
		}
	}
	if f := lifecycle.FrozenUntil(c.now(), st); f != nil {
		v.Frozen = &frozenView{f.Name(), f.Until}
	}
	if t := st.Thawed; t != nil && c.now().Before(t.Until) {
		v.Overridden = &orderView{t.By, t.At, t.Until, t.Note}
	}
	if h := st.Held; h != nil {
		v.Held = &orderView{By: h.By, At: h.At, Note: h.Note}
	}
	if r := st.Revoke; r != nil {
		v.Revoke = &revokeOrder{orderView{By: r.By, At: r.At, Note: r.Note}, r.Fingerprint, r.Reason, r.Failed, r.RetryAt}
	}
	v.Revoked = st.Revocations
	if csr := spec.CSR; csr != nil {
		v.KeptKey = &keptKeyView{csr.KeyAlgorithm, csr.Key}
	}
	return v
}

func (c *cli) version1(v cert.Version) *versionView {
	if v.Fingerprint == "" {
		return nil
	}
	return &versionView{v, cert.DaysLeft(c.now(), v.NotAfter)}
}

func alertOf(a lifecycle.Alert) alertView {
	v := alertView{
		ID: a.ID, Reason: a.Reason, Severity: a.Severity, Status: a.Status, FiredAt: a.FiredAt, NextNoticeAt: a.NextAt,
		SnoozedUntil: a.SnoozedUntil, Notices: a.Told, Cause: a.Cause, Answer: a.Answer, NotDelivered: a.Failed,
	}
	for _, r := range a.Receipts {
		v.Told = append(v.Told, strings.TrimSpace(r.To+" by "+r.Kind))
	}
	return v
}
