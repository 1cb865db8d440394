package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/people"
)

// hall shows what waits for people of the directory of deciders.
func hall(t *testing.T, w *world, e *estates) string {
	t.Helper()
	return serve(t, w, func(c *Config) {
		c.Directory, c.Handovers = func() people.Directory { return deciders }, e
	})
}

func TestWhatWaitsForPeopleIsInOnePlaceWithTheButtonsOfWhoReads(t *testing.T) {
	w, e := asks(populated(), 1), leave("minji", "jun", "hana")
	base := hall(t, w, e)
	_, text := visit(t, base).get("/waiting")
	contains(t, text, "that c0ffee00c0ff, issued and valid until", "the policy approves it by itself", "minji does not look after", "without an answer they go to jun", "Say first who you are", `href="/waiting"`, `href="/c/api"`)
	if strings.Contains(text, `action="/waiting/`) {
		t.Error("whoever has no name has buttons")
	}
	jun, hana := visit(t, base).as("jun"), visit(t, base).as("hana")
	_, text = hana.get("/waiting")
	contains(t, text, "somebody else has to approve it", `action="/waiting/deny/api"`, `action="/waiting/accept/minji"`)
	if strings.Contains(text, `action="/waiting/approve/api"`) || strings.Contains(text, `action="/waiting/decline/minji"`) {
		t.Error("hana has buttons of others")
	}
	_, text = jun.get("/waiting")
	early := jun.form(text, "/waiting/approve/api")
	for _, verb := range []string{"approve", "deny"} {
		contains(t, text, `action="/waiting/`+verb+`/api"`)
	}
	deny := jun.form(text, "/waiting/deny/api")
	if status, text := jun.post("/waiting/deny/api", deny); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Why is it denied?") {
		t.Errorf("without a reason: %d", status)
	}
	accept := jun.form(text, "/waiting/accept/minji")
	if status, text := jun.post("/waiting/accept/minji", accept); status != http.StatusOK || e.all["minji"].To != "jun" || !strings.Contains(text, "you accepted what they leave behind") {
		t.Errorf("accept: %d", status)
	}
	_, text = hana.get("/waiting")
	contains(t, text, "jun gets what minji leaves behind")
	late := url.Values{"form": hana.form(text, "/waiting/deny/api")["form"], "seen": {"17"}}
	if status, text := hana.post("/waiting/accept/minji", late); status != http.StatusConflict || !strings.Contains(text, "jun gets what minji leaves behind already") {
		t.Errorf("the second: %d\n%s", status, text)
	}
	if status, text := jun.post("/waiting/approve/api", early); status != http.StatusOK || w.states["api"].Approval.Granted.IsZero() || !strings.Contains(text, "Noted: it is approved by you") {
		t.Errorf("approve: %d\n%s", status, text)
	}
	if status, text := jun.get("/waiting"); status != http.StatusOK || !strings.Contains(text, "Nothing waits for approval.") {
		t.Errorf("afterwards: %d", status)
	}
	if status, text := jun.post("/waiting/deny/api", url.Values{"form": early["form"], "note": {"too late"}}); status != http.StatusConflict || !strings.Contains(text, "it was decided: jun approved it") {
		t.Errorf("too late: %d\n%s", status, text)
	}
}

func TestWordsOnWhatWaitsNeedTheFormOfThisSession(t *testing.T) {
	w := asks(populated(), 1)
	base := hall(t, w, leave("minji", "jun"))
	v := visit(t, base).as("jun")
	_, text := v.get("/waiting")
	form := v.form(text, "/waiting/approve/api")
	forged := url.Values{"form": {"another"}, "seen": form["seen"]}
	if status, _ := v.post("/waiting/approve/api", forged); status != http.StatusForbidden {
		t.Errorf("another session's form: %d", status)
	}
	if resp, _ := v.do(http.MethodPost, "/waiting/approve/api", form, map[string]string{"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site: %d", resp.StatusCode)
	}
	if status, _ := v.post("/waiting/acknowledge/api", form); status != http.StatusNotFound {
		t.Errorf("another verb: %d", status)
	}
	if !w.states["api"].Approval.Granted.IsZero() {
		t.Error("it was approved")
	}
	_, text = visit(t, base).do(http.MethodGet, "/waiting", nil, map[string]string{"Accept-Language": "ko"})
	contains(t, text, "응답 대기", "승인할 내용", "인수인계")
}
