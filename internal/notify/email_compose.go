package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// messageID derives the Message-ID (without angle brackets) from the key, in
// the sender's domain.
func messageID(key, from string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16]) + "@" + from[strings.LastIndexByte(from, '@')+1:]
}

// compose writes the mail. Every header comes from a parsed address, a hash or
// a cleaned text of one line, so none can be added through a notice.
func (e *Email) compose(m alert.Message, address, id string, before []string) (*gomail.Msg, error) {
	to, err := mail.ParseAddress(address)
	if err != nil {
		return nil, fault.NoAddress("e-mail address %q: %w; mend the directory", alert.Clean(address), err)
	}
	if alert.Clean(to.Address) != to.Address {
		return nil, fault.NoAddress("e-mail address %q has control characters; mend the directory", alert.Clean(address))
	}
	t := text(m)
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&e.from)
	if e.ReturnPath != nil {
		if err := msg.EnvelopeFrom(e.ReturnPath(to.Address)); err != nil {
			return nil, fault.New(fault.Configuration, "return path of bounces: %w", err)
		}
	}
	msg.ToMailAddress(&mail.Address{Name: alert.Clean(m.To.Name), Address: to.Address})
	msg.Subject(cut(t.Subject, 250))
	msg.SetMessageIDWithValue(id)
	if !m.Notice.At.IsZero() {
		msg.SetDateWithValue(m.Notice.At)
	}
	if refs := references(before); len(refs) > 0 {
		msg.SetGenHeader(gomail.HeaderInReplyTo, refs[len(refs)-1])
		msg.SetGenHeader(gomail.HeaderReferences, strings.Join(refs, " "))
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	for header, value := range map[gomail.Header]string{
		"X-Neverlapse-Certificate": m.Notice.Certificate, "X-Neverlapse-Alert": m.Notice.AlertID,
		"X-Neverlapse-Severity": string(m.Notice.Severity), "X-Neverlapse-Reason": string(m.Notice.Reason), "X-Neverlapse-Phase": string(m.Notice.Phase),
	} {
		if value != "" {
			msg.SetGenHeader(header, cut(alert.Clean(value), 250))
		}
	}
	if m.Notice.Severity == alert.P1 && m.Notice.Phase == alert.Firing {
		msg.SetImportance(gomail.ImportanceHigh)
	}
	msg.SetBodyString(gomail.TypeTextPlain, alert.Plain(t))
	var html strings.Builder
	if err := page.Execute(&html, t); err != nil {
		return nil, fault.New(fault.Invalid, "lay out the mail: %w", err)
	}
	msg.AddAlternativeString(gomail.TypeTextHTML, html.String())
	return msg, nil
}

// references gives the Message-IDs in angle brackets, each once; what is not a
// Message-ID of ours is left out.
func references(ids []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, id := range ids {
		if id == "" || seen[id] || strings.ContainsAny(id, "<> ") || alert.Clean(id) != id {
			continue
		}
		seen[id] = true
		out = append(out, fmt.Sprintf("<%s>", id))
	}
	return out
}

var page = template.Must(template.New("mail").Parse(`<!doctype html>
<html><body style="font-family:sans-serif;max-width:46em">
<h2 style="font-size:1.2em">{{.Headline}}</h2>
{{with .Answer}}<p><strong>{{.}}</strong></p>
{{end}}<table cellpadding="3">
{{range .Lines}}<tr><th align="left" valign="top">{{.Label}}</th><td>{{.Value}}</td></tr>
{{end}}</table>
{{template "list" .Standing}}{{range .Sections}}{{template "list" .}}{{end}}{{with .Cause}}{{if .Items}}<h3 style="font-size:1em">{{.Title}}</h3>
<pre style="background:#f4f4f4;padding:.6em;white-space:pre-wrap">{{range .Items}}{{.}}
{{end}}</pre>
{{end}}{{end}}{{with .NextAction}}<p>{{.}}</p>
{{end}}{{with .Advice}}<p>{{.}}</p>
{{end}}{{with .Answers}}{{if .Links}}<p>{{.Title}}:</p>
<p>{{range .Links}}<a href="{{.URL}}" style="display:inline-block;margin:0 .6em .4em 0;padding:.4em .8em;border:1px solid #555;border-radius:.3em;color:#222;text-decoration:none">{{.Label}}</a> {{end}}</p>
{{end}}{{end}}{{with .Commands}}{{if .Items}}<h3 style="font-size:1em">{{.Title}}</h3>
<pre style="background:#f4f4f4;padding:.6em;white-space:pre-wrap">{{range .Items}}{{.}}
{{end}}</pre>
{{end}}{{end}}{{template "list" .Places}}{{template "list" .Tried}}{{if .Link}}<p><a href="{{.Link}}">{{.LinkLabel}}</a></p>
{{end}}<p style="color:#666;font-size:.85em">{{.Footer}}</p>
</body></html>
{{define "list"}}{{if .Items}}<h3 style="font-size:1em">{{.Title}}</h3>
<ul>{{range .Items}}<li>{{.}}</li>
{{end}}</ul>
{{end}}{{end}}`))
