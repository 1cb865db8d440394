package notify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// WebhookGuarantees is what a webhook promises.
var WebhookGuarantees = Guarantees{
	Kind: KindWebhook, Interrupts: true, Interruption: "with `interrupts: true`, where what receives it does",
	Deduplicates: "Idempotency-Key, webhook-id", ReachesOne: true, ReachesGroup: true, Own: true,
}

// Webhook sends a request to any server, as its templates say.
type Webhook struct {
	o      WebhookOptions
	t      parsed
	caller *caller
	host   string // where it goes, whatever is filled in
	key    []byte // of the signature; nil: none
	now    func() time.Time
}

// NewWebhook reads the secrets and tries every template; it does not dial.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	w := &Webhook{o: o, now: time.Now}
	w.o.Method = orElse(o.Method, http.MethodPost)
	w.o.ContentType = orElse(o.ContentType, "application/json")
	if o.Phases == nil {
		w.o.Phases = []string{string(alert.Resolved)}
	}
	address, err1 := readSecret("url", Secret(o.URL), o.URLFile)
	secrets, err2 := o.secrets()
	key, err3 := readSecret("signing_secret", o.SigningSecret, o.SigningSecretFile)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, named(KindWebhook, err)
	}
	var err error
	if w.key, err = signingKey(key); err != nil {
		return nil, named(KindWebhook, err)
	}
	if w.t, err = o.parse(address, w.secret); err != nil {
		return nil, named(KindWebhook, err)
	}
	if w.caller, err = newCaller(KindWebhook, o.Reaching, append(secrets, key)...); err != nil {
		return nil, named(KindWebhook, err)
	}
	return w, named(KindWebhook, w.try())
}

// secret is one of a template, which no error shows from now on.
func (w *Webhook) secret(name string) (string, error) {
	s, err := w.o.secret(name)
	w.caller.hide(s)
	return s, err
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// signingKey reads a secret as Standard Webhooks writes them; any other text is
// the key itself.
func signingKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	switch {
	case secret == "":
		return nil, nil
	case !ok:
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errors.New("signing_secret begins with whsec_ and what follows is not base64; copy it again")
	}
	return key, nil
}

// try fills every template in, so that what is wrong is seen before it counts.
func (w *Webhook) try() error {
	for _, phase := range alert.Phases {
		m := trying(phase)
		address, err := execute(w.t.url, webhookData(m, "msg_try", "msg_try", w.now()))
		if err != nil {
			return err
		}
		u, err := checkURL("url", address, w.o.Insecure)
		if err != nil {
			return err
		}
		w.host = u.Scheme + "://" + u.Host
		req, err := w.request(context.Background(), m, "msg_try", "msg_try")
		if err != nil {
			return err
		}
		body, err := req.GetBody()
		if err != nil || !strings.Contains(w.o.ContentType, "json") {
			continue
		}
		var v any
		if err := json.NewDecoder(body).Decode(&v); err != nil {
			return fmt.Errorf("body: is no JSON once texts with quotes and line breaks are filled in: %w; write {{json .Text}} where \"{{.Text}}\" stands", err)
		}
	}
	return nil
}

// Send makes the request. A repetition has the same Idempotency-Key.
func (w *Webhook) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	thread := ""
	if r := m.InReplyTo; r != nil && r.Channel == m.Channel {
		thread = threadOf(*r)
	}
	return w.deliver(ctx, m, thread)
}

// Update sends the news that are configured, once a thread.
func (w *Webhook) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if !begins(r) || !slices.Contains(w.o.Phases, string(m.Notice.Phase)) {
		return nil
	}
	_, err := w.deliver(ctx, asSent(m, r), threadOf(r))
	return err
}

func (w *Webhook) deliver(ctx context.Context, m alert.Message, thread string) (alert.Receipt, error) {
	if err := checkKey(m); err != nil {
		return alert.Receipt{}, err
	}
	id := webhookID(m.DedupKey)
	req, err := w.request(ctx, m, id, orElse(thread, id))
	if err != nil {
		return alert.Receipt{}, fault.New(fault.Configuration, "%s: %w", KindWebhook, err)
	}
	r, err := w.caller.call(req)
	if err != nil {
		return alert.Receipt{}, err
	}
	theirs, err := w.read(r)
	if err != nil {
		return alert.Receipt{}, err
	}
	return receipt(m, orElse(m.Kind, KindWebhook), m.Address, orElse(theirs, id), thread, w.now()), nil
}
