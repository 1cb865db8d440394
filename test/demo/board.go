package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
)

// board is what the page shows of the stage and how it acts on it. It is there
// before the stage is.
type board struct {
	began time.Time

	mu      sync.Mutex
	changed chan struct{}
	steps   []string
	failed  string
	visible time.Duration
	page    string // of the product; empty while it does not answer
	stage   *stage
}

func newBoard() *board { return &board{began: time.Now(), changed: make(chan struct{})} }

// change does something and lets every open page know.
func (b *board) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// bump says that something changed.
func (b *board) bump() { b.change(func() {}) }

// heard adds a step of the preparations.
func (b *board) heard(text string) {
	b.change(func() {
		if b.stage == nil && text != "" {
			b.steps = append(b.steps, text)
		}
	})
}

func (b *board) fails(err error) { b.change(func() { b.failed = err.Error() }) }

// Changed is part of inbox.Stage.
func (b *board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// View is part of inbox.Stage.
func (b *board) View() inbox.View {
	b.mu.Lock()
	s := b.stage
	v := inbox.View{Began: b.began, Visible: b.visible, Steps: slices.Clone(b.steps), Failed: b.failed, Page: b.page}
	b.mu.Unlock()
	for _, p := range people {
		v.People = append(v.People, inbox.Person{ID: p.id, Name: p.name, Role: p.role})
	}
	if s == nil {
		return v
	}
	if v.Server = "small"; s.World.Nginx != nil {
		v.Server = "nginx"
	}
	v.Temporal = s.ui
	v.Messages, v.Count = s.letters.shown(), s.ledger.Count(time.Now())
	for _, t := range s.troubles {
		v.Troubles = append(v.Troubles, t.shown())
	}
	v.Certificates = s.seen.certificates(v.Page)
	return v
}

func (b *board) onStage() (*stage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stage == nil {
		return nil, fmt.Errorf("the stage is still being set up")
	}
	return b.stage, nil
}

// Click is part of inbox.Stage.
func (b *board) Click(ctx context.Context, message, action, person string) error {
	s, err := b.onStage()
	if err != nil {
		return err
	}
	m, ok := s.letters.find(message)
	if !ok || !slices.Contains(m.slack.Buttons(), action) {
		return inbox.ErrUnknown
	}
	return s.click(ctx, m, alert.Action(action), person)
}

// Cause is part of inbox.Stage.
func (b *board) Cause(tag string) error {
	s, err := b.onStage()
	if err != nil {
		return err
	}
	return s.cause(tag)
}

// Back is part of inbox.Stage.
func (b *board) Back(tag, person string) error {
	s, err := b.onStage()
	if err != nil {
		return err
	}
	for _, t := range s.troubles {
		if t.tag == tag {
			return t.press(person)
		}
	}
	return inbox.ErrUnknown
}

// click presses a button of a Slack message as a person, as Slack would, and
// takes down for the oracle what that asks for.
func (s *stage) click(ctx context.Context, m letter, action alert.Action, person string) error {
	i := slices.IndexFunc(people, func(p struct{ id, name, role, slack string }) bool { return p.id == person })
	if i < 0 {
		return inbox.ErrUnknown
	}
	s.letters.clicks(person, m.ID)
	at := time.Now()
	resp, err := s.Slack.Click(ctx, s.SlackURL(), m.slack, action, people[i].slack)
	why := ""
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			why = resp.Status
		}
	} else {
		why = err.Error()
	}
	if why != "" { // as Slack shows it: a warning, to the one who clicked
		s.letters.tell(person, inbox.Word{Person: person, Text: inbox.Say{Key: "click.failed", Args: []any{why}}.In(inbox.Languages[0]), Failed: true})
		s.board.bump()
		return nil
	}
	switch action {
	case alert.ActAcknowledge, alert.ActSnooze:
		s.ledger.Answered(m.name, at)
	case alert.ActRenew:
		s.ledger.Asked(m.name, at)
	}
	return nil
}

// listen puts what people are told after a click under the message that they
// clicked, until ctx ends.
func (s *stage) listen(ctx context.Context) {
	for {
		a, err := s.Slack.NextAnswer(ctx)
		if err != nil {
			return
		}
		for _, p := range people {
			if p.slack == a.User {
				s.letters.tell(p.id, inbox.Word{Person: p.id, Text: a.Text})
			}
		}
		s.board.bump()
	}
}
