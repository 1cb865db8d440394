package workflows_test

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// answer is what a sender of an update hears.
type answer struct{ refused error }

func (a *answer) Accept()             {}
func (a *answer) Reject(err error)    { a.refused = err }
func (a *answer) Complete(any, error) {}

func TestARequestIsCountedOnceAndBearsAName(t *testing.T) {
	s := tell(t, "slack")
	var first, again, nameless answer
	ask := func(into *answer, id, by string) func() {
		return func() {
			s.env.UpdateWorkflow(workflows.Acknowledge.Name, fmt.Sprintf("%p", into), into, workflows.AcknowledgeRequest{Request: workflows.Request{ID: id, By: by}})
		}
	}
	s.at(days(60).Add(time.Hour), ask(&first, "click", "owner"))
	s.at(days(60).Add(2*time.Hour), ask(&again, "click", "owner")) // as Slack sends it again, after the run was handed over
	s.at(days(60).Add(3*time.Hour), ask(&nameless, "", ""))
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.5))
	if first.refused != nil || again.refused != nil {
		t.Errorf("refused: %v, %v", first.refused, again.refused)
	}
	if nameless.refused == nil || !contains(nameless.refused.Error(), "name") {
		t.Errorf("a nameless answer: %v", nameless.refused)
	}
	n := 0
	for _, e := range s.journal {
		if e.Kind == "acknowledged" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("counted %d times", n)
	}
}

func TestOfTwoWhoAnswerWhatTheySawTheSecondHearsWhoWasFirst(t *testing.T) {
	s := tell(t, "slack")
	var first, second answer
	id := alert.ID("a", version("a.test", start, days(90).Sub(start)).Fingerprint, alert.Expiring)
	s.at(days(60).Add(time.Hour), func() {
		seen := lifecycle.Alert{Round: 1, Severity: alert.P3, Status: lifecycle.Firing}.Standing()
		for by, into := range map[string]*answer{"owner": &first, "boss": &second} {
			s.env.UpdateWorkflow(workflows.Acknowledge.Name, by, into, workflows.AcknowledgeRequest{Request: workflows.Request{By: by}, Alert: id, Seen: seen})
		}
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.5))
	if (first.refused == nil) == (second.refused == nil) {
		t.Fatalf("refused: %v, %v", first.refused, second.refused)
	}
	if why := cmp.Or(first.refused, second.refused); !contains(why.Error(), "was first") {
		t.Errorf("the second heard: %v", why)
	}
}

func TestANewSpecHoldsItsPlacesAndNoOthers(t *testing.T) {
	s := tell(t, "slack")
	spec := lifecycle.Spec{Name: "a", Names: []string{"a.test"}, Policy: lifecycle.Default()}
	s.at(days(1), func() {
		s.env.UpdateWorkflow(workflows.SetSpec.Name, "", discard{}, workflows.SetSpecRequest{Request: workflows.Request{By: "owner"}, Spec: spec})
	})
	var before int
	s.at(days(2), func() { before = len(s.claims) })
	s.run(lifecycle.Spec{}, days(3))
	if before != 1 || len(s.claims) != 2 { // the second when it is retired
		t.Errorf("claimed %d times by a day later, %d in all", before, len(s.claims))
	}
}

func TestAFailedChannelIsReplacedByOneThatNobodyElseUses(t *testing.T) {
	p := ladder()
	for i := range p.Escalations {
		for j := range p.Escalations[i].Steps {
			p.Escalations[i].Steps[j].Reach = "wide"
		}
	}
	s := tell(t, "slack", "email", "console")
	s.refuses["slack"], s.refuses["email"] = true, true
	s.run(lifecycle.Spec{Policy: p}, days(60.1))
	want(t, s.heard(), "03-02 00:00:00 owner by console: P3 expiring")
}
