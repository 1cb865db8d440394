package workflows_test

import (
	"context"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// index is a roll of what a test says.
type index []activities.Enrolled

func (i index) Enrolled(context.Context, []byte) ([]activities.Enrolled, []byte, error) {
	return i, nil, nil
}

// tellWeek plays the digest of the team.
func tellWeek(t *testing.T, s *story, in workflows.WeeklyInput, all ...activities.Enrolled) (workflows.WeeklyOutput, error) {
	t.Helper()
	s.acts.Roll = index(all)
	s.env.RegisterWorkflow(s.story.DigestWorkflow)
	s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "digest/team-1"})
	s.env.ExecuteWorkflow(s.story.DigestWorkflow, in)
	if err := s.env.GetWorkflowError(); err != nil {
		return workflows.WeeklyOutput{}, err
	}
	var out workflows.WeeklyOutput
	return out, s.env.GetWorkflowResult(&out)
}

func TestATeamIsToldOfItsWeekWhereItDoesNotInterrupt(t *testing.T) {
	s := stage(t, "slack", "email")
	out, err := tellWeek(t, s, workflows.WeeklyInput{Team: "team"}, activities.Enrolled{Name: "a", Owner: "owner", Live: cert.Version{NotBefore: days(-80)}, NotAfter: days(10)})
	if err != nil || len(out.To) != 1 || len(s.told) != 1 {
		t.Fatalf("%+v %v %v", out, err, s.told)
	}
	text := alert.Plain(alert.Render(s.told[0].what.Notice, "en", "UTC"))
	if !strings.Contains(text, "team: 0 need somebody, 1 come up, 0 renewed of 1 certificates") || !strings.Contains(text, "a: expires in 10 days, 2026-01-11 00:00 UTC; somebody has to replace it") {
		t.Errorf("it reads:\n%s", text)
	}
}

func TestAWeekWithNothingToTellIsToldOnlyWhereThatIsWanted(t *testing.T) {
	calm := activities.Enrolled{Name: "a", Owner: "owner", Live: cert.Version{NotBefore: days(-10)}, NotAfter: days(80)}
	s := stage(t, "slack")
	if out, err := tellWeek(t, s, workflows.WeeklyInput{Team: "team"}, calm); err != nil || len(out.To) != 0 || len(s.told) != 0 || out.Text == "" {
		t.Errorf("%+v %v %v", out, err, s.told)
	}
	s = stage(t, "slack")
	if out, err := tellWeek(t, s, workflows.WeeklyInput{Team: "team", Empty: true}, calm); err != nil || len(out.To) != 1 || len(s.told) != 1 {
		t.Errorf("%+v %v %v", out, err, s.told)
	}
}

func TestAWeekGoesAnotherWayAndFailsVisiblyWhereThereIsNone(t *testing.T) {
	ends := activities.Enrolled{Name: "a", Owner: "owner", Live: cert.Version{NotBefore: days(-80)}, NotAfter: days(10)}
	s := stage(t, "slack", "email")
	s.refuses["email"] = true
	if out, err := tellWeek(t, s, workflows.WeeklyInput{Team: "team"}, ends); err != nil || len(out.To) != 1 || out.To[0] != "team by slack" {
		t.Errorf("%+v %v", out, err)
	}
	s = stage(t, "slack")
	s.refuses["slack"] = true
	if out, err := tellWeek(t, s, workflows.WeeklyInput{Team: "team"}, ends); err == nil || !strings.Contains(err.Error(), "the digest reached nobody") {
		t.Errorf("%+v %v", out, err)
	}
}
