package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
)

// breakable is the certificate whose server a button breaks.
const breakable = "cafe"

// trouble is one that a visitor can cause with a button. It plays with a
// certificate of its own, and ends once what it shows was seen.
type trouble struct {
	tag, name string // name of the certificate
	play      func(*turn) (inbox.Say, error)
	changed   func()

	mu     sync.Mutex
	state  inbox.State
	story  []inbox.Say
	result inbox.Say // what was seen the last time
	failed string
	back   chan string // who pressed the way back
}

// troubles are those of the page, in its order.
func troubles(changed func()) []*trouble {
	out := []*trouble{
		{tag: "nginx", name: breakable, play: (*turn).breakServer},
		{tag: "ca", name: "bank", play: (*turn).takeCADown},
		{tag: "silence", name: "door", play: (*turn).nobodyAnswers},
		{tag: "worker", name: "mill", play: (*turn).killWorker},
		{tag: "engine", name: "bell", play: (*turn).killEngine},
	}
	for _, t := range out {
		t.state, t.changed = inbox.Idle, changed
	}
	return out
}

func (t *trouble) with(f func()) {
	t.mu.Lock()
	f()
	t.mu.Unlock()
	t.changed()
}

func (t *trouble) shown() inbox.Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	return inbox.Trouble{Tag: t.tag, Name: t.name, State: t.state, Story: slices.Clone(t.story), Seen: t.result, Failed: t.failed}
}

// begin marks it as under way, if it is not.
func (t *trouble) begin() (ok bool) {
	t.with(func() {
		if ok = t.state == inbox.Idle; ok {
			t.state, t.story, t.failed, t.result = inbox.Working, nil, "", inbox.Say{}
		}
	})
	return ok
}

// press is the way back.
func (t *trouble) press(person string) error {
	var err error
	t.with(func() {
		if t.state != inbox.On {
			err = errors.New("there is nothing to end at the moment")
			return
		}
		t.state = inbox.Working
		t.back <- person
	})
	return err
}

// cause begins a trouble.
func (s *stage) cause(tag string) error {
	i := slices.IndexFunc(s.troubles, func(t *trouble) bool { return t.tag == tag })
	if i < 0 {
		return inbox.ErrUnknown
	}
	t := s.troubles[i]
	if !t.begin() {
		return errors.New("that is under way already")
	}
	sub := props[slices.IndexFunc(props, func(p subject) bool { return p.name == t.name })]
	tn := &turn{stage: s, trouble: t, subject: sub, site: s.sites[sub.host], scene: scene{subject: sub, tag: t.name}}
	s.busy.Go(func() {
		said, err := tn.perform()
		t.with(func() {
			t.state, t.result = inbox.Idle, said
			if err != nil && s.ctx.Err() == nil {
				t.failed = strings.ReplaceAll(err.Error(), "\n", "; ")
			}
		})
		s.calmed(time.Now())
		switch {
		case s.ctx.Err() != nil:
		case err != nil:
			s.console.tell(line{scene: tn.scene, from: "demo", text: "this went wrong: " + err.Error()})
		default:
			s.console.tell(line{scene: tn.scene, from: "demo", text: s.console.paint("1", "seen: "+said.In("en"))})
		}
	})
	return nil
}

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
