package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

func TestACertificateThatIsStuckInCertManagerIsToldAndRenewedFromHere(t *testing.T) {
	t.Parallel()
	kubetest.Need(t)
	c := cluster(t)
	crds, err := filepath.Glob("../../internal/scan/source/certmanager/testdata/crds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.Define(t, crds...)
	c.Namespace(t, "shop")
	kubeconfig, err := c.Kubeconfig(t.TempDir(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	const all, web = "/apis/cert-manager.io/v1/namespaces/shop/certificates", "/apis/cert-manager.io/v1/namespaces/shop/certificates/web"
	c.Do(t, http.MethodPost, all, object{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": object{"name": "web"},
		"spec": object{"secretName": "web-tls", "dnsNames": []string{"web.shop.test"}, "issuerRef": object{"name": "letsencrypt"}}})
	now := time.Now().UTC().Format(time.RFC3339)
	condition := func(kind, status, reason string) object {
		return object{"type": kind, "status": status, "reason": reason, "message": "the order is errored", "lastTransitionTime": now}
	}
	status := func(s object) { c.Do(t, http.MethodPatch, web+"/status", object{"status": s}) }
	status(object{"failedIssuanceAttempts": 3, "lastFailureTime": now, "conditions": []any{condition("Issuing", "False", "Failed")}})

	w := enter(t, harness.Options{Policies: watchful, Sections: fmt.Sprintf(`sources:
  - {name: cm, kind: cert-manager, every: 7d, team: platform, options: {kubeconfig: %s, cluster: prod}}`, kubeconfig)})
	w.eventually("the source to have its schedule", func() bool { return w.source("cm").Source == "cm" })
	w.cli(0, "sources", "run", "cm", "--wait")
	w.eventually("the team to be told what cert-manager says", func() bool {
		return slices.ContainsFunc(w.slackTo(harness.TeamSlack), func(m notifytest.SlackMessage) bool {
			text := m.Reading()
			return strings.Contains(text, "cert-manager:prod/shop/web") && strings.Contains(text, "failed to issue it 3 times") && strings.Contains(text, "the order is errored")
		})
	})

	says(t, w.cli(0, "renew", "--at", "cert-manager:prod/shop/web"), "cert-manager:prod/shop/web")
	var got struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	if err := json.Unmarshal(c.Do(t, http.MethodGet, web, nil), &got); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(got.Status.Conditions, func(c struct{ Type, Status, Reason, Message string }) bool { return c.Type == "Issuing" }); i < 0 ||
		got.Status.Conditions[i].Status != "True" || got.Status.Conditions[i].Reason != "ManuallyTriggered" || !strings.Contains(got.Status.Conditions[i].Message, "by tester") {
		t.Fatalf("what cert-manager is asked: %+v", got)
	}

	status(object{"failedIssuanceAttempts": nil, "lastFailureTime": nil, "revision": 2, "conditions": []any{condition("Ready", "True", "Ready")}}) // as its controllers do then
	w.cli(0, "sources", "run", "cm", "--wait")
	w.eventually("the team to hear that it got on", func() bool {
		return slices.ContainsFunc(w.slackTo(harness.TeamSlack), func(m notifytest.SlackMessage) bool {
			return strings.Contains(m.Reading(), "No renewal that source cm sees is stuck or late any more")
		})
	})
}
