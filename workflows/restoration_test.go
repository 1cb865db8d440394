package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestEveryWriteOfTheJournalLeavesASnapshotOfWhatPeopleDecided(t *testing.T) {
	s := tell(t, "slack", "email")
	s.served = version("a.test", start.AddDate(0, 0, -80), 90*24*time.Hour)
	s.acknowledge(start.Add(time.Hour), "owner")
	var kept lifecycle.State
	var last cert.Snapshot
	s.at(start.Add(2*time.Hour), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		last = s.kept[len(s.kept)-1]
		if len(s.kept) > s.writes {
			t.Errorf("%d snapshots for %d writes of the journal", len(s.kept), s.writes)
		}
		if entry := s.journal[len(s.journal)-1]; entry.Sequence != last.Sequence {
			t.Errorf("the journal ends with %d, the snapshot knows %d", entry.Sequence, last.Sequence)
		}
	})
	s.run(lifecycle.Spec{}, start.Add(3*time.Hour))
	if err := json.Unmarshal(last.State, &kept); err != nil {
		t.Fatal(err)
	}
	if kept.Spec.Name != "a" || kept.Spec.Owner != "owner" || last.Owner != "owner" || last.Team != "team" || !last.NotAfter.Equal(s.served.NotAfter) || kept.Live.Fingerprint != s.served.Fingerprint {
		t.Errorf("%+v of %+v", last, kept.Spec)
	}
	if len(kept.Alerts) != 1 || kept.Alerts[0].Status != lifecycle.Acknowledged || len(kept.Alerts[0].Receipts) == 0 {
		t.Errorf("%+v", kept.Alerts)
	}
}

// vault is what the store has of a lost certificate.
type vault struct {
	kept    activities.Revived
	refusal error
	claimed error
}

func (v *vault) Revive(context.Context, string) (activities.Revived, error) { return v.kept, v.refusal }
func (v *vault) Claim(context.Context, activities.ClaimInput) error         { return v.claimed }

// restore runs a restoration, and gives what the certificate begins with.
func (v *vault) restore(t *testing.T) (workflows.Entity, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(days(1))
	var begun workflows.Entity
	env.RegisterWorkflow((&workflows.Workflows{}).RestorationWorkflow)
	env.RegisterWorkflowWithOptions(func(_ workflow.Context, e workflows.Entity) error {
		begun = e
		return nil
	}, workflow.RegisterOptions{Name: "CertificateWorkflow"})
	env.RegisterActivity(v)
	env.ExecuteWorkflow("RestorationWorkflow", workflows.RestorationInput{Name: "shop", Request: workflows.Request{By: "hana", Via: "cli", Note: "the disk died"}})
	return begun, env.GetWorkflowError()
}

func ofShop(s lifecycle.State) activities.Revived {
	s.Spec.Name, s.Spec.Names, s.Spec.Policy = "shop", []string{"shop.test"}, lifecycle.Default()
	n := workflows.SnapshotOf(start, s)
	n.Sequence = 7
	return activities.Revived{Snapshot: n, Sequence: 9}
}

func TestWhatWasLostGoesOnAsTheStoreKeptIt(t *testing.T) {
	live := version("shop.test", start, 90*24*time.Hour)
	v := &vault{kept: ofShop(lifecycle.State{Live: live, EnrolledAt: start, Paused: &lifecycle.Pause{Until: days(5)}, Renew: &lifecycle.Order{By: "minsu"}})}
	e, err := v.restore(t)
	if err != nil {
		t.Fatal(err)
	}
	if !e.Begun || e.Unclaimed || e.Sequence != 10 || len(e.Unread) != 1 || e.Unread[0].Sequence != 10 || e.Unread[0].Kind != "restored" || e.Unread[0].By != "hana" || e.Unread[0].Note != "the disk died" {
		t.Errorf("%+v", e)
	}
	s := e.State
	if s.Live.Fingerprint != live.Fingerprint || s.Paused == nil || s.Renew != nil || !s.Restored.Equal(days(1)) || !s.Sight.At.IsZero() {
		t.Errorf("%+v", s)
	}
	v.claimed = errors.New("the target is configured no more")
	if e, err := v.restore(t); err != nil || !e.Unclaimed {
		t.Errorf("with a target that is gone: %v, %+v", err, e)
	}
}

func TestARestorationIsRefusedWithAReason(t *testing.T) {
	conflict := temporal.NewNonRetryableApplicationError("the place is held by other", "conflict", nil, activities.Failure{Kind: activities.Conflict})
	for want, v := range map[string]*vault{
		"it was retired":               {refusal: temporal.NewNonRetryableApplicationError("it was retired", "conflict", nil, activities.Failure{Kind: activities.Conflict})},
		"the place is held by other":   {kept: ofShop(lifecycle.State{}), claimed: conflict},
		"not of a certificate of that": {kept: activities.Revived{Snapshot: cert.Snapshot{State: []byte(`{"spec":{"name":"other"}}`)}}},
	} {
		e, err := v.restore(t)
		if app, ok := errors.AsType[*temporal.ApplicationError](err); !ok || app.Type() != "Refused" || !strings.Contains(app.Message(), want) || e.Begun {
			t.Errorf("want %q: %v, %+v", want, err, e)
		}
	}
}
