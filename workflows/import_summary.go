package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// ownersAbreast is how many owners are told at once, and toldAbreast how many
// certificates of one of them hear of it at once.
const (
	ownersAbreast = 10
	toldAbreast   = 50
)

// portion is what one owner is told of.
type portion struct {
	key, owner, team string
	rows             []Report
}

// sumUp tells some owners, and then their certificates that it was told. What is
// told is taken off the list, so a next run goes on with the rest.
func (i *imports) sumUp(ctx workflow.Context) {
	i.Rounds++
	all := portions(i.Found)
	all = all[:min(ownersAbreast, len(all))]
	done := 0
	for _, p := range all {
		workflow.GoNamed(ctx, "sum up for "+p.key, func(ctx workflow.Context) {
			i.tell(ctx, p)
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(all) })
	for _, p := range all {
		i.Found = slices.DeleteFunc(i.Found, func(r Report) bool {
			return slices.ContainsFunc(p.rows, func(told Report) bool { return told.Name == r.Name })
		})
	}
}

// portions groups by owner; what has none by team.
func portions(found []Report) []portion {
	var out []portion
	for _, r := range found {
		p := portion{key: "owner/" + r.Owner, owner: r.Owner, team: r.Team}
		if r.Owner == "" {
			p.key = "team/" + r.Team
		}
		n := slices.IndexFunc(out, func(o portion) bool { return o.key == p.key })
		if n < 0 {
			n, out = len(out), append(out, p)
		}
		out[n].rows = append(out[n].rows, r)
	}
	slices.SortFunc(out, func(a, b portion) int { return strings.Compare(a.key, b.key) })
	return out
}

// tell sends one summary and lets the certificates know. Where none of them
// waits for it, all were told by themselves, and there is no summary.
func (i *imports) tell(ctx workflow.Context, p portion) {
	waiting := slices.DeleteFunc(slices.Clone(p.rows), func(r Report) bool { return !r.Held })
	if len(waiting) == 0 {
		return
	}
	word := i.deliver(ctx, i.notice(ctx, p), p)
	if len(word.To) > 0 {
		i.Summaries++
	}
	for rows := range slices.Chunk(waiting, toldAbreast) {
		var sent []workflow.Future
		for _, r := range rows {
			sent = append(sent, workflow.SignalExternalWorkflow(ctx, WorkflowID(r.Name), "", SignalSummarized, word))
		}
		for _, f := range sent {
			_ = f.Get(ctx, nil) // one that was retired meanwhile needs to hear nothing
		}
	}
}

func (i *imports) notice(ctx workflow.Context, p portion) alert.Notice {
	n := alert.Notice{
		Key:     fmt.Sprintf("%s/%d/%d/%s", i.id, i.Began.Unix(), i.Rounds, p.key),
		AlertID: i.id, Phase: alert.Firing, Reason: alert.Imported, Reach: alert.Direct, Owner: p.owner, Team: p.team, At: workflow.Now(ctx).UTC(),
		Summary: &alert.Summary{Whole: len(p.rows)},
	}
	if p.owner != "" { // its certificates may be of several teams
		n.Team = ""
	}
	for _, r := range p.rows {
		n.Summary.Rows = append(n.Summary.Rows, alert.Standing{Certificate: r.Name, Severity: r.Severity, NotAfter: r.NotAfter, Alone: !r.Held})
	}
	slices.SortFunc(n.Summary.Rows, alert.MoreUrgent)
	n.Summary.Rows = n.Summary.Rows[:min(alert.MaxStanding, len(n.Summary.Rows))]
	first := n.Summary.Rows[0].Certificate
	list := "neverlapse list --severity P1,P2,P3,P4"
	switch {
	case p.owner != "":
		list += " --owner " + p.owner
	case p.team != "":
		list += " --team " + p.team
	}
	n.Commands = []string{list, "neverlapse explain " + first, "neverlapse ack " + first + " --note '...'"}
	return n
}

// deliver tells the owner, or the team where the owner cannot be told, or the
// catch-all.
func (i *imports) deliver(ctx workflow.Context, n alert.Notice, p portion) Summarized {
	word := Summarized{Import: i.id}
	for _, role := range []people.Role{people.Owner, people.TeamAll} {
		if role == people.Owner && p.owner == "" {
			continue
		}
		q := activities.AddressInput{
			Question: people.Question{Roles: []people.Role{role}, Owner: p.owner, Team: p.team, At: workflow.Now(ctx)},
			About:    alert.Traits{Severity: n.Severity}, Reach: n.Reach, Last: role == people.TeamAll,
		}
		var all []activities.Delivery
		if err := workflow.ExecuteActivity(quick(ctx, "who is "+string(role)+" of "+p.key), hands.Address, q).Get(ctx, &all); err != nil {
			_, word.Cause = activities.FailureOf(err)
			continue
		}
		for _, d := range all {
			i.send(ctx, n, d, &word)
		}
		if len(word.To) > 0 {
			break
		}
	}
	return word
}

// send tries the ways to one contact until one accepts.
func (i *imports) send(ctx workflow.Context, n alert.Notice, d activities.Delivery, word *Summarized) {
	lost := letters{notice: n}
	var got []alert.Receipt
	defer func() { lost.keep(ctx, got) }()
	for _, way := range append([]activities.Way{d.Way}, d.Others...) {
		m := alert.Message{Notice: n, To: d.To, Channel: way.Channel, Kind: way.Kind, Address: way.Address, DedupKey: n.Key + "/" + d.To.ID + "/" + way.Channel}
		var r alert.Receipt
		summary := fmt.Sprintf("summary of %d certificates to %s (%s) by %s", n.Summary.Whole, d.To.Name, d.To.Role, way.Channel)
		err := workflow.ExecuteActivity(notification(ctx, summary), hands.Deliver, m).Get(ctx, &r)
		if err == nil && d.Copy {
			return
		}
		if err == nil {
			word.To = append(word.To, d.To.ID+" by "+way.Channel)
			if !slices.Contains(word.Kinds, way.Kind) {
				word.Kinds = append(word.Kinds, way.Kind)
			}
			got = append(got, r)
			return
		}
		text := lost.add(ctx, m, err)
		word.Cause = cut(fmt.Sprintf("%s to %s: %s", way.Channel, d.To.ID, text), keepText)
	}
}
