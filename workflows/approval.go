package workflows

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// DecideRequest approves or denies what waits for it. Alert and Seen are as in
// AcknowledgeRequest; Question is what Seen is to the alert, to what is asked. Roles are those that who asks fills for the certificate,
// if somebody with a directory checked that.
type DecideRequest struct {
	Request
	Alert    string        `json:"alert,omitempty"`
	Seen     string        `json:"seen,omitempty"`
	Question string        `json:"question,omitempty"`
	Roles    []people.Role `json:"roles,omitempty"`
	Checked  bool          `json:"checked,omitempty"`
}

func (in DecideRequest) deciding(deny bool) lifecycle.Decided {
	return lifecycle.Decided{
		Order: lifecycle.Order{By: in.By, Via: in.Via, Note: in.Note}, Alert: in.Alert, Seen: in.Seen, Question: in.Question, Roles: in.Roles, Checked: in.Checked, Deny: deny,
	}
}

// Decide sends an approval or a denial with the roles that who says it fills: the
// certificate holds them against its policy, and knows nobody itself. Where the
// directory is empty nobody can be told from another, and nothing is checked.
func (g *Gate) Decide(ctx context.Context, u Update[DecideRequest, Taken], at time.Time, name string, in DecideRequest) (Taken, error) {
	of, err := g.Let(ctx, name, people.Verb(u.Name), in.Request)
	if err != nil {
		return Taken{}, err
	}
	in.Of = of
	if d := g.Directory(); len(d.People) > 0 {
		var s Status
		v, err := g.Client.QueryWorkflow(ctx, WorkflowID(name), "", QueryStatus)
		if err == nil {
			err = v.Get(&s)
		}
		if err != nil {
			return Taken{}, refusal(name, err)
		}
		spec := s.State.Spec
		in.Roles, in.Checked = d.Fills(in.By, people.Question{Owner: spec.Owner, Team: spec.Team, At: at}), true
	}
	return u.Call(ctx, g.Client, name, in)
}

func (c *certificate) approve(ctx workflow.Context, in DecideRequest) Taken {
	name := c.State.Spec.Name
	if !c.count(in.ID) {
		return Taken{"this answer was counted before; see: neverlapse status " + name}
	}
	enough := c.State.Decide(workflow.Now(ctx), in.deciding(false))
	a := c.State.Approval
	text := fmt.Sprintf("%s is approved", asked(*a))
	if !enough {
		text = fmt.Sprintf("%s has %d of %d approvals", asked(*a), len(a.Votes), max(1, c.State.Spec.Policy.Approval.Count))
	}
	c.note(ctx, entry{Kind: "approved", Text: text, By: in.By, Via: in.Via, Note: in.Note, Details: c.vote(in, *a)})
	return Taken{name + ": " + text}
}

func (c *certificate) deny(ctx workflow.Context, in DecideRequest) Taken {
	name := c.State.Spec.Name
	if !c.count(in.ID) {
		return Taken{"this answer was counted before; see: neverlapse status " + name}
	}
	c.State.Decide(workflow.Now(ctx), in.deciding(true))
	a := c.State.Approval
	text := fmt.Sprintf("%s is denied", asked(*a))
	c.note(ctx, entry{Kind: "denied", Text: text, By: in.By, Via: in.Via, Note: in.Note, Details: c.vote(in, *a)})
	if a.For == lifecycle.ForRenewal {
		text += "; alerts go on, and people are asked again at " + clock(a.AgainAt)
	}
	return Taken{name + ": " + text}
}

// vote says by which roles somebody decided.
func (c *certificate) vote(in DecideRequest, a lifecycle.Approval) map[string]string {
	out := map[string]string{"version": string(a.Version), "roles": roles(in.Roles)}
	if !in.Checked {
		out["roles"] = "not checked: no directory"
	}
	return out
}

// asked is what an approval is about.
func asked(a lifecycle.Approval) string {
	switch {
	case a.Version != "":
		return "deploying " + a.Version.Short()
	case a.For == lifecycle.ForRenewal:
		return "issuing a new version"
	}
	return "deploying"
}

// noteApproval tells the journal that people are asked, or that the policy decided.
func (c *certificate) noteApproval(ctx workflow.Context, d lifecycle.Decision) {
	a := d.Step.Approval
	switch {
	case a == nil:
		c.note(ctx, entry{Kind: "approval", Text: "nothing waits for approval any more"})
	case d.Reason == lifecycle.ApprovalAsked:
		text := fmt.Sprintf("%s waits for approval by %s", asked(*a), roles(c.State.Spec.Policy.Approval.Roles()))
		c.note(ctx, entry{Kind: "approval", Text: text, By: a.Requester, Details: map[string]string{"version": string(a.Version)}})
	case a.Denied != nil:
		c.note(ctx, entry{Kind: "denied", Text: asked(*a) + " is denied by policy: nobody decided in time", By: a.Denied.By})
	default:
		c.note(ctx, entry{Kind: "approved", Text: asked(*a) + " is approved by policy: nobody decided in time", By: a.Votes[len(a.Votes)-1].By})
	}
}

// question is what people are to decide on, for a message; nil if an alert is about something else.
func question(s lifecycle.State, a lifecycle.Alert) *alert.Question {
	if a.Reason != alert.ApprovalNeeded || !a.Open() {
		return nil
	}
	return Question(s)
}

// Question is what people are asked to approve, decided or not; nil if nothing is.
func Question(s lifecycle.State) *alert.Question {
	q := s.Approval
	if q == nil {
		return nil
	}
	out := &alert.Question{Deploy: q.Version != "", Requester: q.Requester, Got: len(q.Votes), Of: max(1, s.Spec.Policy.Approval.Count), Standing: q.Standing()}
	for _, r := range s.Spec.Policy.Approval.Roles() {
		out.By = append(out.By, string(r))
	}
	if out.Version.Fingerprint = q.Version; q.Version == s.Renewal.Candidate.Fingerprint {
		out.Version = s.Renewal.Candidate
	}
	if q.Denied != nil {
		out.Denied = strings.TrimSuffix(q.Denied.By+": "+q.Denied.Note, ": ")
	}
	return out
}

// Deciders lists who may approve what waits, by the directory: whoever fills a
// role of the policy, did not ask for it and did not approve it already.
func Deciders(d people.Directory, now time.Time, s lifecycle.State) []string {
	var out []string
	q := people.Question{Owner: s.Spec.Owner, Team: s.Spec.Team, At: now}
	for _, who := range d.People {
		check := lifecycle.Decided{Order: lifecycle.Order{By: who.ID}, Roles: d.Fills(who.ID, q), Checked: true}
		if s.CheckDecide(check) == nil {
			out = append(out, who.ID)
		}
	}
	return out
}

// Alone is what the policy decides by itself about an open question, and when.
func Alone(now time.Time, s lifecycle.State) alert.NextStep {
	for _, e := range lifecycle.Upcoming(now, s) {
		if e.Reason == lifecycle.UntilPolicyDecides {
			return alert.NextStep{Kind: decides(s), At: e.At}
		}
	}
	return alert.NextStep{Kind: "none"}
}

func decides(s lifecycle.State) string {
	if s.Approval.For == lifecycle.ForDeploy || s.Spec.Policy.Approval.Unanswered == lifecycle.UnansweredDeny {
		return "deny"
	}
	return "approve"
}
