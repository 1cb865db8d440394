package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// ApprovalPolicy says what is done only when people approve. The zero one asks nobody.
type ApprovalPolicy struct {
	Before Deed          `mapstructure:"before" json:"before,omitempty"` // issue or deploy; empty: nothing is asked
	By     []people.Role `mapstructure:"by" json:"by,omitempty"`         // who may approve; empty: manager, on-call
	Count  int           `mapstructure:"count" json:"count,omitempty"`   // of approvals; 0: one
	// Unanswered is what the policy decides by itself right before the last safe moment.
	Unanswered string `mapstructure:"unanswered" json:"unanswered,omitempty"` // approve, deny or page; empty: approve
	// AskBefore is how long before a renewal people are asked, where they are
	// asked before issuing; and how long a deployment by hand waits for them.
	AskBefore Span `mapstructure:"ask_before" json:"askBefore,omitzero"`
}

// What happens when nobody answers.
const (
	UnansweredApprove = "approve"
	UnansweredDeny    = "deny"
	UnansweredPage    = "page"
)

// Roles are those who may approve.
func (p ApprovalPolicy) Roles() []people.Role {
	if len(p.By) == 0 {
		return []people.Role{people.Manager, people.OnCall}
	}
	return p.By
}

func (p ApprovalPolicy) count() int         { return max(p.Count, 1) }
func (p ApprovalPolicy) unanswered() string { return cmp.Or(p.Unanswered, UnansweredApprove) }

var (
	usualAskBefore = span("min(7d,1/12)")
	aDay           = span("min(1d,1/90)")
)

func (p ApprovalPolicy) askBefore() Span {
	if p.AskBefore.IsZero() {
		return usualAskBefore
	}
	return p.AskBefore
}

// Approval is a question to people, and their answers.
type Approval struct {
	For       Purpose          `json:"for"`                 // renew, or a deployment that somebody asked for
	Version   cert.Fingerprint `json:"version,omitempty"`   // that is to be deployed; empty: the next that is issued
	Requester string           `json:"requester,omitempty"` // who asked for it, and may not approve it; empty: the rules did
	AskedAt   time.Time        `json:"askedAt"`
	Votes     []Order          `json:"votes,omitempty"`    // approvals
	Granted   time.Time        `json:"granted,omitzero"`   // since when there are enough
	ByPolicy  bool             `json:"byPolicy,omitempty"` // nobody answered in time, and the policy decided
	Denied    *Order           `json:"denied,omitempty"`
	AgainAt   time.Time        `json:"againAt,omitzero"` // denied: people are asked again
}

// Standing changes when something else is asked, and when somebody denies it:
// whoever saw another one decides on something else than what is.
func (a Approval) Standing() string {
	denied := int64(0)
	if a.Denied != nil {
		denied = a.Denied.At.UnixNano()
	}
	return fmt.Sprintf("%d/%d", a.AskedAt.UnixNano(), denied)
}

// Same reports whether a Standing is of this question, denied meanwhile or not.
func (a Approval) Same(standing string) bool {
	asked, _, _ := strings.Cut(standing, "/")
	return asked == strconv.FormatInt(a.AskedAt.UnixNano(), 10)
}

func (a *Approval) granted() bool { return a != nil && !a.Granted.IsZero() }

// Asks reports whether people are to decide now; nil asks nobody.
func (a *Approval) Asks(now time.Time) bool {
	return a != nil && a.Granted.IsZero() && (a.Denied == nil || !a.AgainAt.IsZero() && !now.Before(a.AgainAt))
}

func (a *Approval) covers(want *Approval) bool {
	return a.For == want.For && a.Version == want.Version
}

// candidate is the version that the next run would deploy; "" if it issues one.
func (v *view) candidate() cert.Fingerprint {
	r := v.s.Renewal
	if r.Discard || v.s.Renew != nil && v.s.Renew.New {
		return ""
	}
	return r.Candidate.Fingerprint
}

