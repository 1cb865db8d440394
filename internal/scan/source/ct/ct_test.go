package ct_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/ct"
	"github.com/neverlapse/neverlapse/internal/scan/source/ct/cttest"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const apiToken = "k123_AAAABBBBCCCC"

func serve(t testing.TB, h http.Handler) (url string) {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/v1/"
}

func open(t testing.TB, h http.Handler, o ct.Options) *ct.Source {
	t.Helper()
	return reach(t, serve(t, h), o)
}

func reach(t testing.TB, url string, o ct.Options) *ct.Source {
	t.Helper()
	o.TokenFile, o.Address = filepath.Join(t.TempDir(), "token"), url
	must(t, os.WriteFile(o.TokenFile, []byte(apiToken+"\n"), 0o600))
	s, err := ct.New("watch", o, scan.New(scan.Options{}))
	must(t, err)
	return s
}

func leafOf(t testing.TB, p cert.Pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(p.Chain)
	leaf, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return leaf
}

func quiet(string) {}

// walk goes through a run, and gives what it showed and where the next one begins.
func walk(t *testing.T, s source.Source, from []byte) (all []source.Sighting, failed []source.Failure, resume []byte) {
	t.Helper()
	for page := from; ; {
		p, err := s.Look(t.Context(), page, quiet)
		must(t, err)
		must(t, p.Validate())
		all, failed = append(all, p.Sightings...), append(failed, p.Failed...)
		if page = p.Next; page == nil {
			return all, failed, p.Resume
		}
	}
}

func TestCTKeepsTheContract(t *testing.T) {
	api, ca := &cttest.API{Token: apiToken, PerPage: 2}, cttest.NewCA(t, "Good CA")
	want := map[string]cert.Fingerprint{}
	log := func(domain string, names ...string) {
		before, pair := ca.Issue(t, 90, names...)
		if len(want)%2 == 1 {
			before = leafOf(t, pair).Raw
		}
		want["ct:watch/"+domain+"/"+api.Log(t, before)] = ""
	}
	log("shop.test", "shop.test", "www.shop.test")
	log("shop.test", "a.b.shop.test")
	log("shop.test", "*.shop.test")
	log("pay.other.test", "*.other.test")
	now := time.Now()
	want["ct:watch/shop.test/"+api.LogAs([]byte("not DER"), []string{"shop.test"}, now, now.Add(time.Hour))] = ""
	_, other := ca.Issue(t, 90, "noshop.test")
	api.Log(t, leafOf(t, other).Raw)
	url := serve(t, api)
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source {
			return reach(t, url, ct.Options{Domains: []string{"Shop.test", "pay.other.test"}})
		},
		Want: want, Pages: 4, Secrets: []string{apiToken},
	})
}

