package notify_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

var (
	_ activities.Channel = (*notify.Slack)(nil)
	_ activities.Updater = (*notify.Slack)(nil)
	_ activities.Channel = (*notify.Email)(nil)
	_ activities.Updater = (*notify.Email)(nil)
	_ activities.Channel = (*notify.Console)(nil)
	_ activities.Updater = (*notify.Console)(nil)
)

const (
	team  = "C0PAYMENTS"
	minji = "U0MINJI"
)

func slackServer(t *testing.T) *notifytest.SlackServer {
	t.Helper()
	s, err := notifytest.NewSlackServer("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.AddChannel(team, true)
	s.AddUser(minji)
	return s
}

func slackChannel(t *testing.T, s *notifytest.SlackServer) *notify.Slack {
	t.Helper()
	c, err := notify.NewSlack(notify.SlackOptions{
		Token: notify.Secret(s.Token), SigningSecret: notify.Secret(s.SigningSecret), APIURL: s.APIURL(), Timeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mailServer(t *testing.T) *notifytest.MailServer {
	t.Helper()
	s, err := notifytest.NewMailServer("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func emailOptions(t *testing.T, s *notifytest.MailServer) notify.EmailOptions {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, s.RootPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return notify.EmailOptions{
		Host: s.Host, Port: s.Port, Username: s.Username, Password: notify.Secret(s.Password), RootFile: root,
		From: "Neverlapse <neverlapse@example.com>", Timeout: 20 * time.Second,
	}
}

func emailChannel(t *testing.T, s *notifytest.MailServer) *notify.Email {
	t.Helper()
	c, err := notify.NewEmail(emailOptions(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSlackKeepsTheContract(t *testing.T) {
	for name, address := range map[string]string{"in a team's channel": team, "in a direct message": minji} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notifytest.Run(t, func(t *testing.T) notifytest.Bench {
				s := slackServer(t)
				set := func(m notifytest.SlackMode) func() { return func() { s.SetMode(m) } }
				return notifytest.Bench{
					Kind: notify.KindSlack, Address: address, Channel: slackChannel(t, s), Deduplicates: true, Threads: true,
					Secrets: []string{s.Token, s.SigningSecret},
					Delivered: func() (out []notifytest.Delivery) {
						for _, m := range s.Messages() {
							out = append(out, notifytest.Delivery{ID: m.TS, Thread: m.Thread, Reading: m.Reading(), Markup: m.Markup()})
						}
						return out
					},
					Trouble: map[notifytest.Trouble]func(){
						notifytest.Down: set(notifytest.SlackDown), notifytest.Later: set(notifytest.SlackFails),
						notifytest.SlowDown: set(notifytest.SlackRateLimited), notifytest.Hangs: set(notifytest.SlackHangs),
						notifytest.Refuses:   func() { s.AddChannel(team, false); s.DropScope("im:write") },
						notifytest.BadLogin:  s.RevokeToken,
						notifytest.ReplyLost: set(notifytest.SlackReplyLost),
					},
					Heal: set(notifytest.SlackWorks), Answers: s.SetAnswer,
				}
			})
		})
	}
}

func TestEmailKeepsTheContract(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		s := mailServer(t)
		set := func(m notifytest.MailMode) func() { return func() { s.SetMode(m) } }
		return notifytest.Bench{
			Kind: notify.KindEmail, Address: "minji@example.com", Channel: emailChannel(t, s), Deduplicates: true, Threads: true,
			Secrets: []string{s.Password},
			Delivered: func() (out []notifytest.Delivery) {
				for _, m := range s.Mails() {
					out = append(out, notifytest.Delivery{
						ID: strings.Trim(m.MessageID, "<>"), Thread: strings.Trim(m.Header.Get("In-Reply-To"), "<>"),
						Reading: m.Subject + "\n" + m.Text, Markup: []string{m.HTML},
					})
				}
				return out
			},
			Trouble: map[notifytest.Trouble]func(){
				notifytest.Down: set(notifytest.MailDown), notifytest.Later: set(notifytest.MailLater),
				notifytest.Refuses: set(notifytest.MailRefuses), notifytest.BadLogin: set(notifytest.MailBadLogin),
				notifytest.ReplyLost: set(notifytest.MailReplyLost), notifytest.Hangs: set(notifytest.MailHangs),
			},
			Heal: set(notifytest.MailWorks),
		}
	})
}

// page is a console that remembers its blocks.
type page struct {
	mu     sync.Mutex
	blocks []string
	full   bool
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full {
		return 0, os.ErrClosed
	}
	p.blocks = append(p.blocks, string(bytes.Clone(b)))
	return len(b), nil
}

func TestConsoleKeepsTheContract(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		p := &page{}
		return notifytest.Bench{
			Kind: notify.KindConsole, Address: "-", Channel: notify.NewConsole(p),
			Delivered: func() (out []notifytest.Delivery) {
				for i, b := range p.blocks {
					out = append(out, notifytest.Delivery{ID: fmt.Sprint(i), Reading: b})
				}
				return out
			},
			Trouble: map[notifytest.Trouble]func(){notifytest.Down: func() { p.full = true }},
			Heal:    func() { p.full = false },
		}
	})
}
