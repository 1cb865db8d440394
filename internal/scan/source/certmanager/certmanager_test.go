package certmanager_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/certmanager"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func ready(revision int) object {
	now := time.Now()
	return object{"revision": revision, "renewalTime": now.Add(30 * 24 * time.Hour).UTC().Format(time.RFC3339),
		"conditions": []any{cond("Ready", "True", "Ready", "Certificate is up to date and has not expired", now.Add(-48*time.Hour))}}
}

func TestCertManagerKeepsTheContract(t *testing.T) {
	w := newWorld(t)
	want := map[string]cert.Fingerprint{}
	pair := targettest.Fresh(t, "shop.test")
	for i := range 105 { // more than a page
		name := fmt.Sprintf("web-%03d", i)
		uid := w.certificate(t, name, ready(1))
		if i%40 == 0 {
			w.request(t, name, uid, 1, issued(pair))
			want[w.place(name)] = targettest.FingerprintOf(pair)
			continue
		}
		want[w.place(name)] = "" // its CertificateRequest is gone
	}
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source { return w.open(t, "admin") },
		Want: want, Pages: 2,
	})
}

func codes(s source.Sighting) (out []cert.FindingCode) {
	for _, f := range s.Findings {
		if f.Code == cert.RenewalStuck || f.Code == cert.RenewalLate {
			out = append(out, f.Code)
		}
	}
	return out
}

func TestWhatIsStuckOrLateIsFoundAndWhatIsAtItIsNot(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	with := func(base, more object) object {
		for k, v := range more {
			base[k] = v
		}
		return base
	}
	ago := func(d time.Duration) string { return now.Add(-d).UTC().Format(time.RFC3339) }
	for name, c := range map[string]struct {
		status object
		code   cert.FindingCode
		says   string
	}{
		"well":      {ready(1), "", ""},
		"at-it":     {object{"conditions": []any{cond("Issuing", "True", "Renewing", "Renewing certificate", now.Add(-time.Minute))}, "renewalTime": ago(2 * time.Hour)}, "", ""},
		"too-long":  {object{"conditions": []any{cond("Issuing", "True", "Renewing", "Renewing certificate", now.Add(-2*time.Hour))}}, cert.RenewalStuck, "has been issuing it since " + ago(2*time.Hour) + " (Renewing: Renewing certificate)"},
		"failed":    {with(ready(1), object{"failedIssuanceAttempts": 3, "lastFailureTime": ago(time.Minute)}), cert.RenewalStuck, "failed to issue it 3 times, last at " + ago(time.Minute)},
		"not-ready": {object{"conditions": []any{cond("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist", now.Add(-2*time.Hour))}}, cert.RenewalStuck, "not been ready since"},
		"just-now":  {object{"conditions": []any{cond("Ready", "False", "DoesNotExist", "…", now.Add(-time.Minute))}}, "", ""},
		"late":      {with(ready(1), object{"renewalTime": ago(2 * time.Hour)}), cert.RenewalLate, "meant to renew it at " + ago(2*time.Hour)},
		"new":       {nil, "", ""},
	} {
		w.certificate(t, name, c.status)
		s := look(t, w.open(t, "admin"))[w.place(name)]
		switch got := codes(s); {
		case c.code == "" && len(got) > 0:
			t.Errorf("%s: %v: %s", name, got, s.Findings[0].What)
		case c.code != "" && (len(got) != 1 || got[0] != c.code || !strings.Contains(s.Findings[0].What, c.says)):
			t.Errorf("%s: %+v; want %s with %q", name, s, c.code, c.says)
		}
	}
}

