package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
)

// turn is a trouble on its way.
type turn struct {
	*stage
	*trouble
	subject subject
	site    *site
	scene   scene
}

func (t *turn) perform() (inbox.Say, error) {
	if err := t.until("the certificate to be enrolled", nil, func() bool { return t.isEnrolled(t.subject.name) }); err != nil {
		return inbox.Say{}, err
	}
	return t.play(t)
}

// say adds to the story, on the page and on the console.
func (t *turn) say(key string, args ...any) {
	s := inbox.Say{Key: "trouble." + t.tag + "." + key, Args: args}
	t.with(func() { t.story = append(t.story, s) })
	t.console.tell(line{scene: t.scene, from: "demo", text: s.In("en")})
}

// seenAs is what was seen, to be said at the end.
func (t *turn) seenAs(args ...any) inbox.Say {
	return inbox.Say{Key: "trouble." + t.tag + ".seen", Args: args}
}

// offer shows the way back; what it gives receives who took it.
func (t *turn) offer() chan string {
	back := make(chan string, 1)
	t.with(func() { t.state, t.back = inbox.On, back })
	return back
}

// withdraw takes the offer back.
func (t *turn) withdraw() { t.with(func() { t.state = inbox.Working }) }

var errBack = errors.New("the way back was taken")

// until waits for something to become so; a way back that is taken meanwhile
// stays in its channel and ends the waiting with errBack.
func (t *turn) until(what string, back chan string, cond func() bool) error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	taken := false
	err := wait(ctx, what, func() bool {
		taken = len(back) > 0
		return taken || cond()
	})
	if err == nil && taken {
		return errBack
	}
	return err
}

// renew asks for a renewal, as minji would.
func (t *turn) renew() error {
	t.ledger.Asked(t.subject.name, time.Now())
	err := t.types(t.ctx, t.scene, "renew", t.subject.name, "--wait=false", "--note", "asked for on the stage")
	if err != nil && strings.Contains(err.Error(), "already under way") {
		return nil
	}
	return err
}

// comesDue changes the calendar so that the certificate is due, and back. What is
// due is tried again until it is done.
func (t *turn) comesDue(due bool) error {
	policy := t.subject.name
	if due {
		policy = dueNow(t.subject).name
		t.ledger.Asked(t.subject.name, time.Now())
	}
	return t.types(t.ctx, t.scene, "enroll", "--cert-name", t.subject.name, "--update", "--policy", policy)
}

// put installs a certificate by hand and has the product look.
func (t *turn) put(left time.Duration) (cert.Fingerprint, error) {
	pair, err := aged(t.subject.host, left)
	if err != nil {
		return "", err
	}
	f := targettest.FingerprintOf(pair)
	t.made(f)
	if err := t.site.put(t.ctx, pair); err != nil {
		return "", err
	}
	t.seen.look()
	t.ledger.Looked(t.subject.name, time.Now())
	return f, t.types(t.ctx, t.scene, "check", t.subject.name, "--wait=false")
}

// replaced waits until another certificate is served than before.
func (t *turn) replaced(before cert.Fingerprint) (now cert.Fingerprint, err error) {
	err = t.until(t.subject.host+" to serve a new certificate", nil, func() bool {
		now = t.site.served(t.ctx)
		return now != "" && now != before
	})
	t.seen.look()
	return now, err
}

// settled waits until no Slack message about a version asks for anything.
func (t *turn) settled(version cert.Fingerprint) error {
	return t.until("the messages to say so", nil, func() bool {
		return !slices.ContainsFunc(t.letters.about(t.subject.name, string(version)), func(l letter) bool { return l.By == "slack" && l.Open })
	})
}

// first finds the first letter about a version that asks somebody for something.
func (t *turn) first(version cert.Fingerprint, by, reader string, since time.Time) (letter, bool) {
	for _, l := range t.letters.about(t.subject.name, string(version)) {
		if (by == "" || l.By == by) && (reader == "" || l.Reader == reader) && l.At.After(since) {
			return l, true
		}
	}
	return letter{}, false
}

func since(at time.Time) string { return fmt.Sprintf("%.1f s", time.Since(at).Seconds()) }
