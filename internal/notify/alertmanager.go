package notify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// KindAlertmanager is the Alertmanager of Prometheus.
const KindAlertmanager = "alertmanager"

// AlertmanagerGuarantees is what an Alertmanager promises.
var AlertmanagerGuarantees = Guarantees{
	Kind: KindAlertmanager, Interrupts: true, Interruption: "as its routes say", Deduplicates: "labels of the alert",
	ReachesOne: true, ReachesGroup: true, Own: true, Updates: true, Groups: true,
}

// Alertmanager keeps one alert there for each of ours.
type Alertmanager struct {
	o               AlertmanagerOptions
	password, token string
	caller          *caller
}

// NewAlertmanager reads the secrets and makes the channel; it does not dial.
func NewAlertmanager(o AlertmanagerOptions) (*Alertmanager, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	a := &Alertmanager{o: o}
	var err1, err2, err3 error
	a.password, err1 = readSecret("password", o.Password, o.PasswordFile)
	a.token, err2 = readSecret("bearer_token", o.BearerToken, o.BearerTokenFile)
	a.caller, err3 = newCaller(KindAlertmanager, o.Reaching, a.password, a.token)
	if a.o.Hold == 0 {
		a.o.Hold = holdAlert
	}
	return a, named(KindAlertmanager, err1, err2, err3)
}

// posted is an alert as the API takes it.
type posted struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt,omitzero"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Send makes the alert, or prolongs the one that is there.
func (a *Alertmanager) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if err := checkKey(m); err != nil {
		return alert.Receipt{}, err
	}
	id, thread, first := known(a.labels(m.Notice)), "", ""
	if r := m.InReplyTo; r != nil && r.Kind == KindAlertmanager {
		id, thread, first = m.DedupKey, threadOf(*r), threadOf(*r)
	}
	if err := a.post(ctx, a.all(m, first)); err != nil {
		return alert.Receipt{}, err
	}
	return receipt(m, KindAlertmanager, m.Address, id, thread, time.Now()), nil
}

// Update shows the news in the alert's annotations, and ends it when it is resolved.
func (a *Alertmanager) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if !begins(r) {
		return nil
	}
	return a.post(ctx, a.all(asSent(m, r), threadOf(r)))
}

// all is the alert as it is, and the end of those that it was: with the labels of
// its first message, if its owner is another now, and of the other severities.
func (a *Alertmanager) all(m alert.Message, first string) []posted {
	labels := a.labels(m.Notice)
	now := a.alert(m, labels)
	if m.Notice.Phase == alert.Resolved {
		now = over(now)
	}
	out := []posted{now}
	past := []map[string]string{unknown(first)}
	for _, s := range []alert.Severity{alert.P1, alert.P2, alert.P3, alert.P4} {
		n := m.Notice
		n.Severity = s
		past = append(past, a.labels(n))
	}
	for _, p := range past {
		if p != nil && !maps.Equal(p, labels) {
			out = append(out, over(a.alert(m, p)))
		}
	}
	return out
}

// post tells every member, for they do not tell each other. It is delivered if
// one of them took it.
func (a *Alertmanager) post(ctx context.Context, all []posted) error {
	body, err := json.Marshal(all)
	if err != nil {
		return fault.New(fault.Invalid, "%s: %w", KindAlertmanager, err)
	}
	results := make(chan error, len(a.o.URLs))
	for _, u := range a.o.URLs {
		go func() { results <- a.tell(ctx, u, body) }()
	}
	var worst error
	delivered := false
	for range a.o.URLs {
		err := <-results
		delivered = delivered || err == nil
		if worst == nil || fault.Is(worst, fault.Configuration) && err != nil { // what may pass is tried again
			worst = err
		}
	}
	if delivered {
		return nil
	}
	return worst
}

func (a *Alertmanager) tell(ctx context.Context, base string, body []byte) error {
	req, err := post(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/api/v2/alerts", "application/json", body)
	if err != nil {
		return err
	}
	a.login(req)
	r, err := a.caller.call(req)
	if err != nil || r.ok() {
		return err
	}
	var said string
	if json.Unmarshal(r.body, &said) != nil {
		var object struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(r.body, &object) // what is neither says nothing
		said = object.Message
	}
	return a.caller.refusal(r, said, "does urls lead to Alertmanager's API v2?")
}

func (a *Alertmanager) login(req *http.Request) {
	switch {
	case a.o.Username != "":
		req.SetBasicAuth(a.o.Username, a.password)
	case a.token != "":
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
}
