package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/web/page"
	"github.com/neverlapse/neverlapse/workflows"
)

// ticketsLast is how long a link in a message is good, if nobody answers before.
const ticketsLast = 14 * 24 * time.Hour

// ticketPatience bounds the wait for the key of links, while a message waits.
const ticketPatience = 5 * time.Second

// tickets makes and reads the links by which people answer from mail and Teams.
type tickets struct {
	key       func() ([]byte, error)
	base      string // of the page
	directory func() people.Directory
	now       func() time.Time
}

// newTickets is nil where nobody could open a link from elsewhere.
func newTickets(ctx context.Context, c config.Config, s *store.Store, directory func() people.Directory) (*tickets, error) {
	if !c.HTTP.Public() {
		return nil, nil
	}
	key := func() ([]byte, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ticketPatience)
		defer cancel()
		return s.Secret(ctx, store.LinkPurpose)
	}
	key = remembered(key)
	if _, err := key(); err != nil && !store.KeyIsAway(err) {
		return nil, fmt.Errorf("the key of links in messages: %w", err)
	}
	return &tickets{key: key, base: c.HTTP.URL, directory: directory, now: time.Now}, nil
}

// Links gives the recipient of a message what makes sense now.
func (t *tickets) Links(m alert.Message) []alert.Link {
	n := m.Notice
	to, person := t.holder(m)
	ofChannel := strings.HasPrefix(n.AlertID, workflows.ChannelAlert(n.Certificate)) && n.Reason != alert.ProofOfLife // nobody takes an answer
	if len(n.Actions) == 0 || n.Test || ofChannel || to == "" || n.Phase == alert.Resolved {
		return nil
	}
	key, err := t.key()
	if err != nil { // the message matters more than its links
		return nil
	}
	var out []alert.Link
	for _, a := range alert.TicketActions {
		if !offered(a, n, to, person) {
			continue
		}
		ticket := alert.Ticket{
			Ref: alert.Ref{Certificate: n.Certificate, AlertID: n.AlertID, Standing: goodFor(a, n)}, To: to, Kind: m.Kind, Action: a,
			Ends: t.now().Add(ticketsLast).Unix(), Language: m.To.Language, TimeZone: m.To.TimeZone,
		}
		text, err := ticket.Sign(key)
		if err != nil {
			return nil
		}
		out = append(out, alert.Link{Action: a, URL: page.AnswerLink(t.base, text)})
	}
	return out
}

// offered tells what a recipient may answer by a link. For a team nobody can take
// over, give away or decide, for nobody in particular answers; who asked for what waits for
// approval can only take that back.
func offered(a alert.Action, n alert.Notice, to string, person bool) bool {
	switch a {
	case alert.ActTakeOver, alert.ActReassign:
		return person && !n.Reason.OfChannel() && n.Reason != alert.ApprovalNeeded && n.Reason != alert.Handover && n.Reason != alert.Gathered
	case alert.ActAccept, alert.ActDecline:
		return person && n.Reason == alert.Handover && slices.Contains(n.Actions, a)
	case alert.ActApprove:
		return person && n.Question != nil && n.Question.Requester != to
	case alert.ActAckAll:
		return n.Reason == alert.Gathered && slices.Contains(n.Actions, a)
	case alert.ActDeny:
		return person && n.Question != nil
	}
	return slices.Contains(n.Actions, a)
}

// goodFor is what a link is good for: an alert as it is, or what is asked, which
// an acknowledgement leaves as it was.
func goodFor(a alert.Action, n alert.Notice) string {
	if a == alert.ActApprove || a == alert.ActDeny {
		return n.Question.Standing
	}
	return n.Standing
}

// holder names in whose name a link answers; empty where that cannot be said. A
// card of Teams stands where everybody reads who lists the channel.
func (t *tickets) holder(m alert.Message) (name string, person bool) {
	d := t.directory()
	if _, ok := d.Team(m.To.ID); ok && (m.Kind == notify.KindEmail || m.Kind == notify.KindTeams) {
		return people.GroupMark + m.To.ID, false
	}
	_, known := d.Person(m.To.ID)
	switch {
	case !known:
		return "", false
	case m.Kind == notify.KindEmail, m.Kind == notify.KindTeams && len(d.Readers(m.Channel)) == 1:
		return m.To.ID, true
	}
	return "", false
}

// Read gives the ticket of a link.
func (t *tickets) Read(text string) (alert.Ticket, error) {
	key, err := t.key()
	if err != nil {
		return alert.Ticket{}, err
	}
	return alert.ReadTicket(key, text, t.now())
}

// remembered asks for a key until it is had, and not more often than once a minute.
func remembered(ask func() ([]byte, error)) func() ([]byte, error) {
	var mu sync.Mutex
	var key []byte
	var failed error
	var at time.Time
	return func() ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if key != nil || failed != nil && time.Since(at) < time.Minute {
			return key, failed
		}
		key, failed = ask()
		at = time.Now()
		return key, failed
	}
}
