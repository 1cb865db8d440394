package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// patrolled is what neverlapse watchman tells.
type patrolled struct {
	Round     time.Time
	Guarded   int
	Unguarded []struct{ Name, How, Why string }
}

// patrol makes a round and tells what it found.
func (w *world) patrol() (p patrolled) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	out, _ := w.CLI(ctx, "watchman", "run", "-o", "json")
	if err := json.NewDecoder(strings.NewReader(out[max(0, strings.Index(out, "{")):])).Decode(&p); err != nil {
		w.t.Fatalf("watchman: %v\n%s", err, out)
	}
	return p
}

// calm waits until the latest round found everything guarded.
func (w *world) calm() {
	w.t.Helper()
	w.eventually("a round that finds all guarded", func() bool {
		_, code := w.CLI(w.t.Context(), "watchman")
		return code == 0
	})
}

// opened lists what was posted to the team's channel of a reason, but for what
// was said of it later in its thread.
func (w *world) opened(reason alert.Reason) []notifytest.SlackMessage {
	return slices.DeleteFunc(w.pages(harness.TeamSlack, reason), func(m notifytest.SlackMessage) bool { return m.Thread != "" })
}

// told waits until the team was told of a reason, and holds that it was told once.
func (w *world) told(reason alert.Reason) notifytest.SlackMessage {
	w.t.Helper()
	w.eventually("the team to be told", func() bool { return len(w.opened(reason)) > 0 })
	all := w.opened(reason)
	if len(all) != 1 {
		w.t.Fatalf("the team was told %d times, want once: %+v", len(all), all)
	}
	return all[0]
}

func (w *world) holds(m notifytest.SlackMessage, wanted ...string) {
	w.t.Helper()
	text, _ := json.Marshal(m)
	for _, want := range wanted {
		if !strings.Contains(string(text), want) {
			w.t.Errorf("the message lacks %q: %s", want, text)
		}
	}
}

func TestACertificateWhoseWorkflowWasEndedFromOutsideIsToldOnceAndBroughtBackWhereItWas(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Sections: "watchman: {every: 1s}", Nginx: sites(site(t, "www.shop.test", 60*24*time.Hour), site(t, "old.shop.test", 60*24*time.Hour))})
	w.watch("shop", 0)
	w.watch("old", 1)
	seen := func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && s.Unread == 0 }
	before := w.until("shop", "the first look", seen)
	w.until("old", "the first look", seen)
	w.cli(0, "retire", "old", "--force")
	if p := w.patrol(); p.Guarded != 1 || len(p.Unguarded) != 0 {
		t.Fatalf("a round found %+v", p)
	}
	w.calm()
	w.cli(4, "restore", "shop")
	w.cli(4, "restore", "old")
	w.cli(3, "restore", "never-was")

	if err := w.client.TerminateWorkflow(t.Context(), workflows.WorkflowID("shop"), "", "tidied up by mistake"); err != nil {
		t.Fatal(err)
	}
	m := w.told(alert.Unguarded)
	w.holds(m, "shop", "tidied up by mistake", "neverlapse restore shop")
	w.eventually("the round to have ended", func() bool {
		out, code := w.CLI(t.Context(), "watchman")
		return code == 1 && strings.Contains(out, "tidied up by mistake") && !strings.Contains(out, "old")
	})
	if out := w.cli(0, "list"); !strings.Contains(out, "1 certificate is enrolled and guarded by nobody") {
		t.Errorf("list says:\n%s", out)
	}
	for range 3 {
		w.patrol()
	}
	w.told(alert.Unguarded)

	w.cli(0, "restore", "shop", "--note", "it is needed")
	after := w.until("shop", "it to go on", func(s workflows.Status) bool { return s.Unread == 0 })
	if after.State.Live.Fingerprint != before.State.Live.Fingerprint || !after.State.EnrolledAt.Equal(before.State.EnrolledAt) {
		t.Errorf("it came back as %+v, was %+v", after.State, before.State)
	}
	w.eventually("the message to say that it is guarded again", func() bool {
		text, _ := json.Marshal(w.opened(alert.Unguarded)[0])
		return strings.Contains(string(text), "Guarded again")
	})
	w.calm()
	w.eventually("the journal to tell it", func() bool { return len(w.journal("shop", "restored")) == 1 })
	if e := w.journal("shop", "restored")[0]; e.By != "tester" || e.Note != "it is needed" {
		t.Errorf("the journal says %+v", e)
	}
	w.cli(0, "check", "shop")
	w.cli(0, "retire", "shop", "--force")
}

func TestACertificateThatTheEngineLostIsToldAndGoesOnAsTheStoreKeptIt(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Sections: "watchman: {every: 1s}", Nginx: sites(site(t, "www.shop.test", 60*24*time.Hour), site(t, "old.shop.test", 60*24*time.Hour))})
	seen := func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && s.Unread == 0 }
	w.watch("shop", 0)
	w.watch("old", 1)
	before := w.until("shop", "the first look", seen)
	w.until("old", "the first look", seen)
	lose := func(name string) {
		_, err := w.client.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{Namespace: w.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflows.WorkflowID(name)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.cli(0, "retire", "old", "--force")
	w.eventually("old to be retired", func() bool { return len(w.journal("old", "retired")) == 1 })
	lose("old")
	lose("shop")
	w.holds(w.told(alert.Unguarded), "shop", "neverlapse restore shop")
	w.eventually("it to be gone", func() bool { p := w.patrol(); return len(p.Unguarded) == 1 && p.Unguarded[0].How == "gone" })
	w.eventually("the engine to have nothing of old", func() bool {
		_, err := w.client.DescribeWorkflowExecution(t.Context(), workflows.WorkflowID("old"), "")
		return err != nil
	})
	says(t, w.cli(4, "restore", "old"), "was retired", "enroll it again")

	says(t, w.cli(0, "restore", "shop", "--note", "it is needed"), "shop is guarded again as the store kept it at")
	after := w.until("shop", "it to be looked at", func(s workflows.Status) bool { return !s.State.Sight.At.IsZero() && s.Unread == 0 })
	if after.State.Live.Fingerprint != before.State.Live.Fingerprint || !after.State.EnrolledAt.Equal(before.State.EnrolledAt) || after.State.Spec.Owner != "minji" || after.State.Stale {
		t.Errorf("it came back as %+v, was %+v", after.State, before.State)
	}
	w.eventually("the journal to tell it", func() bool { return len(w.journal("shop", "restored")) == 1 })
	if e := w.journal("shop", "restored")[0]; e.By != "tester" || e.Note != "it is needed" {
		t.Errorf("the journal says %+v", e)
	}
	says(t, w.cli(4, "restore", "shop"), "is guarded")
	w.calm()
	w.told(alert.Unguarded)
}

func TestACertificateWhoseWorkflowCannotGoOnIsTold(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Sections: "watchman: {every: 1s}", NoNginx: true})
	stuck := worker.New(w.client, "broken-release", worker.Options{})
	stuck.RegisterWorkflowWithOptions(func(workflow.Context) error { panic("a release that cannot read this history") }, workflow.RegisterOptions{Name: "CertificateWorkflow"})
	if err := stuck.Start(); err != nil {
		t.Fatal(err)
	}
	defer stuck.Stop()
	if _, err := w.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.WorkflowID("shop"), TaskQueue: "broken-release"}, "CertificateWorkflow"); err != nil {
		t.Fatal(err)
	}
	w.holds(w.told(alert.Unguarded), "shop", "a release that cannot read this history")
}
