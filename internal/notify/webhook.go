package notify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"
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

// webhookID identifies a message to its receiver.
func webhookID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// request fills the templates in. Whatever comes from certificates and people
// can change neither where it goes nor add a header.
func (w *Webhook) request(ctx context.Context, m alert.Message, id, thread string) (*http.Request, error) {
	d := webhookData(m, id, thread, w.now())
	address, err := execute(w.t.url, d)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme+"://"+u.Host != w.host || u.User != nil {
		return nil, errors.New("url: leads elsewhere once this message is filled in; write {{path .Certificate}} or {{query .Certificate}} where a text is filled in")
	}
	body, err := w.body(d)
	if err != nil {
		return nil, err
	}
	req, err := post(ctx, w.o.Method, address, w.o.ContentType, []byte(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Idempotency-Key", m.DedupKey)
	d.Request.Method, d.Request.Path, d.Request.Body = w.o.Method, u.RequestURI(), body
	for name, t := range w.t.headers {
		value, err := execute(t, d)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("headers.%s: has more than one line once it is filled in", name)
		}
		req.Header.Set(name, value)
	}
	w.sign(req, id, body, d.Request.Seconds)
	return req, nil
}

func (w *Webhook) body(d WebhookData) (string, error) {
	if w.t.body == nil {
		return toJSON(d)
	}
	return execute(w.t.body, d)
}

// sign adds the headers of Standard Webhooks (standardwebhooks.com, 1.0.0).
func (w *Webhook) sign(req *http.Request, id, body string, at int64) {
	stamp := strconv.FormatInt(at, 10)
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	if w.key != nil {
		req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(sign(w.key, id+"."+stamp+"."+body)))
	}
}

// read says whether an answer means that the message was taken, and what the
// vendor calls it. Of the body nothing is shown but what reply.error picks.
func (w *Webhook) read(r reply) (id string, err error) {
	var v any
	if json.Unmarshal(r.body, &v) != nil {
		v = map[string]any{}
	}
	said := func() string {
		if w.t.error == nil {
			return ""
		}
		return picked(w.t.error, v)
	}
	const hint = "reply.error can show what it says"
	if !r.ok() && said() == "" {
		return "", w.caller.refusal(r, "", hint)
	}
	if !r.ok() {
		return "", w.caller.refusal(r, said(), "")
	}
	if w.t.ok != nil && picked(w.t.ok, v) != "true" {
		return "", fault.New(fault.Configuration, "%s: %s answered %d, but not as reply.ok wants it: %s", KindWebhook, r.server, r.status, orElse(w.caller.redact(said()), hint))
	}
	if w.t.id != nil {
		id = alert.Clean(picked(w.t.id, v))
	}
	return id, nil
}

// picked is what a template finds in an answer; nothing in one of another shape.
func picked(t *template.Template, v any) string {
	s, err := execute(t, v)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(s, "<no value>", ""))
}
