package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// entities are started in place of certificates: what they tell the index is
// theirs to say, and one of them panics at each of its tasks.
func (w *world) entities(all map[string]lifecycle.Attributes) {
	w.t.Helper()
	const queue = "stand-ins"
	other := worker.New(w.client, queue, worker.Options{})
	other.RegisterWorkflowWithOptions(func(ctx workflow.Context, name string) error {
		a, good := all[name]
		if !good {
			panic("a release that cannot go on with this certificate")
		}
		if err := workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributes(a)...); err != nil {
			return err
		}
		return workflow.Sleep(ctx, time.Hour)
	}, workflow.RegisterOptions{Name: "CertificateWorkflow"})
	if err := other.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(other.Stop)
	names := []string{"stuck"}
	for name := range all {
		names = append(names, name)
	}
	for _, name := range names {
		if _, err := w.client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: workflows.WorkflowID(name), TaskQueue: queue}, "CertificateWorkflow", name); err != nil {
			w.t.Fatal(err)
		}
	}
}

// finds waits until doctor says a symptom: the index follows after a while.
func (w *world) finds(level doctor.Level, only string, s symptom) {
	w.t.Helper()
	var last []doctor.Finding
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the last findings:\n%s", told(last))
		}
	}()
	w.eventually(fmt.Sprintf("doctor to find %+v", s), func() bool {
		last = w.doctor("--only", only)
		for _, f := range last {
			if f.Code == s.code && f.Level == level && strings.Contains(f.About, s.about) && strings.Contains(f.Found, s.found) && strings.Contains(f.Remedy, s.remedy) {
				return true
			}
		}
		return false
	})
}

func TestDoctorNamesCertificatesThatAreLateStuckSpentOrExpired(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{NoNginx: true, Policies: watchful})
	now := time.Now()
	w.entities(map[string]lifecycle.Attributes{
		"late":  {State: lifecycle.StateHealthy, NextStepAt: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)},
		"spent": {State: lifecycle.StateSpent, NotAfter: now.Add(-time.Hour)},
	})
	w.finds(doctor.Fail, "certificates", symptom{doctor.Overdue, "", "1 certificates are late with their next step: late", "neverlapse explain late"})
	w.finds(doctor.Warn, "certificates", symptom{doctor.InTrouble, "", "1 certificates have spent their attempts, so that nothing more is tried: spent", "neverlapse list --state spent"})
	w.finds(doctor.Warn, "certificates", symptom{doctor.InTrouble, "", "1 certificates have expired: spent", "neverlapse explain spent"})
	w.finds(doctor.Fail, "certificates", symptom{doctor.Entities, "", "fail again and again, so they do nothing: stuck", "workflow describe"})
}
