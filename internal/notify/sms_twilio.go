package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// TwilioOptions configures Twilio's Programmable Messaging.
type TwilioOptions struct {
	AccountSID       string `mapstructure:"account_sid"`
	AuthToken        Secret `mapstructure:"auth_token"`
	AuthTokenFile    string `mapstructure:"auth_token_file"`
	From             string `mapstructure:"from"`              // a number of the account, or a sender ID
	MessagingService string `mapstructure:"messaging_service"` // MG..., instead of from
	StatusCallback   string `mapstructure:"status_callback"`   // where Twilio tells what became of each message
	URL              string `mapstructure:"url"`               // default https://api.twilio.com
	NoWait           bool   `mapstructure:"no_wait"`           // what Twilio accepted counts, whatever the carrier says then
}

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-f]{32}$`)
)

func (o TwilioOptions) validate() error {
	errs := []error{checkSecret("twilio.auth_token", o.AuthToken, o.AuthTokenFile, true)}
	if !accountSID.MatchString(o.AccountSID) {
		errs = append(errs, fmt.Errorf("twilio.account_sid %q is not an account SID, AC and 32 hexadecimal digits", o.AccountSID))
	}
	if (o.From == "") == (o.MessagingService == "") {
		errs = append(errs, errors.New("twilio.from or twilio.messaging_service is required, and not both"))
	}
	if o.MessagingService != "" && !serviceSID.MatchString(o.MessagingService) {
		errs = append(errs, fmt.Errorf("twilio.messaging_service %q is not the SID of one, MG and 32 hexadecimal digits", o.MessagingService))
	}
	for option, address := range map[string]string{"twilio.url": o.URL, "twilio.status_callback": o.StatusCallback} {
		if address != "" {
			_, err := checkURL(option, address, false)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// twilioNowhere are the errors that are about the recipient's number: not valid,
// out of reach of the account, unsubscribed, no mobile; unknown to the carrier, a
// landline.
var twilioNowhere = map[int]bool{21211: true, 21217: true, 21612: true, 21610: true, 21614: true, 30005: true, 30006: true}

type twilio struct {
	o     TwilioOptions
	url   string
	token string
}

func (o TwilioOptions) provider() (smsProvider, []string, error) {
	token, err := readSecret("twilio.auth_token", o.AuthToken, o.AuthTokenFile)
	base := strings.TrimSuffix(orElse(o.URL, "https://api.twilio.com"), "/")
	return &twilio{o, base + "/2010-04-01/Accounts/" + o.AccountSID + "/Messages.json", token}, []string{token}, err
}

func (t *twilio) send(ctx context.Context, c *caller, to, body string) (string, error) {
	form := url.Values{"To": {to}, "Body": {body}}
	for key, value := range map[string]string{"From": t.o.From, "MessagingServiceSid": t.o.MessagingService, "StatusCallback": t.o.StatusCallback} {
		if value != "" {
			form.Set(key, value)
		}
	}
	req, err := post(ctx, http.MethodPost, t.url, "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(t.o.AccountSID, t.token)
	r, err := c.call(req)
	if err != nil {
		return "", err
	}
	var said struct {
		SID          string `json:"sid"`
		Status       string `json:"status"`
		ErrorCode    int    `json:"error_code"`
		ErrorMessage string `json:"error_message"`
		Code         int    `json:"code"`
		Message      string `json:"message"`
	}
	jsonErr := json.Unmarshal(r.body, &said)
	switch {
	case r.ok() && (said.Status == "failed" || said.Status == "undelivered"):
		return "", t.undelivered(c, said.ErrorCode, said.ErrorMessage)
	case !r.ok() && twilioNowhere[said.Code]:
		return "", fault.NoAddress("%s: Twilio sends nothing to this number: %d: %s; mend the directory", KindSMS, said.Code, c.redact(said.Message))
	case !r.ok() && said.Code != 0:
		return "", c.refusal(r, fmt.Sprintf("%d: %s", said.Code, said.Message), "https://www.twilio.com/docs/errors explains the number")
	case !r.ok():
		return "", c.refusal(r, "", "check account_sid and auth_token")
	case jsonErr != nil || said.SID == "":
		return "", fault.New(fault.Configuration, "%s: %s answered %d and no message; does twilio.url lead to Twilio?", KindSMS, r.server, r.status)
	}
	sid := alert.Clean(said.SID)
	if t.o.NoWait {
		return sid, nil
	}
	return sid, t.carried(ctx, c, sid)
}

// undelivered is the fault of a message that Twilio took and the carrier did not deliver.
func (t *twilio) undelivered(c *caller, code int, why string) error {
	text := fmt.Sprintf("%s: Twilio took the message and it was not delivered: %d %s; https://www.twilio.com/docs/errors explains the number", KindSMS, code, c.redact(why))
	if twilioNowhere[code] {
		return fault.NoAddress("%s", text)
	}
	return fault.New(fault.Invalid, "%s", text)
}

// How long the carrier's word is waited for, and how often it is asked for. What
// comes later is in Twilio's log alone.
const (
	carrierPatience = 6 * time.Second
	carrierPause    = time.Second
)

// sidPattern is what may stand in an address that is asked for.
var sidPattern = regexp.MustCompile(`^[A-Za-z0-9]{2,64}$`)

// carried waits for what the carrier makes of a message. Nothing that goes wrong
// in asking makes the message undelivered, and neither does silence.
func (t *twilio) carried(ctx context.Context, c *caller, sid string) error {
	if !sidPattern.MatchString(sid) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, carrierPatience)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(carrierPause):
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.url, ".json")+"/"+sid+".json", nil)
		if err != nil {
			return nil
		}
		req.SetBasicAuth(t.o.AccountSID, t.token)
		req.Header.Set("User-Agent", "neverlapse")
		r, err := c.call(req)
		if err != nil || !r.ok() {
			continue
		}
		var now struct {
			Status       string `json:"status"`
			ErrorCode    int    `json:"error_code"`
			ErrorMessage string `json:"error_message"`
		}
		if json.Unmarshal(r.body, &now) != nil {
			return nil
		}
		switch now.Status {
		case "delivered", "read", "received", "canceled":
			return nil
		case "failed", "undelivered":
			return t.undelivered(c, now.ErrorCode, now.ErrorMessage)
		}
	}
}
