// Package notify holds the channels that reach a human, one file each: Slack,
// e-mail, console. Activities send through them; each says in its Guarantees
// what it can promise. They decide nothing, retry nothing and keep no state
// that matters: what is retried, and over which channel, is the workflow's.
package notify

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// The kinds of channels; people's addresses are kept by these names.
const (
	KindSlack   = "slack"
	KindEmail   = "email"
	KindConsole = "console"

	KindWebhook = "webhook"
	KindSMS     = "sms"
)

// Guarantees says what a kind of channel can promise. The README's table is
// generated from it.
type Guarantees struct {
	Kind         string
	Interrupts   bool   // makes a telephone ring or buzz, as a rule
	Interruption string // how
	Deduplicates string // how a repeated delivery is recognised; "no" if it is not
	ReachesOne   bool   // can be addressed to a person
	ReachesGroup bool   // can be addressed to a team
	Own          bool   // has a destination of its own: who reads there lists the channel
	Answers      bool   // has buttons
	Updates      bool   // a sent message is changed in place
	Groups       bool   // the system there groups alerts itself: each goes to it alone
}

// All lists the guarantees of every kind of channel.
var All = []Guarantees{SlackGuarantees, EmailGuarantees, TeamsGuarantees, SMSGuarantees, PagerDutyGuarantees, AlertmanagerGuarantees, WebhookGuarantees, ShoutrrrGuarantees, ConsoleGuarantees}

// Secret is a text that printing does not show.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON, YAML and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// checkSecret tells what is wrong with a secret given as a value or as a file.
func checkSecret(option string, value Secret, file string, required bool) error {
	switch {
	case value != "" && file != "":
		return fmt.Errorf("%s and %s_file are both set; keep one", option, option)
	case required && value == "" && file == "":
		return fmt.Errorf("%s or %s_file is required", option, option)
	}
	return nil
}

// readSecret gives the secret from its value or its file, which must be closed
// to others.
func readSecret(option string, value Secret, file string) (string, error) {
	if file == "" {
		return string(value), nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", option, err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("%s_file: everybody on this machine may use %s (mode %04o); run: chmod o= %s", option, file, mode, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", option, err)
	}
	s := strings.TrimSpace(string(data))
	if s == "" {
		return "", fmt.Errorf("%s_file: %s is empty", option, file)
	}
	return s, nil
}

// receipt is the word of a channel for a message.
func receipt(m alert.Message, kind, address, id, thread string, at time.Time) alert.Receipt {
	return alert.Receipt{
		Channel: m.Channel, Kind: kind, To: m.To.ID, Address: address, ID: id, Thread: thread, At: at.UTC(),
		DedupKey: m.DedupKey, Language: m.To.Language, TimeZone: m.To.TimeZone,
	}
}

// begins reports whether the message of a receipt began its thread. What
// resolves an alert is told once a thread.
func begins(r alert.Receipt) bool { return threadOf(r) == r.ID }

// threadOf is the thread that the message of a receipt stands in, or begins.
func threadOf(r alert.Receipt) string {
	if r.Thread != "" {
		return r.Thread
	}
	return r.ID
}

// checkKey refuses a message that could not be told from another.
func checkKey(m alert.Message) error {
	if m.DedupKey == "" {
		return fault.New(fault.Invalid, "the message about %s has no key to tell it from others", alert.Clean(m.Notice.Certificate))
	}
	return nil
}

// asSent addresses the news about a sent message in the words of that message,
// where it does not say who reads it.
func asSent(m alert.Message, r alert.Receipt) alert.Message {
	if m.To.Language == "" {
		m.To.Language = r.Language
	}
	if m.To.TimeZone == "" {
		m.To.TimeZone = r.TimeZone
	}
	return m
}

// linkOf is where a notice can be seen whole; empty unless it is a URL, for sinks
// that refuse any other.
func linkOf(n alert.Notice) string {
	u, err := url.Parse(n.Link)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}

// text renders a message for its recipient.
func text(m alert.Message) alert.Text {
	return alert.RenderMessage(m)
}

// named prefixes what is wrong with a channel's options.
func named(kind string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("channel of kind %s: %w", kind, err)
	}
	return nil
}
