package e2e

import (
	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"go.temporal.io/sdk/client"

	"net"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

func initial(t *testing.T, name string, left time.Duration) targettest.NginxServer {
	t.Helper()
	now := time.Now()
	pair, err := targettest.NewPair([]string{name}, now.Add(-time.Hour), now.Add(left))
	if err != nil {
		t.Fatal(err)
	}
	return targettest.NginxServer{Name: name, Initial: pair}
}

func portOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return port
}

func TestSmokeRenewal(t *testing.T) {
	w := enter(t, harness.Options{Nginx: targettest.NginxOptions{Servers: []targettest.NginxServer{initial(t, "www.shop.test", 30*time.Minute)}}})
	before := w.served(0)
	e, err := cert.ParseEndpoint(w.Nginx.Addresses[0] + "#www.shop.test")
	if err != nil {
		t.Fatal(err)
	}
	in := workflows.EnrollmentInput{By: "tester"}
	in.AdmitRequest = activities.AdmitRequest{Name: "shop", Names: []string{"www.shop.test"}, Managed: true, CA: "pebble", Targets: []string{"www.shop.test"}, Endpoints: []cert.Endpoint{e}, Owner: "minji", Team: "platform"}
	run, err := w.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "enrollment/shop", TaskQueue: w.Queue}, "EnrollmentWorkflow", in)
	if err == nil {
		err = run.Get(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := w.until("shop", "a renewal", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before
	})
	if w.served(0) != s.State.Live.Fingerprint {
		t.Errorf("nginx serves %s", w.served(0))
	}
	t.Log(s.Details)
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates issued, want 1", n)
	}
}
