package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// mine is where the canary of a test lives: a store that holds no place of it for
// anybody else, and attempts that end as the test says.
type mine struct {
	shelf
	t     *testing.T
	ends  []workflows.RenewalOutput // of the attempts to come; the last for all that follow
	asked []workflows.RenewalInput
	held  []string
	last  *workflows.CanaryOutput
	now   time.Time
}

func (o *mine) Claim(_ context.Context, name string, _ []string) error {
	o.held = append(o.held, name)
	return nil
}

func (o *mine) Pair(context.Context, string, cert.Fingerprint) (cert.Pair, error) {
	return cert.Pair{}, nil
}

func (o *mine) attempt(_ workflow.Context, in workflows.RenewalInput) (workflows.RenewalOutput, error) {
	o.asked = append(o.asked, in)
	out := o.ends[0]
	if len(o.ends) > 1 {
		o.ends = o.ends[1:]
	}
	return out, nil
}

// run has the canary renewed, so long after the run before.
func (o *mine) run(after time.Duration) *mast {
	o.t.Helper()
	o.now = o.now.Add(after)
	m := keepChannel(o.t)
	m.env.SetStartTime(o.now)
	m.acts.Store, m.acts.CAs = o, map[string]activities.CA{"staging": nil}
	m.acts.Targets = map[string]activities.Target{}
	m.env.RegisterWorkflow((&workflows.Workflows{}).CanaryWorkflow)
	m.env.RegisterWorkflowWithOptions(o.attempt, workflow.RegisterOptions{Name: "RenewalWorkflow"})
	if o.last != nil {
		m.env.SetLastCompletionResult(*o.last)
	}
	in := workflows.CanaryInput{Every: 24 * time.Hour, AdmitRequest: activities.AdmitRequest{Name: activities.CanaryName, Names: []string{"canary.test"}, Managed: true, CA: "staging", Team: "team"}}
	m.env.ExecuteWorkflow("CanaryWorkflow", in)
	o.last = &workflows.CanaryOutput{}
	if err := m.env.GetWorkflowResult(o.last); err != nil {
		o.t.Fatal(err)
	}
	o.now = m.env.Now()
	return m
}

func proven(f string) workflows.RenewalOutput {
	return workflows.RenewalOutput{Kind: string(lifecycle.Proven), Version: cert.Version{Fingerprint: cert.Fingerprint(f)}}
}

func TestTheCanaryOrdersEveryTimeAndYieldsToOthers(t *testing.T) {
	o := &mine{t: t, now: start, ends: []workflows.RenewalOutput{proven("one"), proven("two")}}
	for range 2 {
		if m := o.run(24 * time.Hour); len(m.told) != 0 || !o.last.Succeeded.Equal(o.last.At) {
			t.Fatalf("told %q, %+v", m.told, o.last)
		}
	}
	if o.asked[0].Replaces != "" || o.asked[1].Replaces != "one" || o.last.Version.Fingerprint != "two" {
		t.Errorf("it replaced %q, then %q", o.asked[0].Replaces, o.asked[1].Replaces)
	}
	for _, in := range o.asked {
		if !in.Discard || !in.Hold || in.Name != activities.CanaryName || in.SafeBy.Sub(start) < 80*24*time.Hour {
			t.Errorf("it was asked for as %+v", in)
		}
	}
	if strings.Join(o.held, " ") != activities.CanaryName+" "+activities.CanaryName {
		t.Errorf("places are held by %q", o.held)
	}
}

func TestACanaryThatFailsThreeTimesIsToldAndNeverAPage(t *testing.T) {
	broken := workflows.RenewalOutput{Kind: string(lifecycle.ValidationFailed), Cause: "canary.test: connection refused"}
	o := &mine{t: t, now: start, ends: []workflows.RenewalOutput{proven("one"), broken, broken, proven("two"), broken}}
	o.run(0)
	if m := o.run(24 * time.Hour); len(m.told) != 0 || len(o.asked) != 4 || o.asked[2].Discard {
		t.Fatalf("it was tried %d times, told %q", len(o.asked), m.told)
	}
	m := o.run(24 * time.Hour)
	want(t, m.told, "01-03 00:40 team by slack: firing canary-failing ", "01-03 00:40 watch by slack: firing canary-failing ")
	if len(o.asked) != 7 || o.last.Alerts[0].Severity != alert.P3 || !strings.Contains(o.last.Alerts[0].Cause, "connection refused") || o.last.Version.Fingerprint != "two" {
		t.Errorf("after %d tries: %+v", len(o.asked), o.last)
	}
	if m := o.run(time.Hour); len(m.told)+len(m.edited) != 0 {
		t.Errorf("told again: %q", m.told)
	}
	o.ends = []workflows.RenewalOutput{proven("three")}
	if m := o.run(24 * time.Hour); len(m.told) != 0 || len(m.edited) != 2 || m.edited[0].Notice.Phase != alert.Resolved || len(o.last.Alerts) != 0 {
		t.Errorf("told %q, brought up to date %+v", m.told, m.edited)
	}
}

func TestWhatAHumanMustMendIsTriedOnce(t *testing.T) {
	o := &mine{t: t, now: start, ends: []workflows.RenewalOutput{{Kind: string(lifecycle.ConfigurationRefused), Cause: "nginx -t failed"}}}
	if m := o.run(0); len(m.told) != 2 || len(o.asked) != 1 {
		t.Errorf("tried %d times, told %q", len(o.asked), m.told)
	}
}

func TestACanaryForWhichTheCAHasNoRoomIsToldAfterThreeIntervals(t *testing.T) {
	o := &mine{t: t, now: start, ends: []workflows.RenewalOutput{proven("one"), {Kind: string(lifecycle.Waiting), RetryAt: start.AddDate(0, 1, 0)}}}
	o.run(0)
	for range 3 {
		if m := o.run(23 * time.Hour); len(m.told) != 0 {
			t.Fatalf("told %q", m.told)
		}
	}
	if m := o.run(23 * time.Hour); len(m.told) != 2 {
		t.Errorf("told %q", m.told)
	}
}
