package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// nobodyTook is what an activity ends with that waited in vain on a queue.
func nobodyTook() error { return temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil) }

func tooOld() error {
	return temporal.NewApplicationErrorWithOptions("unable to find activityType", activities.ReleaseTooOld, temporal.ApplicationErrorOptions{NonRetryable: true})
}

func TestWhatIsWrongOnAHostLeavesItsTargetBehindAndNoOther(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails map[string]error
		want  lifecycle.OutcomeKind
		cause string
	}{
		{name: "all goes well", want: lifecycle.Proven},
		{name: "nobody is there", fails: map[string]error{"Prepare web2 at web7": nobodyTook()}, want: lifecycle.Behind,
			cause: "web2: no worker took it from queue web7 within 2 minutes; is neverlapse-worker running there?"},
		{name: "it goes away before installing", fails: map[string]error{"Install web2 at web7": nobodyTook()}, want: lifecycle.Behind, cause: "queue web7"},
		{name: "it goes away before anybody looked", fails: map[string]error{"Verify web2 at web7": nobodyTook()}, want: lifecycle.Behind, cause: "installed, but nobody could look at it"},
		{name: "it is of an older release", fails: map[string]error{"Prepare web2 at web7": tooOld()}, want: lifecycle.Behind, cause: "the worker on host web7 is older"},
		{name: "its part of the store is not there", fails: map[string]error{"Prepare web2 at web7": failing(activities.Configuration, ofOurStore)}, want: lifecycle.Behind, cause: "web2: on host web7: it said no"},
		{name: "the server there refuses", fails: map[string]error{"Install web2 at web7": failing(activities.Configuration)}, want: lifecycle.ConfigurationRefused, cause: "web2: it said no"},
		{name: "it goes away before rolling back", fails: map[string]error{"Install web2 at web7": failing("other"), "RollBack web2 at web7": nobodyTook()}, want: lifecycle.Unproven,
			cause: "rolling back failed: no worker took it from queue web7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{fails: c.fails, hosts: map[string]activities.Prepared{"web2": {Host: "web7", Wait: 2 * time.Minute}}}
			out := s.run(t, two())
			if out.Kind != string(c.want) || !strings.Contains(out.Cause, c.cause) {
				t.Errorf("%s: %q", out.Kind, out.Cause)
			}
			if out.Targets[0].Fingerprint != fresh.Fingerprint || out.Targets[0].Host != "" {
				t.Errorf("the other target: %+v", out.Targets[0])
			}
			if out.Targets[1].Host != "web7" {
				t.Errorf("where it lives is not told: %+v", out.Targets[1])
			}
			if got := s.called("Install web2"); len(got) > 0 && got[0] != "Install web2 at web7" {
				t.Errorf("installed elsewhere: %v", got)
			}
		})
	}
}

func TestWhereThereIsNoEndpointEachTargetIsReadBackWhereItLives(t *testing.T) {
	s := &script{hosts: map[string]activities.Prepared{"web2": {Host: "web7", Wait: time.Second}}}
	in := two()
	in.Endpoints = nil
	out := s.run(t, in)
	if out.Kind != string(lifecycle.Proven) {
		t.Errorf("%s: %q", out.Kind, out.Cause)
	}
	if got := s.called("Verify"); !slices.Equal(got, []string{"Verify web1", "Verify web2 at web7"}) {
		t.Errorf("read back by %v", got)
	}
	if o := out.Observations[1]; o.Host != "web7" || o.Where() != "target web2 on host web7" {
		t.Errorf("seen: %+v", out.Observations)
	}
}
