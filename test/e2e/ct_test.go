package e2e

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/scan/source/ct/cttest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// strays gives the first names of what is in triage.
func (w *world) strays() (out []string) {
	w.t.Helper()
	var got estate.TriageList
	if err := json.Unmarshal([]byte(w.cli(0, "triage", "-o", "json")), &got); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range got.Strays {
		out = append(out, s.Record.Version.Names[0])
	}
	return out
}

// logIssued logs what the CA has issued since n of its certificates, and gives how
// many there are.
func (w *world) logIssued(log *cttest.API, n int) int {
	w.t.Helper()
	all := w.CA.Certificates()
	for _, leaf := range all[n:] {
		log.Log(w.t, leaf.Raw)
	}
	return len(all)
}

func TestACertificateThatNobodyAskedForIsToldAndOursIsNot(t *testing.T) {
	t.Parallel()
	log := &cttest.API{Token: "k1_ABCDEFGH", PerPage: 2}
	api := httptest.NewServer(log)
	t.Cleanup(api.Close)
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, []byte(log.Token))

	good, evil := cttest.NewCA(t, "Good CA"), cttest.NewCA(t, "Evil CA")
	before, pair := good.Issue(t, 60, there)
	log.Log(t, before) // and never the certificate that is served
	watched := targettest.NginxServer{Name: there, Initial: pair}
	w := prepare(t, harness.Options{Policies: watchful, Nginx: sites(site(t, here, 60*24*time.Hour), watched), Sections: fmt.Sprintf(`sources:
  - {name: watch, kind: ct, every: 7d, team: platform, options: {domains: [shop.test], token_file: %s, address: %s/v1, expected_cas: [good ca, pebble]}}`, token, api.URL)})
	w.start()
	w.manage("shop", 0)
	w.renewNow("shop")
	w.renewNow("shop")
	w.watch("front", 1)
	w.until("front", "it to be seen", func(s workflows.Status) bool { return s.State.Live.Fingerprint == targettest.FingerprintOf(pair) })
	n := w.logIssued(log, 0)

	w.cli(0, "sources", "run", "watch", "--wait")
	if got := w.strays(); n < 2 || len(got) != 0 {
		t.Fatalf("%d were issued here, and in triage are %v", n, got)
	}
	says(t, w.cli(0, "where", "shop"), "ct:watch/shop.test/")
	log.Asked()
	w.cli(0, "sources", "run", "watch", "--wait")
	if asked := log.Asked(); len(asked) != 1 || !strings.Contains(asked[0], "after=") {
		t.Errorf("nothing was issued, and it cost %q", asked)
	}

	stolen, _ := evil.Issue(t, 90, "login.shop.test")
	id := log.Log(t, stolen)
	w.renewNow("shop")
	w.logIssued(log, n)
	says(t, w.cli(0, "sources", "run", "watch", "--wait"), "2 new")
	place := "ct:watch/shop.test/" + id
	says(t, w.cli(0, "triage"), "serial:", "login.shop.test", "Evil CA R1", place, "unwanted-ca")
	if got := w.strays(); len(got) != 1 {
		t.Errorf("in triage are %v", got)
	}
	w.eventually("the team to be told of it", func() bool {
		for _, m := range w.pages(harness.TeamSlack, alert.Unenrolled) {
			text := m.Reading()
			return strings.Contains(text, "login.shop.test (issued by Evil CA R1, valid from") && strings.Contains(text, place) && strings.Contains(text, "Certificate Transparency") && strings.Contains(text, "--endpoint HOST:PORT")
		}
		return false
	})
	for _, name := range []string{"shop", "front"} {
		if s := w.until(name, "an answer", func(workflows.Status) bool { return true }); open(s, string(alert.Drifted)) != nil {
			t.Errorf("%s is said to have drifted: %+v", name, s.State.Alerts)
		}
	}
	says(t, w.cli(2, "triage", "adopt", place, "--watch", "--owner", "minji"), "at no endpoint that could be watched")
	says(t, w.cli(0, "triage", "ignore", place, "--reason", "the CA revokes it", "--until", "2d"), "is ignored until")
	if got := w.strays(); len(got) != 0 {
		t.Errorf("in triage are %v", got)
	}
}
