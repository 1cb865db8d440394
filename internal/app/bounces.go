package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/bounce"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/web"
)

// leastToken is how long the token of what mail services post has to be.
const leastToken = 20

// returnPaths makes the return paths of mail; nil where none are configured.
func returnPaths(ctx context.Context, c config.Config, p parts) (*bounce.Paths, error) {
	if c.Bounces.Address == "" || p.store == nil {
		return nil, nil
	}
	key, err := p.store.Secret(ctx, "return paths")
	if store.KeyIsAway(err) { // mail goes without one; a later start makes them
		return nil, nil
	}
	if err != nil {
		return nil, config.Under("bounces.address", err)
	}
	paths, err := bounce.NewPaths(c.Bounces.Address, key)
	if err != nil {
		return nil, config.Under("bounces.address", err)
	}
	return paths, nil
}

// mailbox is an address of the directory that an e-mail channel reaches.
type mailbox struct {
	bounce.Sender
	owner string
}

// mailboxes lists every e-mail address of the directory, by channel.
func mailboxes(d people.Directory, channels []activities.Channeled) []mailbox {
	var out []mailbox
	for _, ch := range channels {
		if ch.Kind != notify.KindEmail {
			continue
		}
		add := func(owner, email string, addresses map[string]string) {
			for _, address := range []string{email, addresses[ch.Name]} {
				if address != "" {
					out = append(out, mailbox{bounce.Sender{Channel: ch.Name, Address: address}, owner})
				}
			}
		}
		for _, p := range d.People {
			add(p.ID, p.Email, p.Addresses)
		}
		for _, t := range d.Teams {
			add(t.ID, t.Email, t.Addresses)
		}
	}
	return out
}

// bounced does what follows from mail that came back: a dead letter, and where
// the address leads nowhere it is broken. What is about no address of the
// directory is nobody's concern.
func (a *App) bounced(ctx context.Context, b bounce.Bounce) error {
	known := mailboxes(a.inForce.directory(), a.acts.Channels())
	for _, m := range known {
		if !strings.EqualFold(m.Address, b.Address) || b.Channel != "" && b.Channel != m.Channel {
			continue
		}
		a.logger.Warn("mail came back", "to", m.Address, "channel", m.Channel, "gone", b.Gone, "why", b.Why)
		now := time.Now().UTC()
		key := b.MessageID
		if key == "" {
			key = now.Format(time.DateOnly)
		}
		u := delivery.Undelivered{
			ID: delivery.ID("bounce/" + m.Channel + "/" + strings.ToLower(m.Address) + "/" + key), At: now, Certificate: b.Certificate, Alert: b.Alert,
			To: m.owner, Channel: m.Channel, Kind: notify.KindEmail, Address: m.Address, About: delivery.Mailbox, Why: b.Why, Returned: true,
		}
		if b.Gone {
			u.About = delivery.Address
		}
		return a.acts.Undelivered(ctx, []delivery.Undelivered{u})
	}
	a.logger.Info("mail to nobody of the directory came back", "to", alert.Clean(b.Address))
	return nil
}

func (a *App) senders() []bounce.Sender {
	var out []bounce.Sender
	for _, m := range mailboxes(a.inForce.directory(), a.acts.Channels()) {
		out = append(out, m.Sender)
	}
	return out
}

// takeBounces listens for bounces by SMTP, where that is configured.
func (a *App) takeBounces() error {
	listen := a.config.Bounces.Listen
	if listen == "" || a.paths == nil {
		return nil
	}
	l := &bounce.Listener{Paths: a.paths, Senders: a.senders, Handle: a.bounced, Log: a.logger, Now: time.Now, Encryption: encryptionOf(a.config)}
	at, err := l.Start(listen)
	if err != nil {
		return config.Under("bounces.listen", err)
	}
	a.bounces = l
	a.logger.Info("bounces are taken", "smtp", at.String(), "domain", a.paths.Domain())
	return nil
}

// encryptionOf is how bounces are taken by SMTP.
func encryptionOf(c config.Config) bounce.Encryption {
	return bounce.Encryption{CertFile: c.Bounces.CertFile, KeyFile: c.Bounces.KeyFile, Required: c.Bounces.RequireTLS}
}

// bounceHook serves what mail services post about mail that came back.
func (a *App) bounceHook(mux *http.ServeMux) error {
	file := a.config.Bounces.TokenFile
	if file == "" {
		return nil
	}
	token, err := config.ReadSecret(file)
	if err == nil && len(token) < leastToken {
		err = fmt.Errorf("%s: the token is shorter than %d characters; make one with: openssl rand -hex 16", file, leastToken)
	}
	if err != nil {
		return config.Under("bounces.token_file", err)
	}
	mux.Handle(web.BouncePath, web.BounceHandler(web.BounceConfig{Token: token, Log: a.logger, Take: a.takePosted}))
	return nil
}

// takePosted reads what was posted: a whole mail, or the JSON of a service.
func (a *App) takePosted(ctx context.Context, body []byte, isMail bool) error {
	if !isMail {
		all, err := bounce.ParseService(body)
		if errors.Is(err, bounce.ErrUnread) {
			return fault.New(fault.Invalid, "%w", err)
		}
		var ask bounce.Subscription
		if errors.As(err, &ask) {
			a.logger.Warn(ask.Error())
			return nil
		}
		for _, b := range all {
			err = errors.Join(err, a.bounced(ctx, b))
		}
		return err
	}
	report, err := bounce.ParseReport(strings.NewReader(string(body)))
	if err != nil {
		return nil // an answer out of office, a delay
	}
	for _, to := range report.To {
		if a.paths == nil {
			break
		}
		if from, ok := a.paths.Read(to, a.senders(), time.Now()); ok {
			return a.bounced(ctx, report.Of(from))
		}
	}
	a.logger.Info("a bounce was posted that is for no return path of ours")
	return nil
}
