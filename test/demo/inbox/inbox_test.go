package inbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// set is a stage that shows one message and remembers what is done to it.
type set struct {
	view View
	did  []string
}

func (s *set) View() View               { return s.view }
func (s *set) Changed() <-chan struct{} { return make(chan struct{}) }
func (s *set) Click(_ context.Context, message, action, person string) error {
	s.did = append(s.did, message+" "+action+" "+person)
	return nil
}
func (s *set) Cause(tag string) error {
	if tag != "nginx" {
		return ErrUnknown
	}
	s.did = append(s.did, tag)
	return nil
}
func (s *set) Back(tag, person string) error {
	s.did = append(s.did, tag+" back "+person)
	return nil
}

const hostile = `<script>alert(1)</script>`

func newSet() *set {
	plain := func(t string) map[string]any { return map[string]any{"type": "plain_text", "text": t} }
	return &set{view: View{
		Server: "nginx", Visible: time.Second, People: []Person{{"minji", "Minji", "owner"}, {"hana", "Hana", "manager"}},
		Troubles:     []Trouble{{Tag: "nginx", State: Idle, Failed: hostile}},
		Certificates: []Certificate{{Name: hostile, Host: "x.test", Address: "x.test", Trouble: hostile}},
		Messages: []Message{
			{ID: "1", By: "slack", Reader: "minji", Subject: "shop " + hostile, Open: true, Words: []Word{{Person: "hana", Text: hostile}}, Blocks: []map[string]any{
				{"type": "header", "text": plain("shop")},
				{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": "<@U0000MINJI> look &lt;here&gt;"}},
				{"type": "section", "fields": []any{plain("Names\nshop.test " + hostile)}},
				{"type": "rich_text", "elements": []any{
					map[string]any{"type": "rich_text_section", "elements": []any{
						map[string]any{"type": "text", "text": "Last error", "style": map[string]any{"bold": true}},
						map[string]any{"type": "link", "url": "javascript:alert(1)", "text": "bad"},
						map[string]any{"type": "link", "url": "https://good.test/", "text": "good"},
					}},
					map[string]any{"type": "rich_text_preformatted", "elements": []any{map[string]any{"type": "text", "text": "line 1\nline 2"}}},
					map[string]any{"type": "rich_text_list", "elements": []any{map[string]any{"type": "rich_text_section", "elements": []any{map[string]any{"type": "text", "text": "item"}}}}},
				}},
				{"type": "actions", "elements": []any{map[string]any{"type": "button", "action_id": "acknowledge", "text": plain("Acknowledge"), "style": "primary"}}},
				{"type": "context", "elements": []any{plain("alert shop/1")}},
			}},
			{ID: "mail-0", By: "mail", Reader: "hana", Subject: "a mail", Text: "first\n" + hostile},
		},
	}}
}

func serve(t *testing.T, s *set) (*Server, *http.Client) {
	t.Helper()
	server, err := Serve("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return server, &http.Client{Jar: jar}
}

func reply(t *testing.T, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestThePageShowsWhatTheStandInsReceivedAndRunsNoneOfIt(t *testing.T) {
	server, client := serve(t, newSet())
	resp, err := client.Get(server.URL)
	status, body := reply(t, resp, err)
	for _, want := range []string{"@minji look &lt;here&gt;", "<b>Last error</b>", `href="https://good.test/"`, "line 1\nline 2</pre>", "<li>item</li>", ">Acknowledge</button>", "alert shop/1", "first\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not shown", want)
		}
	}
	if status != http.StatusOK || strings.Contains(body, hostile) || strings.Contains(body, "javascript:") {
		t.Errorf("%d, or a hostile text is not escaped:\n%s", status, body)
	}
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the policy is %q", resp.Header.Get("Content-Security-Policy"))
	}
	if t.Failed() {
		t.Log(body)
	}
}

func TestEveryButtonWorksWithoutScripts(t *testing.T) {
	s := newSet()
	server, client := serve(t, s)
	for _, post := range []struct{ path, form, want string }{
		{"choose", "person=hana", `value="hana" aria-pressed="true"`},
		{"choose", "language=ko", `<html lang="ko"`},
		{"choose", "theme=dark", `data-theme="dark"`},
		{"click", "message=1&action=acknowledge", "고장 내기"},
		{"trouble", "tag=nginx&do=cause", "고장 내기"},
		{"trouble", "tag=nginx&do=back", "고장 내기"},
	} {
		form, err := url.ParseQuery(post.form)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.PostForm(server.URL+post.path, form)
		if status, body := reply(t, resp, err); status != http.StatusOK || !strings.Contains(body, post.want) {
			t.Errorf("%s %s: %d, without %q:\n%s", post.path, post.form, status, post.want, body)
		}
	}
	if got := fmt.Sprint(s.did); got != "[1 acknowledge hana nginx nginx back hana]" {
		t.Errorf("it did %s", got)
	}
}

func TestOthersAreKeptOut(t *testing.T) {
	s := newSet()
	server, client := serve(t, s)
	for name, tc := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"another site's form":          {func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") }, http.StatusForbidden},
		"another site's script":        {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"a name that leads here":       {func(r *http.Request) { r.Host = "evil.test:80" }, http.StatusForbidden},
		"a trouble that is not there":  {func(r *http.Request) { r.URL.RawQuery = "tag=fire" }, http.StatusNotFound},
		"our own page":                 {func(r *http.Request) { r.Header.Set("X-Requested-By", "page") }, http.StatusNoContent},
		"a choice that is not offered": {func(r *http.Request) { r.URL.Path, r.URL.RawQuery = "/choose", "person=eve" }, http.StatusBadRequest},
	} {
		r, err := http.NewRequest(http.MethodPost, server.URL+"trouble?tag=nginx&do=cause", nil)
		if err != nil {
			t.Fatal(err)
		}
		tc.change(r)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(r.URL.RawQuery))
		resp, err := client.Do(r)
		if status, body := reply(t, resp, err); status != tc.want {
			t.Errorf("%s: %d, want %d: %s", name, status, tc.want, body)
		}
	}
	if len(s.did) != 1 {
		t.Errorf("it did %q", s.did)
	}
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:80", "nowhere", "example.com:80"} {
		if _, err := Serve(address, s); err == nil {
			t.Errorf("%s is taken", address)
		}
	}
}

func TestTheLanguagesHaveTheSameSentences(t *testing.T) {
	verb := regexp.MustCompile(`%[a-z]`)
	for _, l := range Languages[1:] {
		for key, text := range languages[Languages[0]] {
			other, ok := languages[l][key]
			if !ok || fmt.Sprint(verb.FindAllString(other, -1)) != fmt.Sprint(verb.FindAllString(text, -1)) {
				t.Errorf("%s: %s is %q, in the order of %q", l, key, other, text)
			}
		}
		if len(languages[l]) != len(languages[Languages[0]]) {
			t.Errorf("%s has %d sentences, %s has %d", l, len(languages[l]), Languages[0], len(languages[Languages[0]]))
		}
	}
	if got := (Say{"no.such", nil}).In("ko"); got != "no.such" {
		t.Errorf("%q", got)
	}
}
