package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// bequest is what somebody who left leaves behind.
type bequest struct {
	*story
	flock *flock
	here  people.Directory
}

// leaves has an owner of n certificates removed from the directory.
func leaves(t *testing.T, n int) *bequest {
	e := &bequest{story: stage(t, "slack", "email"), flock: &flock{}, here: directory()}
	for i := range n {
		w := activities.Ward{Name: fmt.Sprintf("c%02d", i), Owner: "owner", Team: "team", NotAfter: days(60)}
		if i%4 == 0 {
			w.Team = ""
		}
		e.flock.all = append(e.flock.all, w)
	}
	e.here.People = slices.DeleteFunc(e.here.People, func(p people.Person) bool { return p.ID == "owner" })
	e.here.Teams[0].Members = []string{"watch"}
	e.acts.Wards, e.acts.Directory = e.flock, func() people.Directory { return e.here }
	e.env.RegisterWorkflow(e.story.story.HandoverWorkflow)
	e.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.HandoverID("owner")})
	return e
}

func (e *bequest) handOver(to string) (out workflows.HandoverStatus) {
	e.t.Helper()
	in := workflows.HandoverInput{Person: "owner", Cause: lifecycle.LeftDirectory, To: to, Teams: []string{"team"}, Within: 48 * time.Hour, By: "neverlapse", Via: "directory"}
	e.env.ExecuteWorkflow("HandoverWorkflow", in)
	if err := e.env.GetWorkflowResult(&out); err != nil {
		e.t.Fatal(err)
	}
	return out
}

func (e *bequest) says(after time.Duration, by string, accept bool, answer func(error)) {
	e.at(start.Add(after), func() {
		r := workflows.HandoverAnswerRequest{Request: workflows.Request{ID: by + after.String(), By: by, Via: "slack"}, Accept: accept}
		e.env.UpdateWorkflow(workflows.HandoverAnswer, r.ID, verdict{answer}, r)
	})
}

// verdict hears whether an update was taken.
type verdict struct{ hear func(error) }

func (v verdict) Accept()           { v.hear(nil) }
func (v verdict) Reject(err error)  { v.hear(err) }
func (verdict) Complete(any, error) {}
func (e *bequest) owners() map[string]int {
	out := map[string]int{}
	for _, w := range e.flock.all {
		out[w.Owner+"/"+w.Team]++
	}
	return out
}

func taken(t *testing.T) func(error) {
	return func(err error) {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
	}
}

func TestTheReceiverWhoAcceptsGetsFortyCertificates(t *testing.T) {
	e := leaves(t, 40)
	var stranger, late error
	e.says(time.Hour, "nobody", true, func(err error) { stranger = err })
	e.says(2*time.Hour, "watch", true, taken(t))
	e.says(2*time.Hour+time.Second, "boss", true, func(err error) { late = err })
	out := e.handOver("watch")
	if got := e.owners(); got["watch/team"] != 40 || out.Given != 40 || out.To != "watch" {
		t.Errorf("%v, %+v", got, out)
	}
	if stranger == nil || late == nil || !contains(late.Error(), "watch gets what owner leaves behind already") {
		t.Errorf("a stranger: %v; the second: %v", stranger, late)
	}
	if len(e.told) == 0 || e.told[0].to != "watch" || e.told[0].what.Notice.Reason != alert.Handover || len(e.told[0].what.Notice.Actions) != 2 || e.told[0].what.Notice.Standing != out.Standing || out.Standing == "" {
		t.Errorf("told %+v", e.told)
	}
}

func TestWhatNobodyAcceptsInTimeIsTheTeamLeads(t *testing.T) {
	e := leaves(t, 12)
	out := e.handOver("watch")
	if got := e.owners(); got["boss/team"] != 12 || out.To != "boss" {
		t.Errorf("%v, %+v", got, out)
	}
	var who []string
	for _, n := range e.told {
		if !slices.Contains(who, n.to) {
			who = append(who, n.to)
		}
	}
	if fmt.Sprint(who) != "[watch boss]" {
		t.Errorf("told %v", who)
	}
	if lasted := e.env.Now().Sub(start); lasted < 47*time.Hour || lasted > 49*time.Hour {
		t.Errorf("it lasted %s", lasted)
	}
}

