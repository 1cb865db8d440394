package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// length is a flag that holds a duration longer than zero.
type length struct {
	value time.Duration
	set   bool
}

func (l *length) String() string {
	if l.value == 0 {
		return ""
	}
	return lifecycle.FormatDuration(l.value)
}

func (l *length) Set(text string) error {
	d, err := lifecycle.ParseDuration(text)
	switch {
	case err != nil:
		return err
	case d == 0:
		return fmt.Errorf("%q is no time at all; write for example 10s, 36h or 30d", text)
	}
	l.value, l.set = d, true
	return nil
}

// Type is what the help shows.
func (l *length) Type() string { return "duration" }

// choice is a flag that holds one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(c.of, ", "))
	}
	c.value = text
	return nil
}

// Type is what the help shows.
func (c *choice) Type() string { return strings.Join(c.of, "|") }

// dateForms are how people write an instant; those without a zone mean this machine's.
var dateForms = []string{time.RFC3339, "2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04"}

// instant reads a date, or a duration from now.
func (c *cli) instant(flag, text string) (time.Time, error) {
	for _, form := range dateForms {
		if t, err := time.ParseInLocation(form, strings.TrimSpace(text), c.zone); err == nil {
			return t.UTC(), nil
		}
	}
	d, err := lifecycle.ParseDuration(text)
	if err != nil {
		return time.Time{}, usage(`--%s: %q is neither a date (2026-08-31, "2026-08-31 18:00", 2026-08-31T09:00:00Z) nor a duration (30d, 36h)`, flag, text)
	}
	return c.now().Add(d).UTC().Truncate(time.Second), nil
}

// future reads the end of something that begins now.
func (c *cli) future(flag, text string) (time.Time, error) {
	t, err := c.instant(flag, text)
	if err == nil && !t.After(c.now()) {
		return t, usage("--%s: %s is not in the future", flag, c.when(t))
	}
	return t, err
}

func certificateName(text string) (string, error) {
	if err := cert.ValidateName(text); err != nil {
		return "", usage("%s", err)
	}
	return text, nil
}

const starttlsUsage = "`protocol` in which TLS is asked for first, where the host does not say (smtp, imap, pop3, ftp, ldap, postgres, mysql, xmpp)"

// endpoint reads [PROTOCOL://]HOST:PORT[#SNI][@TARGET]; without a protocol, the one of --starttls counts.
func endpoint(text, starttls string) (cert.Endpoint, error) {
	if starttls != "" && !strings.Contains(text, "://") {
		if _, err := cert.ParseStartTLS(starttls); err != nil {
			return cert.Endpoint{}, usage("--starttls: %s", err)
		}
		text = starttls + "://" + text
	}
	place, target, fed := strings.Cut(text, "@")
	e, err := cert.ParseEndpoint(place)
	switch {
	case err != nil:
		return e, usage("%s", err)
	case fed && target == "":
		return e, usage("endpoint %q: no target after '@'; write HOST:PORT@TARGET", text)
	}
	if e.Host, err = cert.ParseName(e.Host); err != nil {
		return e, usage("endpoint %q: %s", text, err)
	}
	e.Target = target
	return e, nil
}

// maxNote is how long a note may be, in bytes; it goes into histories and messages.
const maxNote = 1000

// request says who asks, and marks this invocation so that it counts once.
func (c *cli) request(note string) (workflows.Request, error) {
	by := c.as
	if by == "" {
		by = machineUser()
	}
	if err := checkNote(note); err != nil {
		return workflows.Request{}, usage("%s", err)
	}
	switch {
	case len(by) > 100 || alert.Clean(by) != by || strings.TrimFunc(by, unicode.IsSpace) == "":
		return workflows.Request{}, usage("--as: %q is not a name to put on record; use up to 100 printable characters", by)
	}
	return workflows.Request{ID: newID(), By: by, Via: "cli", Note: note}, nil
}

func checkNote(note string) error {
	if len(note) > maxNote || !utf8.ValidString(note) {
		return fmt.Errorf("the note has %d bytes; write at most %d, in UTF-8", len(note), maxNote)
	}
	return nil
}

func machineUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

func newID() string { return rand.Text() }