// toApprove is what people have to decide on as things are; nil if nothing.
func (v *view) toApprove() *Approval {
	s, p := v.s, v.s.Spec.Policy.Approval
	if p.Before == "" || !s.Spec.Managed || s.Retire != nil {
		return nil
	}
	candidate, requester := v.candidate(), v.initiator()
	if s.Renew != nil {
		requester = s.Renew.By
	}
	switch {
	case p.Before == DoDeploy && s.Deploy != nil:
		return &Approval{For: ForDeploy, Version: s.Deploy.Fingerprint, Requester: s.Deploy.By}
	case p.Before == DoDeploy && candidate != "":
		return &Approval{For: ForRenewal, Version: candidate, Requester: requester}
	case p.Before == DoDeploy || s.Spec.Supplied:
		return nil
	case s.Renew != nil:
		return &Approval{For: ForRenewal, Requester: requester}
	}
	if at := v.askAt(); at.IsZero() || v.now.Before(at) {
		return nil
	}
	return &Approval{For: ForRenewal, Requester: requester}
}

// initiator is who brought about what the rules are to do: the first issuance,
// or the names that are not covered; empty if the calendar did.
func (v *view) initiator() string {
	s := v.s
	switch {
	case !v.known():
		return cmp.Or(s.ChangedBy, s.EnrolledBy)
	case len(cert.Covers(s.Live.Names, s.Spec.Names)) > 0:
		return s.ChangedBy
	}
	return ""
}

// askAt is when people are asked before the rules issue; zero if they do not.
func (v *view) askAt() time.Time {
	at, _ := v.wantedAt()
	if at.IsZero() || v.s.Spec.Policy.Approval.Before != DoIssue || v.s.Spec.Supplied {
		return time.Time{}
	}
	return at.Add(-v.of(v.s.Spec.Policy.Approval.askBefore()))
}

// mayRenew reports whether no word of people is missing for the next run.
func (v *view) mayRenew() bool {
	p := v.s.Spec.Policy.Approval
	want := &Approval{For: ForRenewal}
	switch {
	case p.Before == "", p.Before == DoDeploy && v.candidate() == "", p.Before == DoIssue && v.s.Spec.Supplied:
		return true
	case p.Before == DoDeploy:
		want.Version = v.candidate()
	}
	return v.s.Approval.granted() && v.s.Approval.covers(want)
}

// allowed is when a renewal by rule may begin: never, as long as people are to
// decide; what is to come stays planned until they are asked.
func (v *view) allowed(at time.Time, why Reason) (time.Time, Reason) {
	if at.IsZero() || v.mayRenew() || v.s.Approval == nil && at.After(v.now) {
		return at, why
	}
	return time.Time{}, ""
}

// decideBy is when the policy decides what people did not: in time for the last
// safe moment, but not before they had a while. Nothing lapses for want of a
// deployment that somebody asked for.
func (v *view) decideBy() time.Time {
	a, timeout := v.s.Approval, v.of(v.s.Spec.Policy.AttemptTimeout)
	if a.For == ForDeploy {
		return a.AskedAt.Add(v.of(v.s.Spec.Policy.Approval.askBefore()))
	}
	grace := a.AskedAt.Add(v.of(aDay))
	if last := v.s.Live.NotAfter.Add(-2 * timeout); v.known() && last.Before(grace) {
		grace = last
	}
	return latest(v.safeBy().Add(-timeout), grace)
}

