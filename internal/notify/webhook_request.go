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
	"strconv"
	"strings"
	"text/template"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

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
