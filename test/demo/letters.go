package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
	"github.com/neverlapse/neverlapse/test/demo/oracle"
	"github.com/neverlapse/neverlapse/test/harness"
)

// letter is a message as a stand-in received it.
type letter struct {
	inbox.Message
	name, version string // of the certificate that it is about, and the beginning of the fingerprint
	reason        alert.Reason
	slack         notifytest.SlackMessage // zero of a mail
	mail          notifytest.Mail
}

// letters keeps what arrived, in order.
type letters struct {
	mu      sync.Mutex
	all     []*letter
	clicked map[string]string // person -> ID of the message that was clicked last
}

// about are the letters about a version of a certificate, all versions if it is empty.
func (l *letters) about(name, version string) []letter {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []letter
	for _, m := range l.all {
		if m.name == name && (version == "" || strings.HasPrefix(version, m.version)) {
			out = append(out, *m)
		}
	}
	return out
}

func (l *letters) find(id string) (letter, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.all, func(m *letter) bool { return m.ID == id })
	if i < 0 {
		return letter{}, false
	}
	return *l.all[i], true
}

// add takes a letter, or a newer state of one.
func (l *letters) add(m *letter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.all, func(o *letter) bool { return o.ID == m.ID })
	if i < 0 {
		l.all = append(l.all, m)
		return
	}
	m.At, m.Words = l.all[i].At, l.all[i].Words
	l.all[i] = m
}

// clicks notes which message a person clicked last.
func (l *letters) clicks(person, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clicked == nil {
		l.clicked = map[string]string{}
	}
	l.clicked[person] = id
}

// tell puts a word for one person under the message that they clicked last.
func (l *letters) tell(person string, w inbox.Word) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.all {
		if m.ID == l.clicked[person] {
			m.Words = append(m.Words, w)
		}
	}
}

func (l *letters) shown() []inbox.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]inbox.Message, len(l.all))
	for i, m := range l.all {
		out[i] = m.Message
		out[i].Words = slices.Clone(m.Words)
	}
	return out
}

// reference is how every message names its alert, in any language.
var reference = regexp.MustCompile(`Neverlapse, \S+ ([^/\s]+)/([^/\s]+)/(\S+)`)

var fingerprint = regexp.MustCompile(`^[0-9a-f]{8,}$`)

// refers takes an alert's name apart.
func (l *letter) refers(text string) {
	found := reference.FindStringSubmatch(text)
	if found == nil {
		return
	}
	l.name, l.reason = found[1], alert.Reason(found[3])
	if fingerprint.MatchString(found[2]) {
		l.version = found[2]
	}
}

var severity = regexp.MustCompile(`^\[(P[1-4])`)

// posted reads a Slack message.
func posted(m notifytest.SlackMessage, reader string, at time.Time) *letter {
	l := &letter{slack: m, Message: inbox.Message{
		ID: strings.ReplaceAll(m.TS, ".", "-"), By: "slack", Reader: reader, At: at, Subject: unescape.Replace(mentions.ReplaceAllString(m.Text, "")),
		Thread: m.Thread != "", Edits: m.Updates, Open: len(m.Buttons()) > 0, Blocks: m.Blocks,
	}}
	l.refers(m.Reading())
	if s := severity.FindStringSubmatch(l.Subject); s != nil {
		l.Severity = s[1]
	}
	return l
}

var (
	unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
	mentions = regexp.MustCompile(`^<@\w+> `)
)

// mailed reads the nth mail.
func mailed(n int, m notifytest.Mail, at time.Time) *letter {
	to := strings.Join(m.To, ", ")
	l := &letter{mail: m, Message: inbox.Message{
		ID: "mail-" + strconv.Itoa(n), By: "mail", Reader: readerOf(to), At: at, Subject: m.Subject, Text: m.Text,
		Severity: m.Header.Get("X-Neverlapse-Severity"), Open: m.Header.Get("X-Neverlapse-Phase") == string(alert.Firing),
	}}
	l.refers("Neverlapse, alert " + m.Header.Get("X-Neverlapse-Alert"))
	return l
}

// judged is what the oracle is told of a letter when it arrives.
func (l *letter) judged() oracle.Message {
	m := oracle.Message{At: l.At, By: l.By, Reader: l.Reader, Name: l.name, Version: l.version, Firing: l.Open, Outage: l.reason == alert.CAOutage, Key: l.mail.MessageID}
	if l.By == "slack" {
		var meta struct {
			Payload struct {
				Key string `json:"dedup_key"`
			} `json:"event_payload"`
		}
		if json.Unmarshal(l.slack.Metadata, &meta) == nil {
			m.Key = meta.Payload.Key
		}
	}
	m.Words = l.slack.Thread + "\n" + l.Subject + "\n" + l.slack.Reading() + l.Text
	return m
}

// people are those of the directory that every world has.
var people = []struct{ id, name, role, slack string }{
	{owner, "Minji", "owner", harness.OwnerSlack}, {manager, "Hana", "manager", harness.ManagerSlack}, {onCall, "Jun", "on-call", harness.OnCallSlack},
}

// answeredBy names who answered, as the message shows it; empty while nobody has.
func (l *letter) answeredBy() string {
	if l.By != "slack" || !l.Open || l.Edits == 0 || slices.Contains(l.slack.Buttons(), string(alert.ActAcknowledge)) {
		return ""
	}
	for _, p := range people {
		if strings.Contains(l.Subject, p.id) {
			return p.id
		}
	}
	return l.Reader
}

// readerOf names who reads an address.
func readerOf(address string) string {
	switch local, _, _ := strings.Cut(address, "@"); local {
	case owner, manager, onCall:
		return local
	case strings.TrimPrefix(team, "#"):
		return team
	}
	return address
}