// approvalDue asks people, and decides what they did not.
func (v *view) approvalDue() *Decision {
	s, have := v.s, v.s.Approval
	if v.running() || have == nil && s.Spec.Policy.Approval.Before == "" {
		return nil
	}
	say := func(a *Approval, r Reason) *Decision {
		return &Decision{Step: Step{Kind: StepApproval, Approval: a}, Reason: r}
	}
	want := v.toApprove()
	switch {
	case want == nil && (have == nil || have.granted() && have.For == ForRenewal):
		return nil
	case want == nil:
		return say(nil, ApprovalMoot)
	case have == nil, !have.covers(want), have.Denied != nil && s.Renew != nil && s.Renew.At.After(have.Denied.At):
		want.AskedAt = v.now
		return say(want, ApprovalAsked)
	case have.granted(), have.Denied != nil, v.now.Before(v.decideBy()):
		return nil
	}
	return v.decideAlone(*have, say)
}

// decideAlone is the policy's own word.
func (v *view) decideAlone(a Approval, say func(*Approval, Reason) *Decision) *Decision {
	p := v.s.Spec.Policy
	word := Order{By: "policy " + p.Name, At: v.now, Note: "nobody decided in time"}
	switch {
	case a.For == ForDeploy, p.Approval.unanswered() == UnansweredDeny:
		a.Denied, a.ByPolicy = &word, true
	case p.Approval.unanswered() == UnansweredApprove:
		a.Votes, a.Granted, a.ByPolicy = append(slices.Clone(a.Votes), word), v.now, true
	default:
		return nil
	}
	return say(&a, ApprovalUnanswered)
}

// settle takes in what is decided about an approval.
func (s *State) settle(a *Approval) {
	s.Approval = nil
	if a != nil {
		copied := *a
		s.Approval = &copied
	}
	if a != nil && a.For == ForDeploy && a.Denied != nil {
		s.Deploy = nil
	}
}

// Decided is a human's word about an approval.
type Decided struct {
	Order
	Alert string // ID of the alert that was answered; empty: whatever is asked
	Seen  string // its Standing as the person saw it
	// Question is the Standing of what was asked as the person saw it; empty: whatever it is.
	Question string
	// Roles are those that the person fills for this certificate, if Checked; if
	// not, nobody could say.
	Roles   []people.Role
	Checked bool
	Deny    bool
}

// CheckDecide tells why a word about an approval cannot be taken; nil if it can.
func (s *State) CheckDecide(in Decided) error {
	name, a, roles := s.Spec.Name, s.Approval, s.Spec.Policy.Approval.Roles()
	may := func(r people.Role) bool { return slices.Contains(roles, r) }
	voted := func(o Order) bool { return o.By == in.By }
	switch {
	case a == nil:
		return refuse("nothing of %s waits for approval", name)
	case in.Question != "" && !a.Same(in.Question):
		return refuse("something else of %s waits for approval since %s; look again", name, a.AskedAt.UTC().Format(time.RFC3339))
	case a.granted():
		last := a.Votes[len(a.Votes)-1]
		return refuse("it was decided: %s approved it at %s", last.By, a.Granted.UTC().Format(time.RFC3339))
	case in.Deny && a.Denied != nil && a.AgainAt.IsZero():
		return refuse("%s denied it at %s already", a.Denied.By, a.Denied.At.UTC().Format(time.RFC3339))
	case in.Checked && !slices.ContainsFunc(in.Roles, may) && !(in.Deny && in.By == a.Requester):
		return refuse("%s may not decide on %s; who fills a role of %s may, says policy %q", in.By, name, rolesInWords(roles), s.Spec.Policy.Name)
	case !in.Deny && in.By == a.Requester:
		return refuse("%s asked for it, and somebody else has to approve it: who fills a role of %s", in.By, rolesInWords(roles))
	case !in.Deny && slices.ContainsFunc(a.Votes, voted):
		return refuse("%s approved it already; %d of %d approvals are there, and somebody else has to give the next", in.By, len(a.Votes), s.Spec.Policy.Approval.count())
	}
	if in.Question != "" && in.Question != a.Standing() {
		return refuse("%s denied it at %s, since you saw it; look again", a.Denied.By, a.Denied.At.UTC().Format(time.RFC3339))
	}
	return s.overtaken(Answered{Alert: in.Alert, Seen: in.Seen, By: in.By})
}

