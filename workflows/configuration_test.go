package workflows_test

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/workflows"
)

const broken = "teams[0].members[0]: \"gone\" is nobody in people\ncatch_all: \"\" is no team"

// refusing plays what follows when a worker refuses its configuration.
func refusing(t *testing.T) *clerk {
	c := keepAccount(t)
	c.env.RegisterWorkflow((&workflows.Workflows{}).ConfigurationWorkflow)
	c.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.ConfigurationID("abc123")})
	return c
}

func (c *clerk) refuse() {
	c.t.Helper()
	c.env.ExecuteWorkflow("ConfigurationWorkflow", workflows.ConfigurationInput{Unfit: workflows.Unfit{Worker: "web7", File: "/etc/neverlapse/neverlapse.yaml", Errors: broken}})
	if err := c.env.GetWorkflowError(); err != nil || !c.env.IsWorkflowCompleted() {
		c.t.Fatal(err)
	}
}

func TestARefusedConfigurationIsToldOnceAndTakenBackWhenItIsMended(t *testing.T) {
	c := refusing(t)
	for i := range 24 {
		c.env.RegisterDelayedCallback(func() { c.env.SignalWorkflow(workflows.SignalUnfit, workflows.Unfit{Worker: "web8"}) }, time.Duration(i)*workflows.RefusedAgain)
	}
	c.env.RegisterDelayedCallback(func() { c.env.SignalWorkflow(workflows.SignalMended, workflows.Mended{Worker: "web7"}) }, 24*time.Hour)
	c.refuse()
	if len(c.told) != 1 || len(c.taken) != 1 {
		t.Fatalf("told %d times, taken back %d times", len(c.told), len(c.taken))
	}
	n := c.told[0].Notice
	text := alert.Render(n, "en", "UTC")
	if n.Reason != alert.ConfigurationRefused || !strings.Contains(text.Headline, "web7") || len(text.Cause.Items) != 2 || !strings.Contains(strings.Join(text.Commands.Items, "\n"), "--check --config /etc/neverlapse") {
		t.Errorf("%+v", text)
	}
	if got := c.taken[0].Notice; got.Phase != alert.Resolved || !strings.Contains(got.Evidence, "web7") {
		t.Errorf("taken back as %+v", got)
	}
	if lasted := c.env.Now().Sub(start); lasted < 24*time.Hour || lasted > 25*time.Hour {
		t.Errorf("it lasted %s", lasted)
	}
}

func TestARefusedConfigurationOfWhichNobodySpeaksAnyMoreIsOver(t *testing.T) {
	c := refusing(t)
	c.refuse()
	if len(c.taken) != 1 || !strings.Contains(c.taken[0].Notice.Evidence, "no worker has spoken of it") {
		t.Errorf("taken back: %+v", c.taken)
	}
}
