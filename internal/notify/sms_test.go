package notify_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/acm/mototest"
)

var _ activities.Channel = (*notify.SMS)(nil)

const telephone = "+821012345678"

// smsProviders make each provider with its stand-in.
var smsProviders = map[string]func(t *testing.T) (*notifytest.Vendor, notify.SMSOptions){
	"twilio": func(t *testing.T) (*notifytest.Vendor, notify.SMSOptions) {
		v, err := notifytest.NewTwilio()
		if err != nil {
			t.Fatal(err)
		}
		return v, notify.SMSOptions{Provider: "twilio", Twilio: notify.TwilioOptions{
			AccountSID: notifytest.TwilioAccount, AuthToken: notifytest.TwilioToken, From: notifytest.TwilioFrom, StatusCallback: "https://status.example.com/sms", URL: v.URL(), NoWait: true,
		}}
	},
	"sns": func(t *testing.T) (*notifytest.Vendor, notify.SMSOptions) {
		v, err := notifytest.NewSNS()
		if err != nil {
			t.Fatal(err)
		}
		return v, notify.SMSOptions{Provider: "sns", SNS: notify.SNSOptions{
			Region: notifytest.AWSRegion, AccessKeyID: notifytest.AWSKeyID, SecretAccessKey: notifytest.AWSSecret, SenderID: "Neverlapse", URL: v.URL(),
		}}
	},
}

func sms(t *testing.T, o notify.SMSOptions) *notify.SMS {
	t.Helper()
	c, err := notify.NewSMS(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSMSKeepsTheContract(t *testing.T) {
	for name, provider := range smsProviders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notifytest.Run(t, func(t *testing.T) notifytest.Bench {
				v, o := provider(t)
				t.Cleanup(func() { v.Close() })
				return notifytest.Bench{
					Kind: notify.KindSMS, Address: telephone, Channel: sms(t, o), Brief: true, Trouble: v.Troubles(), Heal: v.Heal, Answers: v.SetAnswer,
					Secrets: []string{notifytest.TwilioToken, notifytest.AWSSecret},
					Delivered: func() (out []notifytest.Delivery) {
						for i, a := range v.Taken() {
							form, err := url.ParseQuery(a.Body)
							if err != nil {
								t.Error(err)
							}
							out = append(out, notifytest.Delivery{ID: string(rune('a' + i)), Reading: form.Get("Body") + form.Get("Message")})
						}
						return out
					},
				}
			})
		})
	}
}

func smsTo(address, language string) alert.Message {
	return notifytest.Message(notifytest.Sample(), notify.KindSMS, address, language)
}

func TestATextMessageIsOfOnePartUnlessMoreAreAllowed(t *testing.T) {
	v, o := smsProviders["twilio"](t)
	defer v.Close()
	last := func() string {
		all := v.Taken()
		form, _ := url.ParseQuery(all[len(all)-1].Body)
		return form.Get("Body")
	}
	m := smsTo(telephone, "ko")
	m.Notice.Certificate = "payments.frankfurt.production.internal.example.co.kr"
	for parts, check := range map[int]func(string) bool{
		0: func(s string) bool {
			return notify.Segments(s) == 1 && strings.Contains(s, "..") && !strings.Contains(s, "http")
		},
		1: func(s string) bool { return notify.Segments(s) == 1 },
		3: func(s string) bool {
			return notify.Segments(s) <= 3 && strings.Contains(s, m.Notice.Certificate) && strings.Contains(s, m.Notice.Link)
		},
	} {
		o.MaxSegments = parts
		if _, err := sms(t, o).Send(t.Context(), m, false); err != nil {
			t.Fatal(err)
		}
		if got := last(); !check(got) {
			t.Errorf("%d: %d parts: %q", parts, notify.Segments(got), got)
		}
	}
}

func TestPartsAreCountedAsCarriersDo(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a": 1, strings.Repeat("a", 160): 1, strings.Repeat("a", 161): 2, strings.Repeat("a", 306): 2, strings.Repeat("a", 307): 3,
		strings.Repeat("€", 80): 1, strings.Repeat("€", 81): 2, strings.Repeat("가", 70): 1, strings.Repeat("가", 71): 2, strings.Repeat("가", 134): 2, strings.Repeat("가", 135): 3,
		strings.Repeat("a", 70) + "…": 2, strings.Repeat("😀", 35): 1, strings.Repeat("😀", 36): 2, "[P1] ~{}": 1,
	} {
		if got := notify.Segments(text); got != want {
			t.Errorf("%d parts, want %d: %q", got, want, text)
		}
	}
}

