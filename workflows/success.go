package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// tellSuccess tells those whom the policy names that a renewal went well, once
// and quietly. Whoever was told of the trouble before learns it by the closing
// of that message instead.
func (c *certificate) tellSuccess(ctx workflow.Context, before cert.Fingerprint) {
	roles := c.State.Spec.Policy.NotifySuccess
	if len(roles) == 0 {
		return
	}
	n := c.successNotice(ctx)
	told := c.State.ToldOf(before)
	c.changed()
	c.telling++
	workflow.GoNamed(ctx, "tell of the renewal", func(ctx workflow.Context) {
		c.deliverSuccess(ctx, n, roles, told)
		c.telling--
		c.changed()
	})
}

func (c *certificate) successNotice(ctx workflow.Context) alert.Notice {
	s := c.State
	id := alert.ID(s.Spec.Name, s.Live.Fingerprint, alert.Renewed)
	n := alert.Notice{
		Key: id, AlertID: id, Phase: alert.Resolved, Severity: alert.P4, Reason: alert.Renewed, Reach: alert.Quiet,
		Certificate: s.Spec.Name, Names: s.Spec.Names, Managed: true, Environment: s.Spec.Environment, Owner: s.Spec.Owner, Team: s.Spec.Team,
		Version: s.Live, Replacement: s.Live, At: workflow.Now(ctx).UTC(), Places: places(s.Sight.Observations),
	}
	if c.Link != nil {
		n.Link = c.Link(s.Spec.Name)
	}
	return n
}

func (c *certificate) deliverSuccess(ctx workflow.Context, n alert.Notice, roles []people.Role, told []string) {
	q := activities.AddressInput{
		Question: people.Question{Roles: roles, Owner: n.Owner, Team: n.Team, At: n.At}, About: traits(n), Reach: n.Reach, Severity: n.Severity,
	}
	var all []activities.Delivery
	if err := workflow.ExecuteActivity(quick(ctx, "who wants to hear of the renewal"), hands.Address, q).Get(ctx, &all); err != nil {
		_, text := activities.FailureOf(err)
		c.note(ctx, entry{Kind: "told", Text: "the renewal is told to nobody: " + text, Details: map[string]string{"alert": n.AlertID}})
		return
	}
	all = slices.DeleteFunc(all, func(d activities.Delivery) bool { return d.Way == activities.Way{} || slices.Contains(told, d.To.ID) })
	var to []string
	rest := slices.DeleteFunc(slices.Clone(all), func(d activities.Delivery) bool { return d.Gather != nil })
	for _, p := range c.parcels(ctx, n, all, lifecycle.Alert{}) {
		summary := fmt.Sprintf("the renewal of %s into the inbox of %s", n.Certificate, p.To.Name)
		if err := workflow.ExecuteActivity(quick(ctx, summary), hands.Post, p).Get(ctx, nil); err == nil {
			to = append(to, p.To.ID)
			continue
		}
		for _, w := range p.Ways {
			rest = append(rest, activities.Delivery{To: p.To, Way: w, Others: p.Others})
		}
	}
	for _, r := range deliverTo(ctx, n, rest, nil) {
		to = append(to, r.To+" by "+r.Channel)
	}
	if len(to) > 0 {
		c.note(ctx, entry{Kind: "told", Text: "the renewal is told to " + strings.Join(to, ", "), Details: map[string]string{"alert": n.AlertID}})
	}
}
