package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// KindPagerDuty is a service of PagerDuty.
const KindPagerDuty = "pagerduty"

// PagerDutyGuarantees is what PagerDuty promises.
var PagerDutyGuarantees = Guarantees{
	Kind: KindPagerDuty, Interrupts: true, Interruption: "as the service's escalation policy says",
	Deduplicates: "dedup_key", ReachesOne: true, ReachesGroup: true, Own: true, Answers: true, Updates: true,
}

const (
	pagerDutyEvents = "https://events.pagerduty.com/v2/enqueue"
	maxPagerSummary = 1024 // characters
	maxPagerDetails = 8000 // characters of one text; an event has 512 KB at most
)

var routingKey = regexp.MustCompile(`^[0-9a-zA-Z]{32}$`)

// PagerDutyOptions configures an integration of kind Events API v2 of a service.
type PagerDutyOptions struct {
	Reaching       `mapstructure:",squash"`
	RoutingKey     Secret `mapstructure:"routing_key"` // "Integration Key"
	RoutingKeyFile string `mapstructure:"routing_key_file"`
	// WebhookSecret proves that an acknowledgement comes from PagerDuty; without
	// it none is taken. Several, one a line, are good while one replaces another.
	WebhookSecret     Secret `mapstructure:"webhook_secret"`
	WebhookSecretFile string `mapstructure:"webhook_secret_file"`
	URL               string `mapstructure:"url"` // default https://events.pagerduty.com/v2/enqueue
}

// Validate checks what can be checked without dialling.
func (o PagerDutyOptions) Validate() error {
	errs := []error{o.Reaching.validate(), checkSecret("routing_key", o.RoutingKey, o.RoutingKeyFile, true), checkSecret("webhook_secret", o.WebhookSecret, o.WebhookSecretFile, false)}
	if o.URL != "" {
		_, err := checkURL("url", o.URL, false)
		errs = append(errs, err)
	}
	return named(KindPagerDuty, errs...)
}

// ReadWebhookSecrets gives the secrets that the web handler of acknowledgements
// needs; none if none is configured.
func (o PagerDutyOptions) ReadWebhookSecrets() ([]string, error) {
	s, err := readSecret("webhook_secret", o.WebhookSecret, o.WebhookSecretFile)
	return strings.Fields(s), named(KindPagerDuty, err)
}

// PagerDuty triggers, acknowledges and resolves incidents (Events API v2).
type PagerDuty struct {
	key    string
	url    string
	caller *caller
}

// NewPagerDuty reads the secrets and makes the channel; it does not dial.
func NewPagerDuty(o PagerDutyOptions) (*PagerDuty, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	key, err := readSecret("routing_key", o.RoutingKey, o.RoutingKeyFile)
	if err == nil && !routingKey.MatchString(key) {
		err = errors.New("routing_key is not an integration key, which has 32 letters and digits; copy it from the service's integration of kind Events API v2")
	}
	secrets, err2 := o.ReadWebhookSecrets()
	if err := errors.Join(err, err2); err != nil {
		return nil, named(KindPagerDuty, err)
	}
	c, err := newCaller(KindPagerDuty, o.Reaching, append(secrets, key)...)
	return &PagerDuty{key: key, url: orElse(o.URL, pagerDutyEvents), caller: c}, named(KindPagerDuty, err)
}

// Send triggers an incident, or adds to the log of the one that is open for the
// alert. The one of the firing before is over: the new one takes its place.
func (p *PagerDuty) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if err := checkKey(m); err != nil {
		return alert.Receipt{}, err
	}
	n := m.Notice
	incident := alert.Incident(n.AlertID, n.Round)
	if err := p.enqueue(ctx, p.trigger(m, incident)); err != nil {
		return alert.Receipt{}, err
	}
	if n.Round > 1 {
		if err := p.enqueue(ctx, pagerEvent{RoutingKey: p.key, Action: "resolve", DedupKey: alert.Incident(n.AlertID, n.Round-1)}); err != nil {
			return alert.Receipt{}, err
		}
	}
	id, thread := incident, ""
	if r := m.InReplyTo; r != nil && r.Kind == KindPagerDuty {
		id, thread = m.DedupKey, threadOf(*r)
	}
	return receipt(m, KindPagerDuty, m.Address, id, thread, time.Now()), nil
}

// Update acknowledges or resolves the incident that is open for the alert.
func (p *PagerDuty) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	actions := map[alert.Phase]string{alert.Acknowledged: "acknowledge", alert.Snoozed: "acknowledge", alert.Resolved: "resolve"}
	action := actions[m.Notice.Phase]
	if action == "" || !begins(r) {
		return nil
	}
	return p.enqueue(ctx, pagerEvent{RoutingKey: p.key, Action: action, DedupKey: alert.Incident(m.Notice.AlertID, m.Notice.Round)})
}

func (p *PagerDuty) enqueue(ctx context.Context, e pagerEvent) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fault.New(fault.Invalid, "%s: %w", KindPagerDuty, err)
	}
	req, err := post(ctx, http.MethodPost, p.url, "application/json", body)
	if err != nil {
		return err
	}
	r, err := p.caller.call(req)
	if err != nil || r.ok() {
		return err
	}
	var said struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	_ = json.Unmarshal(r.body, &said) // what is no JSON says nothing
	words := strings.TrimSpace(fmt.Sprint(said.Message, " ", strings.Join(said.Errors, "; ")))
	return p.caller.refusal(r, words, "is the integration of kind Events API v2, and its key still there?")
}
