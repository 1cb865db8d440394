package page

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// visitor is a browser without a screen.
type visitor struct {
	t    *testing.T
	http *http.Client
	base string
}

func visit(t *testing.T, base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar, Timeout: 30 * time.Second}, base}
}

func (v *visitor) do(method, path string, form url.Values, headers map[string]string) (*http.Response, string) {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, x := range headers {
		r.Header.Set(k, x)
		if k == "Host" {
			r.Host = x
		}
	}
	resp, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp, string(text)
}

func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	resp, text := v.do(http.MethodGet, path, nil, nil)
	return resp.StatusCode, text
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`)

// form reads what the first form that leads somewhere would send along.
func (v *visitor) form(text, action string) url.Values {
	v.t.Helper()
	_, rest, ok := strings.Cut(text, `action="`+action+`"`)
	if !ok {
		v.t.Fatalf("no form leads to %s", action)
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	out := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(rest, -1) {
		out.Set(m[1], strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[2]))
	}
	return out
}

// as says who the visitor is, where nobody signs in.
func (v *visitor) as(person string) *visitor {
	v.t.Helper()
	_, text := v.get("/")
	f := v.form(text, "/preferences")
	f.Set("person", person)
	if resp, text := v.do(http.MethodPost, "/preferences", f, nil); resp.StatusCode != http.StatusOK || !strings.Contains(text, " selected") {
		v.t.Fatalf("%d: %s is not chosen", resp.StatusCode, person)
	}
	return v
}

func TestOnlyThisMachineGetsInWithoutTokens(t *testing.T) {
	w := populated()
	url := serve(t, w, func(c *Config) { c.URL = "http://certs.internal:8080" })
	for _, c := range []struct {
		name, header, value string
		want                int
	}{
		{"its own address", "", "", 200},
		{"localhost", "Host", "localhost:8080", 200},
		{"a name below localhost", "Host", "neverlapse.localhost", 200},
		{"IPv6", "Host", "[::1]:8080", 200},
		{"http.url", "Host", "certs.internal", 200},
		{"a name that somebody points at 127.0.0.1", "Host", "rebind.attacker.example", 403},
		{"one that only begins so", "Host", "localhost.attacker.example", 403},
		{"another address", "Host", "192.0.2.1", 403},
		{"a proxy", "X-Forwarded-For", "203.0.113.9", 403},
		{"another kind of proxy", "Forwarded", "for=203.0.113.9", 403},
	} {
		headers := map[string]string{}
		if c.header != "" {
			headers[c.header] = c.value
		}
		resp, text := visit(t, url).do(http.MethodGet, "/", nil, headers)
		if resp.StatusCode != c.want || c.want != 200 && strings.Contains(text, "pay") {
			t.Errorf("%s: %d, want %d", c.name, resp.StatusCode, c.want)
		}
	}
	if w.lists > 10 {
		t.Errorf("the index was read %d times", w.lists)
	}
}

func TestAnotherAddressWithoutTokensShowsHowToEnableThePage(t *testing.T) {
	w := populated()
	url := serve(t, w, func(c *Config) { c.Listen = ":8080" })
	status, text := visit(t, url).get("/c/pay")
	if status != http.StatusForbidden || w.asked+w.lists > 0 {
		t.Errorf("%d, asked %d times", status, w.asked+w.lists)
	}
	contains(t, text, "http.token_file", "PERSON TOKEN", "127.0.0.1")
	for listen, want := range map[string]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, ":1": false, "0.0.0.0:1": false, "192.0.2.1:1": false, "host.example:1": false, "x": false} {
		if Served(listen, false) != want || !Served(listen, true) {
			t.Errorf("%s is served: %v", listen, !want)
		}
	}
}

func TestAnswersFromOtherSitesAndWithoutAFormAreRefused(t *testing.T) {
	w := populated()
	url := serve(t, w, nil)
	v := visit(t, url).as("hana")
	_, text := v.get("/c/pay")
	good := v.form(text, "/c/pay/acknowledge")
	for name, change := range map[string]func(f map[string]string) (h map[string]string, drop bool){
		"another site's form": func(map[string]string) (map[string]string, bool) {
			return map[string]string{"Sec-Fetch-Site": "cross-site"}, false
		},
		"a site of the same domain": func(map[string]string) (map[string]string, bool) {
			return map[string]string{"Sec-Fetch-Site": "same-site"}, false
		},
		"another origin": func(map[string]string) (map[string]string, bool) {
			return map[string]string{"Origin": "https://attacker.example"}, false
		},
		"no token of the form at all": func(map[string]string) (map[string]string, bool) { return nil, true },
	} {
		headers, drop := change(nil)
		f := values(good)
		if drop {
			f.Del("form")
		}
		if resp, _ := v.do(http.MethodPost, "/c/pay/acknowledge", f, headers); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	stranger := visit(t, url).as("hana") // a session of its own, and the form of another
	if resp, _ := stranger.do(http.MethodPost, "/c/pay/acknowledge", values(good), nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another session's form: %d", resp.StatusCode)
	}
	if resp, _ := v.do(http.MethodGet, "/c/pay/acknowledge?"+good.Encode(), nil, nil); resp.StatusCode == http.StatusOK {
		t.Errorf("a GET: %d", resp.StatusCode)
	}
	if w.states["pay"].Alerts[0].Answer != nil {
		t.Fatalf("answered by %+v", w.states["pay"].Alerts[0].Answer)
	}
	if resp, _ := v.do(http.MethodPost, "/c/pay/acknowledge", values(good), map[string]string{"Origin": url, "Sec-Fetch-Site": "same-origin"}); resp.StatusCode != http.StatusOK || w.states["pay"].Alerts[0].Answer == nil {
		t.Errorf("the page's own form: %d", resp.StatusCode)
	}
}

func values(in url.Values) url.Values {
	out := url.Values{}
	for k, v := range in {
		out[k] = append([]string{}, v...)
	}
	return out
}

func TestEveryAnswerIsHardened(t *testing.T) {
	url := serve(t, populated(), nil)
	for _, path := range []string{"/", "/c/pay", "/c/nobody", "/nothing", assetPath("page.js"), assetPath("page.css"), assetPath("icon.svg"), "/assets/../page.go"} {
		resp, text := visit(t, url).do(http.MethodGet, path, nil, nil)
		for header, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if got := resp.Header.Get(header); !strings.Contains(got, want) {
				t.Errorf("%s: %s is %q", path, header, got)
			}
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		if strings.Contains(resp.Header.Get("Content-Type"), "html") && regexp.MustCompile(`\s(style|on[a-z]+)="|<script>|https?://[^"]*\.(js|css|woff)`).MatchString(text) {
			t.Errorf("%s holds what the policy forbids", path)
		}
	}
}
