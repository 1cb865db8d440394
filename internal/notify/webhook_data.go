package notify

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// WebhookData is what the templates of a webhook may use, and, as JSON, the
// body where none is configured. Its names are a contract with receivers. Every
// text is cleaned: one line, no control characters; Text has lines.
type WebhookData struct {
	ID          string        `json:"id"`     // the same for every delivery of one message
	Thread      string        `json:"thread"` // ID of the first message of the alert
	Channel     string        `json:"channel"`
	Phase       string        `json:"phase"`
	Severity    string        `json:"severity"`
	Reason      string        `json:"reason"`
	Alert       string        `json:"alert"` // the same for all news of one alert
	Test        bool          `json:"test,omitempty"`
	Certificate string        `json:"certificate"`
	Names       []string      `json:"names"`
	Managed     bool          `json:"managed"`
	Environment string        `json:"environment,omitempty"`
	Owner       string        `json:"owner,omitempty"`
	Team        string        `json:"team,omitempty"`
	Fingerprint string        `json:"fingerprint,omitempty"`
	Issuer      string        `json:"issuer,omitempty"`
	NotAfter    time.Time     `json:"notAfter,omitzero"`
	DaysLeft    int           `json:"daysLeft"` // whole days; 0 if less than one or none
	Expired     bool          `json:"expired"`
	At          time.Time     `json:"at"`
	Cause       string        `json:"cause,omitempty"`
	AnsweredBy  string        `json:"answeredBy,omitempty"`
	Note        string        `json:"note,omitempty"`
	Evidence    string        `json:"evidence,omitempty"`
	Commands    []string      `json:"commands,omitempty"`
	Link        string        `json:"link,omitempty"`
	Subject     string        `json:"subject"`
	Headline    string        `json:"headline"`
	Next        string        `json:"next,omitempty"`
	Advice      string        `json:"advice,omitempty"`
	Text        string        `json:"text"` // the whole message, in the reader's language
	To          WebhookReader `json:"to"`
	Request     WebhookAsked  `json:"-"`

	notice   alert.Notice
	language string
}

// WebhookReader is who is told.
type WebhookReader struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role,omitempty"`
	Language string `json:"language,omitempty"`
	Address  string `json:"address,omitempty"` // in this channel
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Slack    string `json:"slack,omitempty"`
}

// WebhookAsked is the request itself, for signatures. Path and Body are known
// to the templates of headers only.
type WebhookAsked struct {
	Method  string
	Path    string // with the query, as it is sent
	Body    string
	Seconds int64 // since 1970, UTC
	Millis  int64
}

// Brief is the message in one line of at most so many bytes in EUC-KR, in which
// Korean carriers count: 90 for an SMS.
func (d WebhookData) Brief(bytes int) string {
	return alert.Brief(d.notice, d.language, func(s string) bool { return eucKR(s) <= bytes })
}

// eucKR counts the bytes of a text in EUC-KR: one for ASCII, two for the rest.
func eucKR(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0x7f {
			n++
		}
	}
	return n
}

func webhookData(m alert.Message, id, thread string, at time.Time) WebhookData {
	n, t := m.Notice, text(m)
	c := alert.Clean
	left := cert.LeftUntil(n.At, n.Version.NotAfter)
	d := WebhookData{
		ID: id, Thread: thread, Channel: c(m.Channel), Phase: c(string(n.Phase)), Severity: c(string(n.Severity)), Reason: c(string(n.Reason)),
		Alert: c(n.AlertID), Test: n.Test, Certificate: c(n.Certificate), Names: cleanAll(n.Names), Managed: n.Managed,
		Environment: c(n.Environment), Owner: c(n.Owner), Team: c(n.Team), Fingerprint: c(string(n.Version.Fingerprint)), Issuer: c(n.Version.Issuer),
		NotAfter: n.Version.NotAfter, Expired: left.Passed && !n.Version.NotAfter.IsZero(), At: n.At, Cause: c(n.Cause), Evidence: c(n.Evidence),
		Commands: cleanAll(n.Commands), Link: c(n.Link), Subject: t.Subject, Headline: t.Headline, Next: t.NextAction, Advice: t.Advice,
		Text: alert.Plain(t), notice: n, language: m.To.Language,
		To: WebhookReader{
			ID: c(m.To.ID), Name: c(m.To.Name), Role: c(string(m.To.Role)), Language: c(m.To.Language), Address: c(m.Address),
			Email: c(m.To.Address[KindEmail]), Phone: c(m.To.Address[KindSMS]), Slack: c(m.To.Address[KindSlack]),
		},
		Request: WebhookAsked{Seconds: at.Unix(), Millis: at.UnixMilli()},
	}
	if !d.Expired && !n.Version.NotAfter.IsZero() {
		d.DaysLeft = int(n.Version.NotAfter.Sub(n.At) / (24 * time.Hour))
	}
	if n.Answer != nil {
		d.AnsweredBy, d.Note = c(n.Answer.By), c(n.Answer.Note)
	}
	return d
}

func cleanAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = alert.Clean(s)
	}
	return out
}
