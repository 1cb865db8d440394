package notify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// SMSGuarantees is what text messages promise.
var SMSGuarantees = Guarantees{
	Kind: KindSMS, Interrupts: true, Interruption: "text message", Deduplicates: "no", ReachesOne: true, ReachesGroup: true,
}

// maxSegments bounds how long a text message may be configured to be.
const maxSegments = 6

// SMSOptions configures a service that sends text messages.
type SMSOptions struct {
	Reaching    `mapstructure:",squash"`
	Provider    string        `mapstructure:"provider"`     // twilio or sns
	MaxSegments int           `mapstructure:"max_segments"` // parts of one message; default 1
	Twilio      TwilioOptions `mapstructure:"twilio"`
	SNS         SNSOptions    `mapstructure:"sns"`
}

var phoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// smsProvider hands one text to a service, which says how it calls it.
type smsProvider interface {
	send(ctx context.Context, c *caller, to, body string) (id string, err error)
	// reach asks about our account, and says how it stands.
	reach(ctx context.Context, c *caller) (string, error)
}

// Validate checks what can be checked without dialling.
func (o SMSOptions) Validate() error {
	errs := []error{o.Reaching.validate()}
	if o.MaxSegments < 0 || o.MaxSegments > maxSegments {
		errs = append(errs, fmt.Errorf("max_segments %d is not from 1 to %d", o.MaxSegments, maxSegments))
	}
	switch o.Provider {
	case "twilio":
		errs = append(errs, o.Twilio.validate())
		if o.SNS != (SNSOptions{}) {
			errs = append(errs, errors.New("sns is set although the provider is twilio"))
		}
	case "sns":
		errs = append(errs, o.SNS.validate())
		if o.Twilio != (TwilioOptions{}) {
			errs = append(errs, errors.New("twilio is set although the provider is sns"))
		}
	default:
		errs = append(errs, fmt.Errorf("provider %q is not known; use twilio or sns, or a webhook for others", o.Provider))
	}
	return named(KindSMS, errs...)
}

// SMS sends each notice as one short text.
type SMS struct {
	provider smsProvider
	caller   *caller
	max      int
}

// NewSMS reads the secrets and makes the channel; it does not dial.
func NewSMS(o SMSOptions) (*SMS, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &SMS{max: max(o.MaxSegments, 1)}
	var secrets []string
	var err error
	if o.Provider == "twilio" {
		s.provider, secrets, err = o.Twilio.provider()
	} else {
		s.provider, secrets, err = o.SNS.provider()
	}
	if err == nil {
		s.caller, err = newCaller(KindSMS, o.Reaching, secrets...)
	}
	return s, named(KindSMS, err)
}

// Send hands the text to the service. A repetition sends it again: neither
// service can tell. What is resolved is not told: a text message costs, and the
// other channels tell it.
func (s *SMS) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if !phoneNumber.MatchString(m.Address) {
		return alert.Receipt{}, fault.NoAddress("%s: %q is no telephone number; mend the directory", KindSMS, alert.Clean(m.Address))
	}
	body := alert.Brief(m.Notice, m.To.Language, func(text string) bool { return segments(text) <= s.max })
	id, err := s.provider.send(ctx, s.caller, m.Address, body)
	if err != nil {
		return alert.Receipt{}, err
	}
	return receipt(m, KindSMS, m.Address, id, "", time.Now()), nil
}