func TestWhatIsUnchangedCostsOneRequestForADomain(t *testing.T) {
	api, ca := &cttest.API{Token: apiToken, PerPage: 2}, cttest.NewCA(t, "Good CA")
	var ids []string
	for i := range 5 {
		before, _ := ca.Issue(t, 90, fmt.Sprintf("w%d.shop.test", i))
		ids = append(ids, api.Log(t, before))
	}
	o := ct.Options{Domains: []string{"shop.test", "other.test"}}
	s := open(t, api, o)
	all, _, resume := walk(t, s, nil)
	if asked := api.Asked(); len(all) != 5 || len(asked) != 5 || !strings.Contains(asked[0], "include_subdomains=true") || !strings.Contains(asked[0], "expand=cert_der") || strings.Contains(asked[0], "after=") {
		t.Fatalf("%d issuances by %q", len(all), asked)
	}
	if all, _, again := walk(t, s, resume); len(all) != 0 || string(again) != string(resume) {
		t.Errorf("unchanged, and it shows %+v; %s", all, again)
	}
	if asked := api.Asked(); len(asked) != 2 || !strings.Contains(asked[0], "after="+ids[4]) {
		t.Errorf("unchanged, and it cost %q", asked)
	}
	before, _ := ca.Issue(t, 90, "new.shop.test")
	id := api.Log(t, before)
	all, _, next := walk(t, s, resume)
	if len(all) != 1 || all[0].Place != "ct:watch/shop.test/"+id || all[0].Host != "shop.test" || !all[0].Issued {
		t.Errorf("one came, and it shows %+v", all)
	}

	api.Revoke(ids[0], time.Now())
	s.At(func() time.Time { return time.Now().Add(8 * 24 * time.Hour) })
	if all, _, _ = walk(t, s, next); len(all) != 6 || len(all[0].Findings) != 1 || all[0].Findings[0].Code != cert.Revoked {
		t.Errorf("after a week all of it is to be seen once more: %+v", all)
	}
	s.At(time.Now)
	if p, err := s.Look(t.Context(), []byte(strings.Replace(string(next), `"of":"`, `"of":"0`, 1)), quiet); err != nil || p.Since || len(p.Sightings) != 2 {
		t.Errorf("after another configuration it does not begin anew: %+v, %v", p, err)
	}
	if p, err := s.Look(t.Context(), []byte(strings.Replace(string(next), ids[0][:4], "9999", 1)), quiet); err != nil || len(p.Failed) > 0 || p.Next == nil {
		t.Errorf("an issuance that the API forgot: %+v, %v", p, err)
	}
}

func TestAPrecertificateAndItsCertificateAreOneIssuance(t *testing.T) {
	api, ca := &cttest.API{}, cttest.NewCA(t, "Good CA")
	before, pair := ca.Issue(t, 90, "pay.shop.test")
	first := api.Log(t, before)
	api.Log(t, leafOf(t, pair).Raw)
	all, _, _ := walk(t, open(t, api, ct.Options{Domains: []string{"shop.test"}, ExpectedCAs: []string{"good ca"}}), nil)
	if len(all) != 2 || all[0].Place != "ct:watch/shop.test/"+first || len(all[0].Findings)+len(all[1].Findings) != 0 {
		t.Fatalf("%+v", all)
	}
	want := estate.IssuanceOf(cert.VersionOf(leafOf(t, pair)))
	for _, s := range all {
		if estate.KeyOf(s.Version) != want || want == "" || !slices.Equal(s.Version.Names, []string{"pay.shop.test"}) || s.Version.Issuer != "Good CA R1" {
			t.Errorf("%+v, want the key %s", s.Version, want)
		}
	}
	all, _, _ = walk(t, open(t, api, ct.Options{Domains: []string{"shop.test"}, ExpectedCAs: []string{"Let's Encrypt", "Our CA"}}), nil)
	if len(all) != 2 || len(all[0].Findings) != 1 || all[0].Findings[0].Code != cert.UnwantedCA || !strings.Contains(all[0].Findings[0].What, "Good CA") {
		t.Errorf("a CA that is not expected: %+v", all)
	}
}

func TestACertificateThatCannotBeReadIsKnownByItsOutline(t *testing.T) {
	api, ca := &cttest.API{}, cttest.NewCA(t, "Good CA")
	before, pair := ca.Issue(t, 90, "www.shop.test")
	broken := slices.Clone(before)
	i := strings.LastIndex(string(broken), "www.shop.test")
	broken[i-2] = 0x9f // no kind of name that there is
	broken[i+3] = 0xff
	now := time.Now()
	api.LogAs(broken, []string{"www.shop.test"}, now, now.AddDate(0, 0, 90))
	api.LogAs(broken, []string{"shop.testing"}, now, now.AddDate(0, 0, 90))
	if _, err := x509.ParseCertificate(broken); err == nil {
		t.Fatal("it can be read")
	}
	all, failed, _ := walk(t, open(t, api, ct.Options{Domains: []string{"shop.test"}}), nil)
	if len(all) != 1 || len(failed) != 0 {
		t.Fatalf("%+v, %+v", all, failed)
	}
	if s := all[0]; estate.KeyOf(s.Version) != estate.IssuanceOf(cert.VersionOf(leafOf(t, pair))) || len(s.Findings) != 1 || s.Findings[0].Code != cert.CertificateUnreadable || !slices.Equal(s.Version.Names, []string{"www.shop.test"}) {
		t.Errorf("%+v", s)
	}
}

