package page

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/test/harness/browser"
	"github.com/neverlapse/neverlapse/workflows"
)

// wild is what sources found; it decides as the estate does.
type wild struct {
	mu       sync.Mutex
	now      time.Time
	records  []estate.Record
	triage   estate.Triage
	enrolled []workflows.EnrollmentInput
	refuses  string // why nothing is enrolled
}

// finds is a wild with something of everything.
func finds(now time.Time) *wild {
	w := &wild{now: now}
	add := func(key, name string, left time.Duration, places ...estate.Place) {
		r := estate.Record{Key: estate.Key(strings.Repeat(key, 64)), Version: cert.Version{Fingerprint: cert.Fingerprint(strings.Repeat(key, 64)), Issuer: "CN=Old <b>CA", NotBefore: now.Add(-oneDay), NotAfter: now.Add(left)}}
		if name != "" {
			r.Version.Names = []string{name, "www." + name}
		}
		for _, p := range places {
			p.First = now.Add(-3 * oneDay)
			r.Places = append(r.Places, estate.Sighting{Source: "web", Place: p, Seen: now})
		}
		w.records = append(w.records, r)
	}
	add("a", "lone.test", 10*oneDay+time.Hour, estate.Place{Name: "endpoint:lone.test:443", Endpoint: cert.Endpoint{Host: "lone.test", Port: 443}, Owner: "minji", Faults: []estate.Fault{{Code: cert.WeakKey, What: "1024 bits"}}},
		estate.Place{Name: "file:disk:/srv/<script>.pem"})
	add("b", "", 40*oneDay, estate.Place{Name: "file:disk:/srv/nameless.pem"})
	add("c", "files.test", 60*oneDay, estate.Place{Name: "file:disk:/srv/files.pem"})
	return w
}

func (w *wild) Strays(_ context.Context, q estate.TriageQuery) (estate.TriageList, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.DeleteFunc(w.triage.Strays(w.records, w.now), func(s estate.Stray) bool {
		return q.Of != "" && !s.Record.Called(q.Of) || q.Of == "" && s.State == estate.Ignored && !q.All
	})
	for i := range all {
		all[i].Adoption = all[i].Adopt(deciders)
	}
	return estate.TriageList{Strays: all}, nil
}

func (w *wild) Triage(_ context.Context, o estate.TriageOrder) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	o.Decision.At = w.now
	if o.Decision.Until.IsZero() {
		w.triage.Assign(estate.Key(o.Of), o.Decision)
	} else {
		w.triage.Ignore(estate.Key(o.Of), o.Decision)
	}
	return nil
}

func (w *wild) Enroll(_ context.Context, in workflows.EnrollmentInput) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses != "" {
		return lifecycle.Refusal{Text: w.refuses}
	}
	w.enrolled = append(w.enrolled, in)
	return nil
}

func (w *wild) Means() (cas, targets []string) {
	return []string{"letsencrypt"}, []string{"web-1", "web-2"}
}

// found serves the page of what sources found, to people of the directory of deciders.
func found(t *testing.T, w *world, x *wild) string {
	t.Helper()
	return serve(t, w, func(c *Config) {
		c.Directory, c.Strays = func() people.Directory { return deciders }, x
	})
}

// about is the form of a verb about a stray.
func (v *visitor) about(key, verb string, fill url.Values) url.Values {
	v.t.Helper()
	_, text := v.get("/triage?state=all")
	f := v.form(text, "/triage/"+verb)
	f.Set("of", strings.Repeat(key, 64))
	for k, x := range fill {
		f[k] = x
	}
	return f
}

func TestWhatNobodyEnrolledIsListedWithWhereSinceWhenAndWhoMightOwnIt(t *testing.T) {
	w := populated()
	x := finds(w.now())
	base := found(t, w, x)
	_, text := visit(t, base).get("/triage")
	contains(t, text, "lone.test, www.lone.test", "endpoint:lone.test:443", "/srv/&lt;script&gt;.pem", "CN=Old &lt;b&gt;CA", "perhaps minji", "weak-key", "10 days left", "A certificate without a name", "Say first who you are", `href="/triage"`)
	if strings.Contains(text, `action="/triage/`) {
		t.Error("whoever has no name has forms")
	}
	_, text = visit(t, base).as("jun").get("/triage?q=FILES.pem")
	contains(t, text, "files.test", `action="/triage/adopt"`, "Renew it here", `<option>web-2</option>`)
	if strings.Contains(text, "lone.test") {
		t.Error("what is looked for is not all that is shown")
	}
	_, text = visit(t, base).do(http.MethodGet, "/triage", nil, map[string]string{"Accept-Language": "ko"})
	contains(t, text, "미등록", "발견 위치", "minji일 수 있음")
	if _, text := visit(t, serve(t, w, nil)).get("/"); strings.Contains(text, `href="/triage"`) {
		t.Error("without an inventory a link leads to it")
	}
}

