package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// functions are what templates may call beside those of text/template.
func functions(secret func(name string) (string, error)) template.FuncMap {
	return template.FuncMap{
		"json":       toJSON,
		"secret":     secret,
		"path":       url.PathEscape,
		"query":      url.QueryEscape,
		"join":       func(sep string, all []string) string { return strings.Join(all, sep) },
		"cut":        func(n int, s string) string { return cut(s, n) },
		"national":   national,
		"hmacSHA256": func(key, text string) []byte { return sign([]byte(key), text) },
		"base64":     func(v any) string { return base64.StdEncoding.EncodeToString(octets(v)) },
		"hex":        func(v any) string { return hex.EncodeToString(octets(v)) },
	}
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func octets(v any) []byte {
	if b, ok := v.([]byte); ok {
		return b
	}
	return []byte(fmt.Sprint(v))
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, text)
	return h.Sum(nil)
}

// national writes a number as it is dialled inside its country: national "82"
// "+821012345678" is 01012345678. A number of another country keeps its form,
// digits only.
func national(country, number string) string {
	number = strings.TrimPrefix(number, "+")
	if rest, ok := strings.CutPrefix(number, country); ok {
		return "0" + rest
	}
	return number
}

// parsed are the templates of a webhook.
type parsed struct {
	url, body     *template.Template // body nil: every fact as JSON
	headers       map[string]*template.Template
	ok, id, error *template.Template // nil where not configured
}

// parse reads every template; what is wrong is told by option, line and column.
func (o WebhookOptions) parse(address string, secret func(string) (string, error)) (p parsed, err error) {
	var errs []error
	read := func(option, text string) *template.Template {
		if text == "" {
			return nil
		}
		t, err := template.New(option).Option("missingkey=zero").Funcs(functions(secret)).Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", option, strings.TrimPrefix(err.Error(), "template: ")))
		}
		return t
	}
	p = parsed{url: read("url", address), body: read("body", o.Body), headers: map[string]*template.Template{},
		ok: read("reply.ok", o.Reply.OK), id: read("reply.id", o.Reply.ID), error: read("reply.error", o.Reply.Error)}
	for name, text := range o.Headers {
		if t := read("headers."+name, text); t != nil {
			p.headers[name] = t
		}
	}
	return p, errors.Join(errs...)
}

// execute fills a template in; an error names it and what is wrong in it.
func execute(t *template.Template, data any) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	return b.String(), nil
}

// trying is a notice with which templates are tried before there is any: with
// all that breaks a body that does not escape what it fills in.
func trying(phase alert.Phase) alert.Message {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := alert.Message{
		Channel: "trying", Address: "someone", DedupKey: "trying",
		Notice: alert.Notice{
			Key: "trying", AlertID: "shop/0011/expiring", Phase: phase, Severity: alert.P2, Reason: alert.Expiring, Certificate: "shop", Names: []string{`"quoted" \ name`},
			Owner: `"quoted" \ owner`, Team: `"quoted" \ team`, Environment: `"quoted"`, At: at, Cause: "\"quoted\"\nsecond \\ line", Commands: []string{`neverlapse "shop"`},
			Version: cert.Version{NotAfter: at.AddDate(0, 0, 5), Fingerprint: "0011", Issuer: `"quoted" CA`}, Evidence: `"quoted"`,
			Answer: &alert.Answer{By: `"quoted"`, Via: "slack", At: at, Note: `"quoted"`}, Link: `https://example.com/?a="b"`,
		},
	}
	m.To.ID, m.To.Name = "someone", `"quoted" \ name`
	m.To.Address = map[string]string{KindEmail: "someone@example.com", KindSMS: "+821012345678", KindSlack: "U0SOMEONE"}
	return m
}

// WebhookFunctions names what templates may call beside those of text/template.
func WebhookFunctions() []string { return slices.Sorted(maps.Keys(functions(nil))) }
