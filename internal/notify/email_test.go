package notify_test

import (
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

func mailTo(n alert.Notice) alert.Message {
	return notifytest.Message(n, notify.KindEmail, "minji@example.com", "ko")
}

func TestAMailIsEncryptedLoggedInAndMarkedAsAutomatic(t *testing.T) {
	s := mailServer(t)
	if _, err := emailChannel(t, s).Send(t.Context(), mailTo(notifytest.Sample()), false); err != nil {
		t.Fatal(err)
	}
	m := s.Mails()[0]
	if !m.TLS || m.User != s.Username || m.From != "neverlapse@example.com" || len(m.To) != 1 || m.To[0] != "minji@example.com" {
		t.Errorf("TLS %v, user %q, from %q to %v", m.TLS, m.User, m.From, m.To)
	}
	for header, want := range map[string]string{
		"Auto-Submitted": "auto-generated", "X-Neverlapse-Certificate": "shop", "X-Neverlapse-Severity": "P1",
		"X-Neverlapse-Reason": "attempts-spent", "X-Neverlapse-Phase": "firing", "X-Neverlapse-Alert": "shop/001122334455/attempts-spent",
		"Importance": "high",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if !strings.HasSuffix(m.MessageID, "@example.com>") || !strings.Contains(m.Text, "모든 갱신 시도가 실패했으며") || !strings.Contains(m.HTML, "모든 갱신 시도가 실패했으며") {
		t.Errorf("%s\n%s\n%s", m.MessageID, m.Text, m.HTML)
	}
}

func TestMailComesBackToItsReturnPath(t *testing.T) {
	s := mailServer(t)
	c := emailChannel(t, s)
	c.ReturnPath = func(address string) string {
		return "bounces+of-" + strings.ReplaceAll(address, "@", "=") + "@mail.example.com"
	}
	if _, err := c.Send(t.Context(), mailTo(notifytest.Sample()), false); err != nil {
		t.Fatal(err)
	}
	m := s.Mails()[0]
	if from := m.Header.Get("From"); m.From != "bounces+of-minji=example.com@mail.example.com" || !strings.Contains(from, "neverlapse@example.com") {
		t.Errorf("envelope from %q, header %q", m.From, from)
	}
}

func TestAnAddressIsBrokenOnlyWhereTheServerSaysSo(t *testing.T) {
	s := mailServer(t)
	for mode, want := range map[notifytest.MailMode]bool{notifytest.MailRefuses: true, notifytest.MailBadLogin: false, notifytest.MailLater: false} {
		s.SetMode(mode)
		if _, err := emailChannel(t, s).Send(t.Context(), mailTo(notifytest.Sample()), false); err == nil || fault.OfAddress(err) != want {
			t.Errorf("%s: of the address %v: %v", mode, !want, err)
		}
	}
}

func TestAllMailsOfAnAlertStandInOneThread(t *testing.T) {
	s := mailServer(t)
	c := emailChannel(t, s)
	first, err := c.Send(t.Context(), mailTo(notifytest.Sample()), false)
	if err != nil {
		t.Fatal(err)
	}
	n := notifytest.Sample()
	n.Key = "second"
	m := mailTo(n)
	m.InReplyTo = &first
	second, err := c.Send(t.Context(), m, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range []alert.Phase{alert.Changed, alert.Acknowledged, alert.Snoozed, alert.Resolved} {
		n.Phase, n.Key = phase, string(phase)
		for _, r := range []alert.Receipt{first, second} {
			if err := c.Update(t.Context(), r, mailTo(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	mails := s.Mails()
	if len(mails) != 3 {
		t.Fatalf("%d mails, want the first, its follow-up and the resolution", len(mails))
	}
	if got := mails[1].Header.Get("References"); got != "<"+first.ID+">" || second.Thread != first.ID {
		t.Errorf("the second refers to %q, receipt %+v", got, second)
	}
	if got, want := mails[2].Header.Get("In-Reply-To"), "<"+first.ID+">"; got != want || !strings.HasPrefix(mails[2].Subject, "[해결됨]") {
		t.Errorf("%q in reply to %q, want %q", mails[2].Subject, got, want)
	}
}

func TestAMailThatWasTakenIsDeliveredWhateverFollows(t *testing.T) {
	s := mailServer(t)
	s.SetMode(notifytest.MailLeaves)
	if _, err := emailChannel(t, s).Send(t.Context(), mailTo(notifytest.Sample()), false); err != nil || len(s.Mails()) != 1 {
		t.Errorf("%d mails, error %v", len(s.Mails()), err)
	}
}

func TestNoHeaderCanBeAddedThroughANotice(t *testing.T) {
	s := mailServer(t)
	c := emailChannel(t, s)
	evil := "x\r\nBcc: victim@example.com\r\n\r\nbody"
	n := notifytest.Sample()
	n.Certificate, n.AlertID, n.Severity, n.Phase, n.Reason = evil, evil, alert.Severity(evil), alert.Phase(evil), alert.Reason(evil)
	m := mailTo(n)
	m.To.Name = evil
	m.InReplyTo = &alert.Receipt{Kind: notify.KindEmail, ID: evil, Thread: evil}
	if _, err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	got := s.Mails()[0]
	if got.Header.Get("Bcc") != "" || len(got.To) != 1 || got.Header.Get("References") != "" {
		t.Errorf("headers %v to %v", got.Header, got.To)
	}
	for _, address := range []string{evil, "minji@example.com\r\nRCPT TO:<victim@example.com>", "a@example.com, b@example.com", "", "minji"} {
		m.Address = address
		if _, err := c.Send(t.Context(), m, false); !fault.Is(err, fault.Configuration) {
			t.Errorf("to %q: %v", address, err)
		}
	}
	if len(s.Mails()) != 1 {
		t.Errorf("%d mails", len(s.Mails()))
	}
}

func TestAWrongRootOrNoTLSIsAMatterOfConfiguration(t *testing.T) {
	s, other := mailServer(t), mailServer(t)
	o := emailOptions(t, other)
	o.Port, o.Password = s.Port, notify.Secret(s.Password)
	c, err := notify.NewEmail(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), mailTo(notifytest.Sample()), false); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "root_file") {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
	s.SetMode(notifytest.MailWithoutTLS)
	if _, err := emailChannel(t, s).Send(t.Context(), mailTo(notifytest.Sample()), false); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
	if len(s.Mails())+len(other.Mails()) != 0 {
		t.Error("a mail was sent")
	}
}

func TestMailGoesByImplicitTLSAndToThisMachineInTheClear(t *testing.T) {
	s := mailServer(t)
	for mode, change := range map[notifytest.MailMode]func(*notify.EmailOptions){
		notifytest.MailImplicitTLS: func(o *notify.EmailOptions) { o.ImplicitTLS = true },
		notifytest.MailWithoutTLS:  func(o *notify.EmailOptions) { o.Insecure = true },
	} {
		s.SetMode(mode)
		o := emailOptions(t, s)
		change(&o)
		c, err := notify.NewEmail(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(t.Context(), mailTo(notifytest.Sample()), false); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
	mails := s.Mails()
	if len(mails) != 2 || mails[0].TLS == mails[1].TLS || mails[0].MessageID != mails[1].MessageID {
		t.Errorf("%d mails", len(mails))
	}
}

func TestEmailOptionsAreRefusedWithTheirNames(t *testing.T) {
	good := notify.EmailOptions{Host: "mail.example.com", From: "neverlapse@example.com"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*notify.EmailOptions){
		"host is required":      func(o *notify.EmailOptions) { o.Host = "" },
		"port 70000":            func(o *notify.EmailOptions) { o.Port = 70000 },
		`from "nobody"`:         func(o *notify.EmailOptions) { o.From = "nobody" },
		"on this machine":       func(o *notify.EmailOptions) { o.Insecure = true },
		"exclude each other":    func(o *notify.EmailOptions) { o.Insecure, o.ImplicitTLS = true, true },
		"password or password_": func(o *notify.EmailOptions) { o.Username = "u" },
		"without username":      func(o *notify.EmailOptions) { o.Password = "p" },
		"timeout -1ns":          func(o *notify.EmailOptions) { o.Timeout = -1 },
	} {
		o := good
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