func TestWhatAServiceOfTextMessagesRefusesIsToldByItsWord(t *testing.T) {
	for name, tc := range map[string]struct {
		provider, want string
		change         func(*notify.SMSOptions)
		to             string
	}{
		"a number that is none":      {"twilio", "21211: Invalid 'To' Phone Number", nil, "+15005550001"},
		"another sender":             {"twilio", "21606: ", func(o *notify.SMSOptions) { o.Twilio.From = "+15005550007" }, telephone},
		"another token":              {"twilio", "20003: Authenticate", func(o *notify.SMSOptions) { o.Twilio.AuthToken = "wr0ng" }, telephone},
		"another account":            {"twilio", "20003", func(o *notify.SMSOptions) { o.Twilio.AccountSID = "AC" + strings.Repeat("f", 32) }, telephone},
		"a number that SNS does not": {"sns", "InvalidParameter: Invalid parameter: PhoneNumber", nil, "+15005550001"},
		"another key":                {"sns", "SignatureDoesNotMatch", func(o *notify.SMSOptions) { o.SNS.SecretAccessKey = "wr0ng" }, telephone},
		"another region":             {"sns", "SignatureDoesNotMatch", func(o *notify.SMSOptions) { o.SNS.Region = "us-east-1" }, telephone},
		"no number at all":           {"sns", "is no telephone number; mend the directory", nil, "minji"},
	} {
		t.Run(name, func(t *testing.T) {
			v, o := smsProviders[tc.provider](t)
			defer v.Close()
			if tc.change != nil {
				tc.change(&o)
			}
			_, err := sms(t, o).Send(t.Context(), smsTo(tc.to, "en"), false)
			if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestAServiceOfTextMessagesThatIsNotConfiguredIsRefused(t *testing.T) {
	good := notify.TwilioOptions{AccountSID: notifytest.TwilioAccount, AuthToken: "x", From: "+15005550006"}
	for want, change := range map[string]func(*notify.SMSOptions){
		`provider "" is not known; use twilio or sns, or a webhook for others`: func(o *notify.SMSOptions) { o.Provider = "" },
		"max_segments 7 is not from 1 to 6":                                    func(o *notify.SMSOptions) { o.MaxSegments = 7 },
		"twilio.account_sid \"SK1\" is not an account SID":                     func(o *notify.SMSOptions) { o.Twilio.AccountSID = "SK1" },
		"twilio.auth_token or twilio.auth_token_file is required":              func(o *notify.SMSOptions) { o.Twilio.AuthToken = "" },
		"twilio.from or twilio.messaging_service is required":                  func(o *notify.SMSOptions) { o.Twilio.From = "" },
		"sns is set although the provider is twilio":                           func(o *notify.SMSOptions) { o.SNS.Region = "us-east-1" },
		`sns.region "" is not a region`:                                        func(o *notify.SMSOptions) { *o = notify.SMSOptions{Provider: "sns"} },
		"sns.access_key_id is not set, and neither is AWS_ACCESS_KEY_ID": func(o *notify.SMSOptions) {
			*o = notify.SMSOptions{Provider: "sns", SNS: notify.SNSOptions{Region: "us-east-1"}}
		},
	} {
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		o := notify.SMSOptions{Provider: "twilio", Twilio: good}
		change(&o)
		if _, err := notify.NewSMS(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestMotoTakesWhatIsPublished(t *testing.T) {
	t.Parallel()
	mototest.Need(t)
	aws, err := mototest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer aws.Stop()
	o := notify.SMSOptions{Provider: "sns", SNS: notify.SNSOptions{Region: notifytest.AWSRegion, AccessKeyID: "testing", SecretAccessKey: "testing", SenderID: "Neverlapse", URL: aws.URL}}
	if found, err := sms(t, o).Reach(t.Context()); err != nil || found != "SNS takes the access key" {
		t.Errorf("reached: %q, %v", found, err)
	}
	if r, err := sms(t, o).Send(t.Context(), smsTo(telephone, "ko"), false); err != nil || r.ID == "" {
		t.Errorf("receipt %+v, %v", r, err)
	}
	if _, err := sms(t, o).Send(t.Context(), smsTo("+1", "ko"), false); err == nil {
		t.Error("a number that is none was taken")
	}
}

func TestATextMessageThatTheCarrierDoesNotDeliverIsNoSuccess(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]struct {
		text    string
		address bool
	}{telephone: {"", false}, "+15005550003": {"30003", false}, "+15005550005": {"30005", true}} {
		v, o := smsProviders["twilio"](t)
		defer v.Close()
		o.Twilio.NoWait = false
		r, err := sms(t, o).Send(t.Context(), smsTo(number, "en"), false)
		if want.text == "" {
			if err != nil || r.ID == "" {
				t.Errorf("%s: %+v, %v", number, r, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want.text) || fault.OfAddress(err) != want.address || fault.Is(err, fault.Transient) {
			t.Errorf("%s: %v, of the address %v, want %q", number, err, fault.OfAddress(err), want.text)
		}
	}
}
