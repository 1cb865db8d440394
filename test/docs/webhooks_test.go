package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// vendors are the services of docs/webhooks: how each takes a request, and the
// secrets that it knows.
var vendors = map[string]struct {
	take    func(notifytest.Asked) notifytest.Said
	path    string // of a URL that is a secret as a whole
	secrets map[string]string
}{
	"dooray":          {take: notifytest.Dooray, path: "/services/1/2/s3cr3t"},
	"jandi":           {take: notifytest.Jandi, path: "/connect-api/webhook/1/s3cr3t"},
	"kakaowork":       {take: notifytest.KakaoWork, secrets: map[string]string{"app_key": notifytest.KakaoWorkKey}},
	"naver-works":     {take: notifytest.Works, path: "/message/s3cr3t"},
	"naver-works-bot": {take: notifytest.WorksBot, secrets: map[string]string{"token": notifytest.WorksToken}},
	"nhn-cloud-sms":   {take: notifytest.NHNSMS, secrets: map[string]string{"app_key": notifytest.NHNAppKey, "secret_key": notifytest.NHNSecretKey}},
	"ncp-sens-sms": {take: notifytest.SENS, secrets: map[string]string{
		"service_id": notifytest.SENSService, "access_key": notifytest.NCPAccessKey, "secret_key": notifytest.NCPSecretKey}},
}

// example builds the channel of an example, led to a stand-in; secrets are
// those of the vendor unless others are given.
func example(t *testing.T, name string, v *notifytest.Vendor, secrets map[string]string) (*notify.Webhook, config.Config) {
	t.Helper()
	c, err := config.Load(filepath.Join(root, "docs", "webhooks", name+".yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var o notify.WebhookOptions
	if err := config.DecodeOptions("channels[0].options", c.Channels[0].Options, &o); err != nil {
		t.Fatal(err)
	}
	put := func(text string) string {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if o.URLFile != "" {
		o.URLFile = put(v.URL() + vendors[name].path)
	} else {
		_, rest, _ := strings.Cut(strings.TrimPrefix(o.URL, "https://"), "/")
		o.URL = v.URL() + "/" + rest
	}
	for secret := range o.SecretFiles {
		o.SecretFiles[secret] = put(secrets[secret])
	}
	w, err := notify.NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return w, c
}

// to is the first person of an example, addressed as the worker would.
func to(c config.Config, n alert.Notice, language string) alert.Message {
	p := c.People[0]
	m := notifytest.Message(n, notify.KindWebhook, p.ID, language)
	m.To.Address = map[string]string{notify.KindEmail: p.Email, notify.KindSMS: p.Phone}
	for _, a := range p.Addresses {
		m.Address = a
	}
	return m
}

func TestEveryExampleOfAWebhookIsWhatItsVendorTakes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "webhooks", "*.yaml"))
	if err != nil || len(files) != len(vendors) {
		t.Fatalf("%d examples, %d vendors that the test knows: %v", len(files), len(vendors), err)
	}
	for name, x := range vendors {
		t.Run(name, func(t *testing.T) {
			v, err := notifytest.NewVendor(x.take)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			w, c := example(t, name, v, x.secrets)
			sent := 0
			for _, language := range alert.Languages() {
				for _, reason := range alert.Reasons {
					n := notifytest.Sample()
					n.Certificate, n.Reason, n.Key = "payments.frankfurt.production.example.co.kr", reason, string(reason)+language
					n.Cause = "\"quoted\" \\ and\nof two lines"
					r, err := w.Send(t.Context(), to(c, n, language), false)
					if err != nil {
						t.Fatalf("%s: %v", reason, err)
					}
					n.Phase = alert.Resolved
					if err := w.Update(t.Context(), r, to(c, n, language)); err != nil {
						t.Fatal(err)
					}
					sent++
				}
			}
			taken := v.Taken()
			if want := map[bool]int{true: sent, false: 2 * sent}[strings.HasSuffix(name, "-sms")]; len(taken) != want || len(v.Refused()) > 0 {
				t.Fatalf("%d of %d were taken; refused: %v", len(taken), want, v.Refused())
			}
			var body any
			if err := json.Unmarshal([]byte(taken[0].Body), &body); err != nil {
				t.Error(err)
			}
			t.Logf("%s %s", taken[0].Path, taken[0].Body)
		})
	}
}

func TestWhatAVendorRefusesIsSeenAlsoWhereItSaysSoWith200(t *testing.T) {
	for name, x := range vendors {
		if x.secrets == nil {
			continue
		}
		v, err := notifytest.NewVendor(x.take)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		wrong := map[string]string{}
		for secret := range x.secrets {
			wrong[secret] = "wr0ng-s3cr3t"
		}
		w, c := example(t, name, v, wrong)
		if _, err := w.Send(t.Context(), to(c, notifytest.Sample(), "ko"), false); err == nil || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Log(err)
		}
	}
}

func TestEveryOptionAndFieldOfAWebhookIsExplained(t *testing.T) {
	page := text(t, "docs/webhooks.md")
	var want []string
	options := reflect.TypeFor[notify.WebhookOptions]()
	for f := range options.Fields() {
		if f.Name != "Reply" {
			want = append(want, keysOf(f)...)
		}
	}
	for f := range reflect.TypeFor[notify.WebhookReply]().Fields() {
		want = append(want, "reply."+f.Tag.Get("mapstructure"))
	}
	for _, of := range []reflect.Type{reflect.TypeFor[notify.WebhookData](), reflect.TypeFor[notify.WebhookReader](), reflect.TypeFor[notify.WebhookAsked]()} {
		for f := range of.Fields() {
			if f.IsExported() {
				want = append(want, f.Name)
			}
		}
	}
	for _, name := range append(want, notify.WebhookFunctions()...) {
		if !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, "."+name+"`") && !strings.Contains(page, "`"+name+" ") {
			t.Errorf("docs/webhooks.md does not explain %s", name)
		}
	}
	for name := range vendors {
		if !strings.Contains(page, "webhooks/"+name+".yaml") {
			t.Errorf("docs/webhooks.md does not link to the example %s", name)
		}
	}
}