func rolesInWords(roles []people.Role) string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return strings.Join(out, ", ")
}

// Decide takes a human's word; true if nothing is missing any more. A denial
// holds until somebody approves; people are asked again after a while, and in
// time before the last safe moment.
func (s *State) Decide(now time.Time, in Decided) bool {
	a := *s.Approval
	word := in.Order
	word.At = now
	if !in.Deny {
		a.Votes = append(slices.Clone(a.Votes), word)
		if len(a.Votes) >= s.Spec.Policy.Approval.count() {
			a.Granted, a.Denied, a.AgainAt = now, nil, time.Time{}
		}
		s.Approval = &a
		return a.granted()
	}
	v := look(now, s)
	a.AgainAt = now.Add(v.of(usualAskBefore))
	if urgent := v.urgentAt(); urgent.Before(a.AgainAt) {
		a.AgainAt = latest(urgent, now.Add(v.of(aDay)))
	}
	a.Denied, a.Votes = &word, nil
	s.Renew, s.Renewal.Asked = nil, nil
	s.settle(&a)
	return true
}

// urgentAt is from when on an open question pages.
func (v *view) urgentAt() time.Time {
	return v.decideBy().Add(-v.of(v.s.Spec.Policy.UrgentLeft))
}

// approvalNeeded: people have to decide, the more urgently the nearer the end.
func (v *view) approvalNeeded() *condition {
	a := v.s.Approval
	if !a.Asks(v.now) {
		return nil
	}
	c := &condition{reason: alert.ApprovalNeeded, severity: alert.P3, plan: EscalateApproval, level: -1, since: latest(a.AskedAt, a.AgainAt)}
	if a.For == ForDeploy {
		return c
	}
	if due, _ := v.wantedAt(); v.s.Renewal.Reissue || !due.IsZero() && !v.now.Before(due) {
		c.severity = alert.P2
		c.since = latest(c.since, due)
	}
	if at := v.urgentAt(); v.known() && !v.now.Before(at) {
		c.severity, c.plan = alert.P1, "P1"
		c.since = latest(c.since, at)
	}
	return c
}

// approvalTimes are when an open question is asked, grows more urgent, or is
// asked again.
func (v *view) approvalTimes() []time.Time {
	a := v.s.Approval
	if a == nil || a.granted() {
		return nil
	}
	due, _ := v.wantedAt()
	out := []time.Time{a.AgainAt}
	if a.For == ForRenewal && a.Asks(v.now) {
		out = append(out, due)
		if v.known() {
			out = append(out, v.urgentAt())
		}
	}
	return out
}

// decided says what ends the call for a decision, "" while nothing does.
func (v *view) decided(a Alert) string {
	switch q := v.s.Approval; {
	case q == nil:
		return "nothing waits for approval any more"
	case q.granted():
		return "approved by " + q.who()
	case !q.Asks(v.now):
		return fmt.Sprintf("denied by %s: %s", q.Denied.By, cmp.Or(q.Denied.Note, "no reason was given"))
	case a.FiredAt.Before(q.AskedAt):
		return "something else is asked now"
	}
	return ""
}

func (a *Approval) who() string {
	out := make([]string, len(a.Votes))
	for i, o := range a.Votes {
		out[i] = o.By
	}
	return strings.Join(out, ", ")
}

// approvalLadder is who is asked, one after the other: those who may approve,
// then they and the certificate's people together, again and again.
func (p Policy) approvalLadder() Escalation {
	all := slices.Clone(p.Approval.Roles())
	for _, r := range []people.Role{people.Owner, people.Manager} {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return Escalation{Name: EscalateApproval, Repeat: aDay, Steps: []Rung{
		{Roles: p.Approval.Roles(), Reach: alert.Direct},
		{After: aDay, Roles: all, Reach: alert.Wide},
	}}
}