func TestAStuckCertificateQuotesWhatItWaitsFor(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	pair := targettest.Fresh(t, "web.test")
	status := ready(1)
	status["conditions"] = append(status["conditions"].([]any), cond("Issuing", "True", "Renewing", "Renewing certificate as renewal was scheduled", now.Add(-2*time.Hour)))
	uid := w.certificate(t, "web", status, object{"annotations": object{"team": "shop"}})
	w.request(t, "web", uid, 1, issued(pair))
	r := w.request(t, "web", uid, 2, object{"conditions": []any{cond("Ready", "False", "Pending", "Waiting on certificate issuance from order web-2-1: pending", now)}})
	o := w.make(t, acme, "orders", object{"name": "web-2-1", "ownerReferences": owner("CertificateRequest", "web-2", r)},
		object{"request": []byte("a CSR"), "issuerRef": object{"name": "letsencrypt"}, "dnsNames": []string{"web.test"}}, object{"state": "pending"})
	w.make(t, acme, "challenges", object{"name": "web-2-1-9", "ownerReferences": owner("Order", "web-2-1", o)},
		object{"type": "HTTP-01", "dnsName": "web.test", "authorizationURL": "https://ca.test/1", "url": "https://ca.test/2", "token": "t", "key": "k", "issuerRef": object{"name": "letsencrypt"}, "solver": object{"http01": object{"ingress": object{}}}},
		object{"state": "pending", "reason": "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'\x1b[31m", "processing": true, "presented": true})
	for kind, name := range map[string]string{"Challenge": "web-2-1-9", "Order": "somebody-elses"} {
		w.Do(t, http.MethodPost, "/api/v1/namespaces/"+w.namespace+"/events", object{
			"metadata": object{"name": "e-" + name}, "type": "Warning", "reason": "PresentError", "message": "Error presenting challenge of " + name,
			"involvedObject": object{"kind": kind, "name": name, "namespace": w.namespace}, "lastTimestamp": now.UTC().Format(time.RFC3339),
		})
	}
	s := look(t, w.open(t, "admin"))[w.place("web")]
	if s.Version.Fingerprint != targettest.FingerprintOf(pair) || s.RenewedBy != "cert-manager" || s.Team != "shop" || len(codes(s)) != 1 {
		t.Fatalf("%+v", s)
	}
	what := s.Findings[0].What
	for _, quoted := range []string{
		"CertificateRequest web-2 (Pending: Waiting on certificate issuance", "Order web-2-1 (pending)",
		"Challenge web-2-1-9, HTTP-01 for web.test (pending: Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'?[31m)",
		"event of Challenge web-2-1-9: PresentError: Error presenting challenge",
	} {
		if !strings.Contains(what, quoted) {
			t.Errorf("%q is not in %s", quoted, what)
		}
	}
	if strings.Contains(what, "somebody-elses") {
		t.Error("another Certificate's event is quoted")
	}
}

func TestRenewingIsWhatItsOwnToolDoes(t *testing.T) {
	w := newWorld(t)
	w.certificate(t, "web", ready(1))
	s := w.open(t, "admin")
	must(t, s.Renew(t.Context(), w.place("web"), "kim"))
	var now struct {
		Metadata struct{ Generation int }
		Spec     object
		Status   struct {
			Revision   int
			Conditions []struct {
				Type, Status, Reason, Message string
				ObservedGeneration            int
			}
		}
	}
	must(t, json.Unmarshal(w.Do(t, http.MethodGet, certManager+w.namespace+"/certificates/web", nil), &now))
	i := slices.IndexFunc(now.Status.Conditions, func(c struct {
		Type, Status, Reason, Message string
		ObservedGeneration            int
	}) bool {
		return c.Type == "Issuing"
	})
	if i < 0 || len(now.Status.Conditions) != 2 || now.Status.Revision != 1 || now.Spec["secretName"] != "web-tls" {
		t.Fatalf("%+v", now)
	}
	if c := now.Status.Conditions[i]; c.Status != "True" || c.Reason != "ManuallyTriggered" || c.ObservedGeneration != now.Metadata.Generation || !strings.Contains(c.Message, "by kim") {
		t.Errorf("%+v", c)
	}
	must(t, s.Renew(t.Context(), w.place("web"), "kim")) // the same once more, as after an answer that was lost
	if err := s.Renew(t.Context(), w.place("web"), "lee"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "has been issuing it since") {
		t.Errorf("again: %v", err)
	}
	for _, place := range []string{"secret:prod/a/b", "cert-manager:other/a/b", "cert-manager:prod/a", "cert-manager:prod/../x/y"} {
		if err := s.Renew(t.Context(), place, "kim"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

func TestTheDocumentedRoleIsEnough(t *testing.T) {
	w := newWorld(t)
	uid := w.certificate(t, "web", object{"failedIssuanceAttempts": 1, "lastFailureTime": time.Now().UTC().Format(time.RFC3339), "conditions": []any{}})
	w.request(t, "web", uid, 1, nil)
	in := func(o *certmanager.Options) { o.Namespaces = []string{w.namespace} }
	if _, err := w.open(t, "stranger", in).Look(t.Context(), nil, func(string) {}); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "docs/cert-manager.md") {
		t.Errorf("a stranger: %v", err)
	}
	page, err := os.ReadFile("../../../../docs/cert-manager.md")
	must(t, err)
	_, after, _ := strings.Cut(string(page), "<!-- role:begin -->\n```yaml\n")
	text, _, found := strings.Cut(after, "```\n<!-- role:end -->")
	if !found {
		t.Fatal("docs/cert-manager.md has no ClusterRole")
	}
	var role struct{ Rules []map[string]any }
	must(t, yaml.Unmarshal([]byte(text), &role))
	w.Allow(t, w.namespace, "writer", role.Rules...)
	s := w.open(t, "writer", in)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // a Role counts after a moment
		if err = s.Renew(t.Context(), w.place("web"), "kim"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if x := look(t, s)[w.place("web")]; len(codes(x)) != 1 || !strings.Contains(x.Trouble, "nobody has taken it up") {
		t.Errorf("%+v", x)
	}
}
