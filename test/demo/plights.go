package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
)

// breakServer: a typo in a server's configuration and a renewal. Somebody is
// told, and the old certificate goes on being served.
func (t *turn) breakServer() (inbox.Say, error) {
	before, begin := t.site.served(t.ctx), time.Now()
	issued := t.CA.IssuedFor(t.subject.host)
	shakes, missed := t.seen.shakes(t.subject.host)
	if err := t.site.spoil(); err != nil {
		return inbox.Say{}, err
	}
	t.say("typo")
	back := t.offer()
	err := t.renew()
	if err == nil {
		err = t.until("minji to be told by Slack and mail", back, func() bool {
			_, slack := t.first(before, "slack", owner, begin)
			_, mail := t.first(before, "mail", owner, begin)
			return slack && mail
		})
	}
	if err == nil {
		t.say("told", since(begin), before.Short())
		err = t.until("it to be mended", back, func() bool { return false })
	}
	if mended := t.site.mend(); !errors.Is(err, errBack) || mended != nil {
		return inbox.Say{}, errors.Join(err, mended)
	}
	t.say("mended")
	if err := t.renew(); err != nil {
		return inbox.Say{}, err
	}
	now, err := t.replaced(before)
	if err == nil {
		err = t.settled(before)
	}
	all, failed := t.seen.shakes(t.subject.host)
	if n := failed - missed; err == nil && n > 0 {
		err = fmt.Errorf("%d handshakes with %s failed", n, t.subject.host)
	}
	return t.seenAs(all-shakes, now.Short(), t.CA.IssuedFor(t.subject.host)-issued), err
}

// takeCADown: the CA vanishes as a renewal comes due. It is told once, not to
// the owner of each certificate that waits, and nobody is paged.
func (t *turn) takeCADown() (inbox.Say, error) {
	before, begin := t.site.served(t.ctx), time.Now()
	t.ledger.Away(begin)
	t.CA.SetDown(true)
	t.say("down")
	back := t.offer()
	err := t.comesDue(true)
	if err == nil {
		err = t.until("somebody to be told", back, func() bool { return len(t.outage(begin)) > 0 })
	}
	if err == nil {
		t.say("told", since(begin))
		err = t.until("the CA to be brought back", back, func() bool { return false })
	}
	t.CA.SetDown(false)
	t.ledger.Back(time.Now())
	if !errors.Is(err, errBack) {
		return inbox.Say{}, err
	}
	t.say("up")
	up := time.Now()
	now, err := t.replaced(before)
	took := since(up)
	if err == nil {
		err = t.comesDue(false)
	}
	if err == nil {
		err = t.until("the messages to say that it is over", nil, func() bool {
			return !slices.ContainsFunc(t.outage(begin), func(l letter) bool { return l.By == "slack" && l.Open })
		})
	}
	for _, l := range t.letters.about(t.subject.name, string(before)) {
		if l.At.After(begin) {
			err = errors.Join(err, fmt.Errorf("%s was told about %s as well: %s", l.Reader, t.subject.name, l.Subject))
		}
	}
	return t.seenAs(readers(t.outage(begin)), took, now.Short()), err
}

// outage lists what was said since about a CA that is down.
func (t *turn) outage(since time.Time) []letter {
	return slices.DeleteFunc(t.letters.about("ca", ""), func(l letter) bool { return l.reason != alert.CAOutage || l.At.Before(since) })
}

// readers names those who got letters, each once, in order.
func readers(all []letter) string {
	var out []string
	for _, l := range all {
		if !slices.Contains(out, l.Reader) {
			out = append(out, l.Reader)
		}
	}
	return strings.Join(out, ", ")
}

// nobodyAnswers: a certificate that only people can replace is nearly over; one
// after the other is told until somebody answers.
func (t *turn) nobodyAnswers() (inbox.Say, error) {
	begin := time.Now()
	aging, err := t.put(nearly)
	if err != nil {
		return inbox.Say{}, err
	}
	t.say("aged", aging.Short())
	back := t.offer()
	var told []string
	var answered string
	err = t.until("somebody to answer", back, func() bool {
		for _, l := range t.letters.about(t.subject.name, string(aging)) {
			if !slices.Contains(told, l.Reader) {
				told = append(told, l.Reader)
				t.say("told", l.Reader, since(begin))
			}
			if answered == "" {
				answered = l.answeredBy()
			}
		}
		return answered != ""
	})
	switch {
	case errors.Is(err, errBack):
		answered = <-back
		if err := t.answer(aging, answered); err != nil {
			return inbox.Say{}, err
		}
	case err != nil:
		return inbox.Say{}, err
	}
	t.withdraw()
	t.say("answered", answered)
	now, err := t.put(calm)
	if err == nil {
		err = t.settled(aging)
	}
	for _, l := range t.letters.about(t.subject.name, string(aging)) {
		if !slices.Contains(told, l.Reader) {
			told = append(told, l.Reader)
		}
	}
	return t.seenAs(strings.Join(told, ", "), now.Short()), err
}

// answer acknowledges in the first message, or in the person's own.
func (t *turn) answer(version cert.Fingerprint, person string) error {
	var m letter
	err := t.until("a message to answer", nil, func() bool {
		var mine bool
		if m, mine = t.first(version, "slack", person, time.Time{}); mine {
			return true
		}
		var any bool
		m, any = t.first(version, "slack", "", time.Time{})
		return any
	})
	if err != nil {
		return err
	}
	return t.click(t.ctx, m, alert.ActAcknowledge, person)
}