func TestEachRefusalHasItsKindAndTheTokenIsInNone(t *testing.T) {
	answer := func(status int, code string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			cttest.Refuse(w, status, code, "said so\x1b[31m")
		}
	}
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
		says   string
		wait   time.Duration
	}{
		"401":             {(&cttest.API{Token: "another"}).ServeHTTP, fault.Configuration, "the token is not accepted: 401 unauthorized", 0},
		"403":             {answer(403, "not_allowed"), fault.Configuration, "what its subscription allows", 0},
		"429, seconds":    {answer(429, "rate_limited", "Retry-After", "70"), fault.Unavailable, "rate_limited", time.Minute},
		"429, a date":     {answer(429, "rate_limited", "Retry-After", time.Now().Add(5*time.Minute).UTC().Format(http.TimeFormat)), fault.Unavailable, "", 4 * time.Minute},
		"429, as usual":   {answer(429, "rate_limited"), fault.Unavailable, "", 14 * time.Minute},
		"503":             {answer(503, "maintenance", "Retry-After", "600"), fault.Unavailable, "", 9 * time.Minute},
		"500":             {answer(500, "internal_error"), fault.Unavailable, "internal_error", 0},
		"another program": {says("<html>"), fault.Configuration, "not the CT search API", 0},
		"an object":       {says(`{"code":"x"}`), fault.Configuration, "not the CT search API", 0},
		"no ID":           {says(`[{"dns_names":["shop.test"]}]`), fault.Configuration, "issuance 1 has no ID", 0},
		"a bad ID":        {says(`[{"id":"../../etc"}]`), fault.Configuration, "issuance 1 has no ID", 0},
		"cut off":         {says(`[{"id":"1"},`), fault.Configuration, "not the CT search API", 0},
		"no end": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<40))
		}, fault.Configuration, "more than 32 MiB", 0},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, fault.Configuration, "302", 0},
	} {
		_, err := open(t, c.answer, ct.Options{Domains: []string{"shop.test"}}).Look(t.Context(), nil, quiet)
		if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), apiToken) || strings.ContainsRune(fmt.Sprint(err), 0x1b) {
			t.Errorf("%s: %v (%s), want %s with %q", name, err, fault.KindOf(err), c.kind, c.says)
		}
		if c.wait > 0 && time.Until(fault.RetryAt(err)) < c.wait {
			t.Errorf("%s: to be tried again at %s, too early", name, fault.RetryAt(err))
		}
	}
}

// zeros is a body without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAnAnswerThatGoesInCirclesOrIsAboutOthersEnds(t *testing.T) {
	api, ca := &cttest.API{}, cttest.NewCA(t, "Good CA")
	_, pair := ca.Issue(t, 90, "evil.test")
	api.Log(t, leafOf(t, pair).Raw)
	_, pair = ca.Issue(t, 90, "shop.test")
	good := api.Log(t, leafOf(t, pair).Raw)
	circle := func(w http.ResponseWriter, r *http.Request) { // whatever is asked for, all of it, again and again
		r.URL.RawQuery = "domain=evil.test&expand=cert_der"
		first := httptest.NewRecorder()
		api.ServeHTTP(first, r)
		r.URL.RawQuery = "domain=shop.test&expand=cert_der"
		second := httptest.NewRecorder()
		api.ServeHTTP(second, r)
		fmt.Fprintf(w, "[%s,%s]", strings.Trim(first.Body.String(), "[]\n"), strings.Trim(second.Body.String(), "[]\n"))
	}
	all, failed, resume := walk(t, open(t, http.HandlerFunc(circle), ct.Options{Domains: []string{"shop.test"}}), nil)
	if resume == nil || len(all) != 2 || all[0].Place != "ct:watch/shop.test/"+good || all[1].Place != all[0].Place {
		t.Errorf("%+v", all)
	}
	var why string
	for _, f := range failed {
		why += f.Why + "\n"
	}
	if !strings.Contains(why, "1 certificates in the answer are not for shop.test") || !strings.Contains(why, "no way forward") {
		t.Errorf("%+v", failed)
	}
	all, failed, _ = walk(t, open(t, &cttest.API{}, ct.Options{Domains: []string{"shop.test"}}), nil)
	if len(all)+len(failed) != 0 {
		t.Errorf("nothing was issued: %+v, %+v", all, failed)
	}
}

