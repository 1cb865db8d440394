package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// KindShoutrrr is whatever the library shoutrrr reaches.
const KindShoutrrr = "shoutrrr"

// ShoutrrrGuarantees is what it promises.
var ShoutrrrGuarantees = Guarantees{
	Kind: KindShoutrrr, Interrupts: true, Interruption: "with `interrupts: true`, where the service does", Deduplicates: "no",
	ReachesOne: true, ReachesGroup: true, Own: true,
}

// maxShoutrrr is how long a message is: the least that a service takes (Telegram: 4096).
const maxShoutrrr = 3500

// betterServed are services that are refused, and what is used for them.
var betterServed = map[string]string{
	"slack": "the kind slack", "hook": "the kind slack", "teams": "the kind teams", "smtp": "the kind email", "pagerduty": "the kind pagerduty", "generic": "the kind webhook", "logger": "the kind console",
}

// ShoutrrrOptions configures one service by its address.
type ShoutrrrOptions struct {
	URL        Secret        `mapstructure:"url"` // telegram://..., as the library's documentation has it
	URLFile    string        `mapstructure:"url_file"`
	Interrupts bool          `mapstructure:"interrupts"`
	Timeout    time.Duration `mapstructure:"timeout"` // of one message; default 20s
}

// Validate checks what can be checked without the secret.
func (o ShoutrrrOptions) Validate() error {
	errs := []error{checkSecret("url", o.URL, o.URLFile, true)}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout %v is negative", o.Timeout))
	}
	return named(KindShoutrrr, errs...)
}

// Shoutrrr sends plain messages through the library of that name. The library
// knows neither contexts nor kinds of error, and shows addresses in errors; both
// are made up for here.
type Shoutrrr struct {
	url     string
	service string
	secrets []string
	timeout time.Duration
}

// NewShoutrrr reads the address and has the library parse it; it does not dial.
func NewShoutrrr(o ShoutrrrOptions) (*Shoutrrr, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	address, err := readSecret("url", o.URL, o.URLFile)
	if err != nil {
		return nil, named(KindShoutrrr, err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, named(KindShoutrrr, errors.New("url is not the address of a service, like telegram://TOKEN@telegram"))
	}
	s := &Shoutrrr{url: address, service: strings.Split(strings.ToLower(u.Scheme), "+")[0], secrets: partsOf(u), timeout: o.Timeout}
	if s.timeout == 0 {
		s.timeout = 20 * time.Second
	}
	if better := betterServed[s.service]; better != "" {
		return nil, named(KindShoutrrr, fmt.Errorf("url: %s is better served by %s", s.service, better))
	}
	if err := s.parse(); err != nil {
		return nil, named(KindShoutrrr, fmt.Errorf("url: %s; https://shoutrrr.nickfedor.com has the form of each service", s.redact(err.Error())))
	}
	return s, nil
}

// parse has the library read the address. To make a service of dials is to log
// in, so of those only the name is looked up.
func (s *Shoutrrr) parse() error {
	if slices.Contains(dials, s.service) {
		_, err := (&router.ServiceRouter{}).NewService(s.service)
		return err
	}
	_, err := s.locate()
	return err
}

var dials = []string{"matrix"}

// locate makes the service anew: those of the library keep what the last message
// set, and are not made for two at once.
func (s *Shoutrrr) locate() (types.Service, error) {
	r, err := router.New(log.New(io.Discard, "", 0))
	if err != nil {
		return nil, err
	}
	return r.Locate(s.url)
}

// Send hands the message over. A repetition sends it again.
func (s *Shoutrrr) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if err := s.send(ctx, m); err != nil {
		return alert.Receipt{}, err
	}
	thread := ""
	if r := m.InReplyTo; r != nil && r.Channel == m.Channel {
		thread = threadOf(*r)
	}
	return receipt(m, orElse(m.Kind, KindShoutrrr), m.Address, m.DedupKey, thread, time.Now()), nil
}

// Update tells once a thread when the alert is resolved.
func (s *Shoutrrr) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if m.Notice.Phase != alert.Resolved || !begins(r) {
		return nil
	}
	return s.send(ctx, asSent(m, r))
}

// mentions are what some services ring everybody for.
var mentions = strings.NewReplacer("@everyone", "@ everyone", "@here", "@ here", "@channel", "@ channel", "@all", "@ all", "<@", "< @", "<!", "< !")

func (s *Shoutrrr) send(ctx context.Context, m alert.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "%s: %w", s.service, err)
	}
	service, err := s.locate()
	if err != nil && slices.Contains(dials, s.service) {
		return fault.New(fault.Transient, "%s: it cannot be logged in to: %s", s.service, s.redact(err.Error()))
	}
	if err != nil {
		return fault.New(fault.Configuration, "%s: %s", s.service, s.redact(err.Error()))
	}
	t := text(m)
	params := types.Params{"title": mentions.Replace(t.Subject)}
	done := make(chan error, 1)
	go func() { done <- service.Send(mentions.Replace(cut(alert.Plain(t), maxShoutrrr)), &params) }()
	select {
	case err = <-done:
	case <-ctx.Done(): // the library goes on; whether it arrives is not known
		return fault.New(fault.Transient, "%s: %w", s.service, ctx.Err())
	}
	if err == nil {
		return nil
	}
	said := s.redact(err.Error())
	switch status := statusIn(said); {
	case status == 429:
		return fault.After(time.Now().Add(30*time.Second), "%s: %s", s.service, said)
	case status >= 400 && status < 500 && status != 408 && status != 425:
		return fault.New(fault.Configuration, "%s: %s; check url", s.service, said)
	}
	return fault.New(fault.Transient, "%s: %s", s.service, said)
}
