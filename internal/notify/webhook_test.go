package notify_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

var (
	_ activities.Channel = (*notify.Webhook)(nil)
	_ activities.Updater = (*notify.Webhook)(nil)
)

func vendor(t *testing.T, take func(notifytest.Asked) notifytest.Said) *notifytest.Vendor {
	t.Helper()
	v, err := notifytest.NewVendor(take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func takesAll(notifytest.Asked) notifytest.Said {
	return notifytest.Said{Status: http.StatusOK, Body: `{}`}
}

// kept writes a secret into a file that only its owner may read.
func kept(t *testing.T, secret string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func webhook(t *testing.T, o notify.WebhookOptions) *notify.Webhook {
	t.Helper()
	w, err := notify.NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

const hookToken, hookKey = "tok-5ec3e7", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// hookBench is a webhook with a secret in its path, in a header and a signature.
func hookBench(t *testing.T) notifytest.Bench {
	v := vendor(t, takesAll)
	w := webhook(t, notify.WebhookOptions{
		URL: v.URL() + `/hooks/{{secret "token"}}`, SecretFiles: map[string]string{"token": kept(t, hookToken)}, SigningSecret: hookKey,
		Headers: map[string]string{"Authorization": `Bearer {{secret "token"}}`}, Reply: notify.WebhookReply{Error: "{{.message}}"},
	})
	return notifytest.Bench{
		Kind: notify.KindWebhook, Address: "web", Channel: w, Deduplicates: true, Secrets: []string{hookToken, hookKey}, Trouble: v.Troubles(), Heal: v.Heal, Answers: v.SetAnswer,
		Delivered: func() (out []notifytest.Delivery) {
			for _, a := range v.Taken() {
				var d notify.WebhookData
				if err := json.Unmarshal([]byte(a.Body), &d); err != nil {
					t.Errorf("%v in %s", err, a.Body)
				}
				out = append(out, notifytest.Delivery{ID: a.Header.Get("Idempotency-Key"), Reading: d.Subject + "\n" + d.Text})
			}
			return out
		},
	}
}

func TestWebhookKeepsTheContract(t *testing.T) { t.Parallel(); notifytest.Run(t, hookBench) }

func TestEveryStatusHasItsKindOfFault(t *testing.T) {
	v := vendor(t, takesAll)
	w := webhook(t, notify.WebhookOptions{URL: v.URL()})
	for status := 200; status < 600; status++ {
		if status == 204 || status == 205 || status == 304 || status > 451 && status < 500 {
			continue // no body is allowed, or no status of RFC 9110
		}
		want := fault.Configuration
		switch {
		case status < 300:
			want = ""
		case status == 408 || status == 425 || status >= 500:
			want = fault.Transient
		case status == 429:
			want = fault.Unavailable
		}
		v.SetStatus(status)
		if _, err := w.Send(t.Context(), hookMessage(), false); fault.KindOf(err) != want {
			t.Errorf("%d: %s %v, want %q", status, fault.KindOf(err), err, want)
		}
	}
}

func hookMessage() alert.Message {
	return notifytest.Message(notifytest.Sample(), notify.KindWebhook, "web", "en")
}

func TestARedirectIsNotFollowed(t *testing.T) {
	v := vendor(t, takesAll)
	v.SetMode(notifytest.VendorElsewhere)
	_, err := webhook(t, notify.WebhookOptions{URL: v.URL()}).Send(t.Context(), hookMessage(), false)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "redirects are not followed") || len(v.Taken()) != 0 {
		t.Errorf("%v, %d requests went on", err, len(v.Taken()))
	}
}

func TestAWebhookCannotReachTheCredentialsOfACloudMachine(t *testing.T) {
	_, err := webhook(t, notify.WebhookOptions{URL: "http://169.254.169.254/latest/meta-data", Insecure: true}).Send(t.Context(), hookMessage(), false)
	if !fault.Is(err, fault.Configuration) || strings.Contains(err.Error(), "meta-data") {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
}

func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	v := vendor(t, takesAll)
	if _, err := webhook(t, notify.WebhookOptions{URL: v.URL(), SigningSecret: hookKey}).Send(t.Context(), hookMessage(), false); err != nil {
		t.Fatal(err)
	}
	got := v.Taken()[0]
	verifier, err := standardwebhooks.NewWebhook(hookKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify([]byte(got.Body), got.Header); err != nil {
		t.Error(err)
	}
	if err := verifier.Verify([]byte(got.Body+" "), got.Header); err == nil {
		t.Error("a changed body verifies, too")
	}
	if at := got.Header.Get("webhook-timestamp"); at == "" || got.Header.Get("webhook-id") == "" || got.Header.Get("Idempotency-Key") != hookMessage().DedupKey {
		t.Errorf("%v", got.Header)
	}
}

func TestWhatIsWrongWithAWebhookIsSaidBeforeItCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*notify.WebhookOptions)
		want   string
	}{
		"no address":                  {func(o *notify.WebhookOptions) { o.URL = "" }, "url or url_file is required"},
		"no URL":                      {func(o *notify.WebhookOptions) { o.URL = "hooks.example.com/s3cr3t" }, "url is not an https URL"},
		"in the clear":                {func(o *notify.WebhookOptions) { o.URL = "http://hooks.example.com/s3cr3t" }, "url is not encrypted (http://hooks.example.com); write https"},
		"a password in the URL":       {func(o *notify.WebhookOptions) { o.URL = "https://a:s3cr3t@hooks.example.com" }, "url has a user name"},
		"a template that is broken":   {func(o *notify.WebhookOptions) { o.Body = "{{.Text" }, "body: body:1: unclosed action"},
		"a field that does not exist": {func(o *notify.WebhookOptions) { o.Body = "\n{{json .Txt}}" }, "can't evaluate field Txt"},
		"a function that is not ours": {func(o *notify.WebhookOptions) { o.Headers = map[string]string{"X-A": "{{env \"HOME\"}}"} }, `headers.X-A: headers.X-A:1: function "env" not defined`},
		"a secret that is not there":  {func(o *notify.WebhookOptions) { o.Headers = map[string]string{"X-A": `{{secret "x"}}`} }, `no secret is called "x"; add it under secret_files or secret_env`},
		"texts that are not escaped":  {func(o *notify.WebhookOptions) { o.Body = `{"text": "{{.Text}}"}` }, `body: is no JSON once texts with quotes and line breaks are filled in`},
		"a host that is filled in":    {func(o *notify.WebhookOptions) { o.URL = "https://{{.Phase}}.example.com" }, ""},
		"a header of two lines":       {func(o *notify.WebhookOptions) { o.Headers = map[string]string{"X-A": "{{.Text}}"} }, "headers.X-A: has more than one line"},
		"no name of a header":         {func(o *notify.WebhookOptions) { o.Headers = map[string]string{"X A": "b"} }, `headers: "X A" is not a name`},
		"an unknown method":           {func(o *notify.WebhookOptions) { o.Method = "GET" }, `method "GET" is not known`},
		"an unknown recipient":        {func(o *notify.WebhookOptions) { o.To = "pager" }, `to: "pager" is not known`},
		"an unknown phase":            {func(o *notify.WebhookOptions) { o.Phases = []string{"over"} }, `phases: "over" is not known`},
		"no base64":                   {func(o *notify.WebhookOptions) { o.SigningSecret = "whsec_s3cr3t!" }, "signing_secret begins with whsec_"},
		"a variable that is not set":  {func(o *notify.WebhookOptions) { o.SecretEnv = map[string]string{"a": "NEVERLAPSE_NO_SUCH"} }, "secret_env.a: the environment variable NEVERLAPSE_NO_SUCH is not set"},
		"a file that is not there":    {func(o *notify.WebhookOptions) { o.SecretFiles = map[string]string{"a": "/no/such"} }, "secret_files.a: "},
	} {
		t.Run(name, func(t *testing.T) {
			o := notify.WebhookOptions{URL: "https://hooks.example.com/s3cr3t"}
			tc.change(&o)
			w, err := notify.NewWebhook(o)
			if tc.want == "" { // it cannot be seen before: then nothing is sent
				_, err = w.Send(t.Context(), hookMessage(), false)
				tc.want = "url: leads elsewhere"
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestAHostileNameCannotLeadAWebhookElsewhere(t *testing.T) {
	v := vendor(t, takesAll)
	for _, address := range []string{"/{{.Owner}}/x", "/{{path .Owner}}?o={{query .Owner}}"} {
		w := webhook(t, notify.WebhookOptions{URL: v.URL() + strings.ReplaceAll(address, "{{.Owner}}", "{{path .Owner}}")})
		for _, owner := range []string{"@evil.example.com", "/../..//evil.example.com", ".evil.example.com", "?x\r\nX-Evil: 1"} {
			m := hookMessage()
			m.Notice.Owner = owner
			_, err := w.Send(t.Context(), m, false)
			for _, a := range v.Taken() {
				if a.Header.Get("X-Evil") != "" {
					t.Errorf("%s: a header was added", owner)
				}
			}
			if err != nil && !strings.Contains(err.Error(), "url: leads elsewhere") {
				t.Errorf("%s: %v", owner, err)
			}
		}
	}
}

func TestASuccessThatIsNoneIsSeen(t *testing.T) {
	v := vendor(t, func(notifytest.Asked) notifytest.Said {
		return notifytest.Said{Status: 200, Body: `{"header":{"isSuccessful":false,"resultMessage":"no such number"},"id":"77"}`}
	})
	o := notify.WebhookOptions{URL: v.URL(), Reply: notify.WebhookReply{OK: "{{.header.isSuccessful}}", ID: "{{.id}}", Error: "{{.header.resultMessage}}"}}
	_, err := webhook(t, o).Send(t.Context(), hookMessage(), false)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "no such number") {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
	o.Reply.OK = ""
	if r, err := webhook(t, o).Send(t.Context(), hookMessage(), false); err != nil || r.ID != "77" {
		t.Errorf("receipt %+v, %v", r, err)
	}
}

func TestOnlyTheNewsThatAreWantedAreSent(t *testing.T) {
	v := vendor(t, takesAll)
	w := webhook(t, notify.WebhookOptions{URL: v.URL(), Phases: []string{"acknowledged", "resolved"}, Body: `{{json .Phase}}`})
	first, err := w.Send(t.Context(), hookMessage(), false)
	if err != nil {
		t.Fatal(err)
	}
	m := hookMessage()
	m.InReplyTo, m.DedupKey = &first, "second"
	second, err := w.Send(t.Context(), m, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range []alert.Phase{alert.Changed, alert.Acknowledged, alert.Snoozed, alert.Resolved} {
		for _, r := range []alert.Receipt{first, second} {
			m := hookMessage()
			m.Notice.Phase, m.DedupKey = phase, string(phase)
			if err := w.Update(t.Context(), r, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	for _, a := range v.Taken() {
		got = append(got, a.Body)
	}
	if want := `"firing" "firing" "acknowledged" "resolved"`; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestASignatureCanBeExpressedInHeaders(t *testing.T) {
	v := vendor(t, takesAll)
	w := webhook(t, notify.WebhookOptions{
		URL: v.URL() + "/a?b=c", SecretFiles: map[string]string{"key": kept(t, "k")},
		Headers: map[string]string{"X-Signed": `{{.Request.Method}} {{.Request.Path}} {{len .Request.Body}} {{.Request.Millis}}`,
			"X-Mac": `{{hmacSHA256 (secret "key") (printf "%s\n%d" .Request.Path .Request.Millis) | base64}}`},
		Body: `{"at": {{.Request.Millis}}}`,
	})
	if _, err := w.Send(t.Context(), hookMessage(), false); err != nil {
		t.Fatal(err)
	}
	a := v.Taken()[0]
	var body struct{ At int64 }
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || time.Since(time.UnixMilli(body.At)).Abs() > time.Hour {
		t.Fatalf("%s: %v", a.Body, err)
	}
	if got, want := a.Header.Get("X-Signed"), fmt.Sprintf("POST /a?b=c %d %d", len(a.Body), body.At); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if mac, err := base64.StdEncoding.DecodeString(a.Header.Get("X-Mac")); err != nil || len(mac) != 32 {
		t.Errorf("%q: %v", a.Header.Get("X-Mac"), err)
	}
}