func TestWhoAcceptsWhileOthersAreStillBeingToldIsTakenAtOnce(t *testing.T) {
	e := leaves(t, 4)
	e.lines[0].Channel = calling{channel{e.story, "slack"}, sync.OnceFunc(func() {
		r := workflows.HandoverAnswerRequest{Request: workflows.Request{ID: "early", By: "watch", Via: "slack"}, Accept: true}
		e.env.UpdateWorkflow(workflows.HandoverAnswer, r.ID, verdict{taken(t)}, r)
	})}
	out := e.handOver("watch")
	if lasted := e.env.Now().Sub(start); out.To != "watch" || e.owners()["watch/team"] != 4 || lasted > time.Hour {
		t.Errorf("after %s %+v, %v", lasted, out, e.owners())
	}
}

// calling is a channel in which something happens while a message is on its way.
type calling struct {
	channel
	meanwhile func()
}

func (c calling) Send(ctx context.Context, m alert.Message, again bool) (alert.Receipt, error) {
	c.meanwhile()
	return c.channel.Send(ctx, m, again)
}

func TestWhatEndsSoonWaitsForNobodyLong(t *testing.T) {
	e := leaves(t, 3)
	e.flock.all[1].NotAfter, e.flock.all[1].Severity = days(0.5), "P1"
	e.handOver("watch")
	if lasted := e.env.Now().Sub(start); e.owners()["boss/team"] != 3 || lasted > 2*time.Hour {
		t.Errorf("%v after %s", e.owners(), lasted)
	}
}

func TestWhoDeclinesIsFollowedByTheNextInLine(t *testing.T) {
	e := leaves(t, 4)
	e.says(time.Hour, "watch", false, taken(t))
	e.says(2*time.Hour, "boss", true, taken(t))
	out := e.handOver("watch")
	if out.To != "boss" || !contains(out.Why, "boss accepted") || e.owners()["boss/team"] != 4 {
		t.Errorf("%+v %v", out, e.owners())
	}
}

func TestWhereNobodyCanBeAskedTheCatchAllTeamAloneOwnsThem(t *testing.T) {
	e := leaves(t, 3)
	for i := range e.here.People { // the team has a channel, and nobody there can be told by themselves
		e.here.People[i].Away = true
	}
	out := e.handOver("")
	if got := e.owners(); got["/"+e.here.CatchAll] != 3 || out.Given != 3 {
		t.Errorf("%v, %+v", got, out)
	}
}

func TestSomebodyWhoIsBackKeepsWhatIsTheirs(t *testing.T) {
	for name, when := range map[string]time.Duration{"at once": 5 * time.Second, "while another is asked": 3 * time.Hour} {
		e := leaves(t, 4)
		e.at(start.Add(when), func() { e.here = directory() })
		out := e.handOver("watch")
		if !contains(out.Why, "in the directory again") || out.Given != 0 || e.owners()["owner/team"]+e.owners()["owner/"] != 4 {
			t.Errorf("%s: %+v %v", name, out, e.owners())
		}
	}
}

func TestMeanwhileAlertsOfWhatNamesNoTeamGoOnToTheOldTeam(t *testing.T) {
	e := leaves(t, 8)
	e.at(start.Add(time.Hour), func() {
		if got := e.owners(); got["owner/team"] != 8 {
			t.Errorf("an hour later: %v", got)
		}
	})
	e.handOver("")
	q := people.Question{Roles: []people.Role{people.Owner}, Owner: "owner", Team: "team", At: start}
	if got := e.here.Resolve(q); len(got) != 0 {
		t.Errorf("who is gone is told: %v", got)
	}
	q.Roles = []people.Role{people.TeamAll, people.Manager, people.OnCall}
	if got := e.here.Resolve(q); len(got) != 3 {
		t.Errorf("the old chain is %v", got)
	}
}
