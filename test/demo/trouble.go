package main

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

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
