package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestATargetThatAnswersAgainIsTriedAtOnceAndOnlyOnce(t *testing.T) {
	now := epoch.Add(10 * day)
	live, old := versionNo(2, epoch, 90*day), versionNo(1, epoch.Add(-60*day), 90*day)
	later := now.Add(day)
	s := State{Spec: Spec{Name: "shop", Managed: true, Targets: []string{"web"}, Policy: Default()}, Live: live, LiveAt: epoch}
	s.Installed = []Installed{{Target: "web", Behind: "away", Since: epoch, RetryAt: later}}
	look := func(at time.Time, o cert.Observation) time.Time {
		o.Target = "web"
		s.Observed(at, []cert.Observation{o})
		return s.Place("web").RetryAt
	}
	if got := look(now, cert.Observation{Err: "no worker took it"}); !got.Equal(later) {
		t.Errorf("while it is away it is tried at %s", got)
	}
	now = now.Add(time.Hour)
	if got := look(now, cert.Observation{Version: old}); !got.Equal(now) {
		t.Errorf("it answers again and is tried at %s", got)
	}
	if due := Next(now, s); due.Step.Kind != StepRun || due.Reason != BehindRetryDue {
		t.Errorf("the next step is %s: %s", due.Step.Kind, due.Reason)
	}
	s.Place("web").RetryAt = later // it was tried, in vain
	if got := look(now.Add(time.Hour), cert.Observation{Version: old}); !got.Equal(later) {
		t.Errorf("it goes on answering and is tried again at %s", got)
	}
}
