package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// act is one scene on its way.
type act struct {
	*stage
	scene scene
	site  *site
	ctx   context.Context

	took      time.Duration
	result    string
	err       error
	disturbed bool // by a button
}

// run plays the scene.
func (a *act) run() {
	begin := time.Now()
	a.result, a.err = a.plays()[a.scene.tag]()
	a.took = time.Since(begin)
	a.disturbed = !a.undisturbed(begin)
	a.seen.look()
	switch {
	case errors.Is(a.ctx.Err(), context.Canceled): // stopped by hand
		return
	case a.err != nil && a.disturbed:
		a.tell("demo", "not seen, because a button disturbed it: %v", a.err)
		return
	case a.err != nil:
		a.tell("demo", "FAILED: %v", a.err)
		return
	}
	a.console.tell(line{scene: a.scene, from: "demo", text: a.console.paint("1", "seen: "+a.result)})
}

func (a *act) tell(from, format string, args ...any) {
	a.console.tell(line{scene: a.scene, from: from, text: fmt.Sprintf(format, args...)})
}

// begin puts the short-lived certificate in place and enrols it by the CLI.
func (a *act) begin() (cert.Fingerprint, error) {
	f, err := a.age()
	if err != nil {
		return "", err
	}
	return f, a.enroll()
}

func (a *act) age() (cert.Fingerprint, error) {
	pair, err := aged(a.scene.host, a.scene.left)
	if err != nil {
		return "", err
	}
	f := targettest.FingerprintOf(pair)
	a.made(f)
	if err := a.site.put(a.ctx, pair); err != nil {
		return "", err
	}
	a.tell("demo", "%s at %s (%s) now serves %s, which ends in %s", a.scene.host, a.site.address, a.site.server, f.Short(), minutes(a.scene.left))
	return f, nil
}

func (a *act) enroll() error { return a.stage.enroll(a.ctx, a.scene, a.site) }

// shell types a command of the product's CLI.
func (a *act) shell(args ...string) error { return a.types(a.ctx, a.scene, args...) }

// wait is wait, and tells whatever else was seen up to then.
func (a *act) wait(what string, cond func() bool) error {
	err := wait(a.ctx, what, cond)
	a.seen.look()
	return err
}

// replaced waits until the site serves a certificate that is not ours.
func (a *act) replaced() (now cert.Fingerprint, err error) {
	err = a.wait(a.scene.host+" to serve a new certificate", func() bool {
		now = a.site.served(a.ctx)
		return now != "" && !a.ours(now)
	})
	return now, err
}

// still waits until the site serves what it did before; a reload takes a moment.
func (a *act) still(want cert.Fingerprint) error {
	return a.wait(a.scene.host+" to serve "+want.Short()+" as before", func() bool { return a.site.served(a.ctx) == want })
}

// presses sends a person's click on a message.
func (a *act) presses(m notifytest.SlackMessage, action alert.Action, person string) error {
	a.seen.look()
	l, ok := a.letters.find(posted(m, "", time.Time{}).ID)
	if !ok {
		return fmt.Errorf("the message %s is not in the inbox", m.TS)
	}
	return a.click(a.ctx, l, action, person)
}

// slackTo lists what was posted about this certificate to a user or a channel.
func (a *act) slackTo(id string) []notifytest.SlackMessage {
	if strings.HasPrefix(id, "U") {
		id = a.Slack.Direct(id)
	}
	var out []notifytest.SlackMessage
	for _, m := range a.Slack.Messages() {
		if m.Channel == id && posted(m, "", time.Time{}).name == a.scene.name {
			out = append(out, m)
		}
	}
	return out
}

// mailsTo lists the mails about this certificate to an address.
func (a *act) mailsTo(address string) []notifytest.Mail {
	var out []notifytest.Mail
	for _, m := range a.Mail.Mails() {
		if mailed(0, m, time.Time{}).name == a.scene.name && strings.Join(m.To, ",") == address {
			out = append(out, m)
		}
	}
	return out
}