func TestWhatBecomesOfAStrayIsDecidedOnThePageAndOnRecord(t *testing.T) {
	w := populated()
	x := finds(w.now())
	base := found(t, w, x)
	jun := visit(t, base).as("jun")
	until := w.now().Add(30 * oneDay).Format(time.DateOnly)
	for name, tc := range map[string]struct {
		verb string
		fill url.Values
		want string
	}{
		"no reason":       {"ignore", url.Values{"until": {until}}, "Why has nothing to be done?"},
		"a past end":      {"ignore", url.Values{"until": {"2020-01-01"}, "note": {"x"}}, "Until when?"},
		"nobody":          {"assign", url.Values{"owner": {""}}, "Who gets it?"},
		"no name":         {"adopt", url.Values{"how": {"watch"}, "endpoints": {"a.test:443"}, "name": {"../x"}}, "What is it to be called?"},
		"a bad endpoint":  {"adopt", url.Values{"how": {"watch"}, "endpoints": {"a.test:99999999"}, "name": {"a"}}, "Not taken: endpoint"},
		"nothing to see":  {"adopt", url.Values{"how": {"watch"}, "name": {"a"}}, "no endpoint that could be watched"},
		"a note too long": {"ignore", url.Values{"until": {until}, "note": {strings.Repeat("x", 501)}}, "too long"},
	} {
		if status, text := jun.post("/triage/"+tc.verb, jun.about("a", tc.verb, tc.fill)); status != http.StatusUnprocessableEntity || !strings.Contains(text, tc.want) {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := jun.post("/triage/retire", jun.about("a", "assign", nil)); status != http.StatusNotFound {
		t.Errorf("another verb: %d", status)
	}
	if len(x.triage.Items)+len(x.enrolled) > 0 {
		t.Fatalf("decided: %+v %+v", x.triage.Items, x.enrolled)
	}
	if status, text := jun.post("/triage/ignore", jun.about("b", "ignore", url.Values{"until": {until}, "note": {"goes in spring"}})); status != http.StatusOK || !strings.Contains(text, "nothing has to be done until then") || strings.Contains(text, "nameless.pem") {
		t.Errorf("ignore: %d\n%s", status, text)
	}
	_, text := jun.get("/triage?state=all")
	contains(t, text, "nameless.pem", "jun says that nothing has to be done until", "goes in spring")
	if status, text := jun.post("/triage/assign", jun.about("a", "assign", url.Values{"owner": {"platform"}})); status != http.StatusOK || !strings.Contains(text, "jun gave it to platform") {
		t.Errorf("assign: %d\n%s", status, text)
	}
	_, text = jun.get("/triage?q=lone")
	contains(t, text, `value="lone.test"`, `value="lone.test:443"`, `<option value="platform" selected>`)
	if status, text := jun.post("/triage/adopt", jun.about("a", "adopt", url.Values{"how": {"manage"}, "name": {"lone"}, "endpoints": {"lone.test:443, smtp://mx.test"}, "ca": {"letsencrypt"}, "target": {"web-1", "web-2"}, "team": {"platform"}, "owner": {""}})); status != http.StatusNotFound || len(x.enrolled) != 1 { // the world does not know it yet
		t.Fatalf("adopt: %d\n%s", status, text)
	}
	got := x.enrolled[0]
	if got.Name != "lone" || !got.Managed || got.CA != "letsencrypt" || !slices.Equal(got.Targets, []string{"web-1", "web-2"}) || got.Team != "platform" || got.By != "jun" || got.Via != "page, unverified" ||
		len(got.Endpoints) != 2 || got.Endpoints[1].StartTLS != "smtp" || !slices.Equal(got.Names, []string{"lone.test", "www.lone.test"}) || got.Lifetime != 11*oneDay+time.Hour {
		t.Errorf("enrolled: %+v", got)
	}
	x.refuses = "targets: <b> is not configured"
	if status, text := jun.post("/triage/adopt", jun.about("c", "adopt", url.Values{"how": {"watch"}, "name": {"c"}, "endpoints": {"c.test:443"}})); status != http.StatusConflict || !strings.Contains(text, "Not taken: targets: &lt;b&gt; is not configured") {
		t.Errorf("refused: %d", status)
	}
	x.records = x.records[:1]
	late := jun.about("a", "assign", url.Values{"owner": {"jun"}})
	late.Set("of", strings.Repeat("c", 64))
	if status, text := jun.post("/triage/assign", late); status != http.StatusConflict || !strings.Contains(text, "not open any more") {
		t.Errorf("too late: %d", status)
	}
}

func TestOnlyThoseWhoMayDecideAboutAStray(t *testing.T) {
	w := populated()
	x := finds(w.now())
	d := deciders
	d.Teams = append(slices.Clone(d.Teams), people.Team{ID: "web", Members: []string{"guest"}})
	d.People = append(slices.Clone(d.People), people.Person{ID: "guest", Name: "Guest"})
	base := serve(t, w, func(c *Config) { c.Directory, c.Strays = func() people.Directory { return d }, x })
	guest := visit(t, base).as("guest")
	_, text := guest.get("/triage")
	contains(t, text, "guest may not do this")
	if strings.Contains(text, `action="/triage/`) {
		t.Error("guest has forms")
	}
	_, home := guest.get("/")
	form := guest.form(home, "/preferences")["form"]
	if status, text := guest.post("/triage/assign", url.Values{"form": form, "of": {strings.Repeat("a", 64)}, "owner": {"guest"}}); status != http.StatusForbidden || !strings.Contains(text, "Who may: ") {
		t.Errorf("%d", status)
	}
	if status, _ := guest.post("/triage/adopt", url.Values{"form": form, "of": {strings.Repeat("a", 64)}, "how": {"watch"}, "name": {"a"}, "endpoints": {"a.test:443"}}); status != http.StatusForbidden || len(x.enrolled)+len(x.triage.Items) > 0 {
		t.Errorf("%d: %+v", status, x.enrolled)
	}
	if status, _ := guest.post("/triage/assign", url.Values{"form": {"another"}, "of": {strings.Repeat("a", 64)}}); status != http.StatusForbidden {
		t.Errorf("another session's form: %d", status)
	}
	x.triage.Assign(estate.Key(strings.Repeat("a", 64)), estate.Decision{By: "jun", Owner: "web", At: w.now()})
	if status, text := guest.post("/triage/assign", url.Values{"form": form, "of": {strings.Repeat("a", 64)}, "owner": {"guest"}}); status != http.StatusOK || !strings.Contains(text, "guest gave it to guest") {
		t.Errorf("whose team it was given to: %d", status)
	}
}

func TestStraysAreDecidedAboutByMouseAndKeyboardAndWithoutScripts(t *testing.T) {
	w := populated()
	x := finds(w.now())
	base := found(t, w, x)
	p := browser.Open(t, browser.Options{Width: 390, Height: 844, Phone: true})
	p.Go(base + "/")
	p.Select("You are", "Jun Park")
	p.Click("Not enrolled")
	p.See("Found and open 3")
	p.Click("Nothing has to be done", 1)
	p.Fill("Why?", "goes in spring")
	p.Eval(`(() => { const d = document.querySelector("details[open] input[type=date]"); d.value = d.min; return true; })()`, new(bool))
	p.Click("Ignore")
	p.See("Noted: nothing has to be done until then.")
	p.See("Found and open 2")
	if got := p.Troubles(); got != "" {
		t.Error(got)
	}
	bare := browser.Open(t, browser.Options{NoScript: true, Language: "ko"})
	bare.Go(base + "/triage")
	bare.Select("사용자", "Minji Kim")
	bare.Click("선택")
	bare.Click("다른 사람이 결정")
	bare.Select("결정할 사람", "platform")
	bare.Click("맡기기")
	bare.See("결정할 사람을 지정했습니다.")
	bare.Click("감시 대상으로 등록")
	bare.Click("감시 등록")
	bare.Becomes(`location.pathname`, "/c/lone.test")
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.triage.Items) != 2 || x.triage.Items[0].Assigned == nil || x.triage.Items[0].Assigned.By != "minji" || x.triage.Items[1].Ignored == nil || x.triage.Items[1].Ignored.Reason != "goes in spring" {
		t.Errorf("decided: %+v", x.triage.Items)
	}
	if len(x.enrolled) != 1 || x.enrolled[0].Managed || x.enrolled[0].Team != "platform" || x.enrolled[0].By != "minji" || len(x.enrolled[0].Endpoints) != 1 {
		t.Errorf("enrolled: %+v", x.enrolled)
	}
}
