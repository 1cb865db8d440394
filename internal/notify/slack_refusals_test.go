package notify_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// slackSays posts to a method of the stand-in as slack-go does, and gives what it
// answers: an error's word, and its explanations.
func slackSays(t *testing.T, s *notifytest.SlackServer, method string, form url.Values) (word, why string) {
	t.Helper()
	form.Set("token", s.Token)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL()+method, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		Error    string `json:"error"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Error, strings.Join(out.Metadata.Messages, "; ")
}

// Parts of blocks, just as large as Slack takes them plus more.
func of(n int) string { return strings.Repeat("가", n) }

func plain(n int) string  { return `{"type":"plain_text","text":"` + of(n) + `"}` }
func mrkdwn(n int) string { return `{"type":"mrkdwn","text":"` + of(n) + `"}` }

func button(text, value, id int) string {
	return `{"type":"actions","elements":[{"type":"button","text":` + plain(text) + `,"value":"` + strings.Repeat("v", value) + `","action_id":"` + strings.Repeat("a", id) + `"}]}`
}

func fields(count, length int) string {
	return `{"type":"section","fields":[` + strings.TrimSuffix(strings.Repeat(mrkdwn(length)+",", count), ",") + `]}`
}

func named(id string) string { return `{"type":"divider","block_id":"` + id + `"}` }

// TestTheStandInRefusesWhatSlackDocumentsAsRefused has, for each limit of
// docs.slack.dev, what just fits and what does not.
func TestTheStandInRefusesWhatSlackDocumentsAsRefused(t *testing.T) {
	s := slackServer(t)
	dividers := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, n), ",") }
	for name, tc := range map[string]struct{ fits, refused, why string }{
		"50 blocks":                         {dividers(50), dividers(51), "no more than 50 items allowed"},
		"3,000 characters of a section":     {`{"type":"section","text":` + mrkdwn(3000) + `}`, `{"type":"section","text":` + mrkdwn(3001) + `}`, "section text has 3001 characters"},
		"150 characters of a header":        {`{"type":"header","text":` + plain(150) + `}`, `{"type":"header","text":` + plain(151) + `}`, "header has 151 characters"},
		"75 characters of a button's text":  {button(75, 1, 1), button(76, 1, 1), "button text has 76 characters"},
		"2,000 characters of its value":     {button(1, 2000, 1), button(1, 2001, 1), "button value has 2001 characters"},
		"255 characters of its action_id":   {button(1, 1, 255), button(1, 1, 256), "action_id has 256 characters"},
		"255 characters of a block_id":      {named(strings.Repeat("b", 255)), named(strings.Repeat("b", 256)), "is too long"},
		"a block_id once":                   {named("a") + "," + named("b"), named("a") + "," + named("a"), "already exists"},
		"10 fields of a section":            {fields(10, 1), fields(11, 1), "section with 11 fields"},
		"2,000 characters of a field":       {fields(1, 2000), fields(1, 2001), "field has 2001 characters"},
		"a header in plain text":            {`{"type":"header","text":` + plain(1) + `}`, `{"type":"header","text":{"type":"html","text":"a"}}`, "unsupported text type html"},
		"mrkdwn in a header":                {`{"type":"header","text":` + plain(1) + `}`, `{"type":"header","text":` + mrkdwn(1) + `}`, "header is mrkdwn, allowed is plain_text"},
		"mrkdwn on a button":                {button(1, 1, 1), strings.Replace(button(1, 1, 1), "plain_text", "mrkdwn", 1), "button text is mrkdwn, allowed is plain_text"},
		"a section of nothing":              {`{"type":"section","text":` + mrkdwn(1) + `}`, `{"type":"section"}`, "section without text and fields"},
		"an empty text":                     {`{"type":"section","text":` + mrkdwn(1) + `}`, `{"type":"section","text":` + mrkdwn(0) + `}`, "must be more than 0 characters"},
		"10 elements of a context":          {`{"type":"context","elements":[` + mrkdwn(1) + `]}`, `{"type":"context","elements":[` + strings.Repeat(mrkdwn(1)+",", 10) + mrkdwn(1) + `]}`, "context with 11 elements"},
		"a type that there is not":          {named("a"), `{"type":"marquee"}`, "unsupported type: marquee"},
		"characters beyond the basic plane": {`{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("𝕏", 75) + `"}}`, `{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("𝕏", 76) + `"}}`, "header has 152 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			post := func(blocks string) (string, string) {
				return slackSays(t, s, "chat.postMessage", url.Values{"channel": {team}, "text": {"a"}, "blocks": {"[" + blocks + "]"}})
			}
			if word, why := post(tc.fits); word != "" {
				t.Errorf("what fits is refused: %s: %s", word, why)
			}
			if word, why := post(tc.refused); word != "invalid_blocks" || !strings.Contains(why, tc.why) {
				t.Errorf("%q: %s, want invalid_blocks: %s", word, why, tc.why)
			}
		})
	}
}

func TestTheStandInRefusesRequestsBySlacksWords(t *testing.T) {
	s := slackServer(t)
	s.AddChannel("C0CLOSED", false)
	with := func(kv ...string) url.Values {
		f := url.Values{"channel": {team}, "text": {"a"}}
		for i := 0; i < len(kv); i += 2 {
			f.Set(kv[i], kv[i+1])
		}
		return f
	}
	for word, tc := range map[string]struct {
		method string
		form   url.Values
	}{
		"message_not_found":       {"chat.update", with("ts", "1700000000.000001")},
		"thread_not_found":        {"chat.postMessage", with("thread_ts", "1700000000.000001")},
		"invalid_blocks_format":   {"chat.postMessage", with("blocks", "[{")},
		"invalid_metadata_format": {"chat.postMessage", with("metadata", `{"event_type":""}`)},
		"no_text":                 {"chat.postMessage", with("text", "")},
		"msg_too_long":            {"chat.postMessage", with("text", strings.Repeat("a", 40001))},
		"channel_not_found":       {"chat.postMessage", with("channel", "C0NOWHERE")},
		"not_in_channel":          {"chat.postMessage", with("channel", "C0CLOSED")},
		"user_not_found":          {"conversations.open", url.Values{"users": {"U0NOBODY"}}},
		"unknown_method":          {"chat.shout", with()},
	} {
		t.Run(word, func(t *testing.T) {
			if got, why := slackSays(t, s, tc.method, tc.form); got != word {
				t.Errorf("%s answers %q: %s", tc.method, got, why)
			}
		})
	}
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages were taken", n)
	}
}