func TestADomainThatIsRefusedHoldsUpNoOther(t *testing.T) {
	api, ca := &cttest.API{}, cttest.NewCA(t, "Good CA")
	_, pair := ca.Issue(t, 90, "shop.test")
	api.Log(t, leafOf(t, pair).Raw)
	refuses := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("domain") == "co.test" {
			cttest.Refuse(w, 400, "bad_request", "it is a public suffix")
			return
		}
		api.ServeHTTP(w, r)
	})
	all, failed, _ := walk(t, open(t, refuses, ct.Options{Domains: []string{"co.test", "shop.test"}}), nil)
	if len(all) != 1 || len(failed) != 1 || failed[0].Places != "ct:watch/co.test/" || !strings.Contains(failed[0].Why, "public suffix") {
		t.Errorf("%+v, %+v", all, failed)
	}
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	domains := []string{"shop.test"}
	var many []string
	for i := range 91 {
		many = append(many, fmt.Sprintf("d%d.test", i))
	}
	for says, o := range map[string]ct.Options{
		"domains: none":       {},
		"domains[1]":          {Domains: []string{"shop.test", "*.shop.test"}},
		"domains[0]":          {Domains: []string{"test"}},
		`"10.0.0.1"`:          {Domains: []string{"10.0.0.1"}},
		"domains: 91":         {Domains: many},
		"absolute path":       {Domains: domains, TokenFile: "token"},
		"is enough":           {Domains: domains, TokenFile: "/token", TokenEnv: "X"},
		"could hide":          {Domains: domains, Address: "http://api.test/"},
		"address:":            {Domains: domains, Address: "api"},
		"timeout:":            {Domains: domains, Timeout: time.Hour},
		"anew_every:":         {Domains: domains, AnewEvery: -1},
		"expected_cas[0]":     {Domains: domains, ExpectedCAs: []string{" "}},
		"token_env: the envi": {Domains: domains, TokenEnv: "NEVERLAPSE_TEST_NO_SUCH"},
	} {
		if _, err := ct.New("x", o, scan.New(scan.Options{})); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
	if _, err := ct.New("x", ct.Options{Domains: domains}, scan.New(scan.Options{})); err != nil {
		t.Errorf("without a token: %v", err)
	}
}

// Whatever the answer holds: no panic, and a page that keeps the contract.
func FuzzAnswer(f *testing.F) {
	ca := cttest.NewCA(f, "Good CA")
	before, _ := ca.Issue(f, 90, "shop.test")
	api := &cttest.API{}
	api.Log(f, before)
	seed := httptest.NewRecorder()
	api.ServeHTTP(seed, httptest.NewRequest(http.MethodGet, "/v1/issuances?domain=shop.test&expand=cert_der&expand=revocation", nil))
	f.Add(seed.Body.Bytes())
	f.Add([]byte(`[{"id":"1","dns_names":["shop.test\u0000"],"cert_der":"MAA=","revoked":true,"revocation":{"time":"\u001b"}}]`))
	s := open(f, api, ct.Options{Domains: []string{"shop.test"}, ExpectedCAs: []string{"x"}})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := s.Take(data)
		if err == nil {
			err = p.Validate()
		} else if fault.Is(err, fault.Configuration) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
