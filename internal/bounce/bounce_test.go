package bounce_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/bounce"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var now = time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)

const address = "minji@example.net"

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".eml"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
}

func TestWhatServersSendBackIsUnderstood(t *testing.T) {
	for name, want := range map[string]struct {
		gone        bool
		status      string
		certificate string
	}{
		"postfix": {true, "5.1.1", "shop"}, "google": {true, "5.1.1", "shop"}, "exchange-full": {false, "5.2.2", ""},
	} {
		r, err := bounce.ParseReport(bytes.NewReader(sample(t, name)))
		if err != nil || len(r.Failures) != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
			continue
		}
		f := r.Failures[0]
		if f.Gone() != want.gone || f.Status != want.status || f.Recipient != address || r.MessageID != "0011223344556677@example.com" || r.Certificate != want.certificate {
			t.Errorf("%s: %+v of %+v", name, f, r)
		}
		if len(r.To) != 1 || !strings.HasPrefix(strings.ToLower(r.To[0]), "bounces+token@") {
			t.Errorf("%s: to %v", name, r.To)
		}
	}
	for _, name := range []string{"postfix-delayed", "out-of-office"} {
		if r, err := bounce.ParseReport(bytes.NewReader(sample(t, name))); !errors.Is(err, bounce.ErrNoReport) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestAServerWithoutStatusCodesIsUnderstoodByItsReply(t *testing.T) {
	for said, want := range map[string]bool{"smtp; 550 no such user": true, "SMTP;553-gone": true, "smtp; 552 too large": false, "x-unix; 550": false} {
		if f := (bounce.Failure{Status: "5.0.0", Said: said}); f.Gone() != want {
			t.Errorf("%q: gone %v", said, f.Gone())
		}
	}
}

func paths(t testing.TB, key string) *bounce.Paths {
	t.Helper()
	p, err := bounce.NewPaths("bounces@mail.example.com", []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAReturnPathNamesTheAddressToWhoeverHasTheKey(t *testing.T) {
	p := paths(t, "key")
	senders := []bounce.Sender{{Channel: "mail", Address: "jun@example.net"}, {Channel: "mail-eu", Address: address}, {Channel: "mail", Address: address}}
	path := p.For("mail", "Minji@Example.net", now)
	if user, _, _ := strings.Cut(path, "@"); len(user) > 64 {
		t.Errorf("%s has more than 64 characters before the @", path)
	}
	if got, ok := p.Read(strings.ToUpper(path), senders, now.Add(20*24*time.Hour)); !ok || got != senders[2] {
		t.Errorf("%+v, %v", got, ok)
	}
	for why, try := range map[string]func() (bounce.Sender, bool){
		"another key":   func() (bounce.Sender, bool) { return paths(t, "other").Read(path, senders, now) },
		"too old":       func() (bounce.Sender, bool) { return p.Read(path, senders, now.Add(40*24*time.Hour)) },
		"of the future": func() (bounce.Sender, bool) { return p.Read(path, senders, now.Add(-3*24*time.Hour)) },
		"nobody's":      func() (bounce.Sender, bool) { return p.Read(path, senders[:2], now) },
		"changed":       func() (bounce.Sender, bool) { return p.Read(strings.Replace(path, "-", "-0", 1), senders, now) },
		"no token":      func() (bounce.Sender, bool) { return p.Read("bounces@mail.example.com", senders, now) },
	} {
		if got, ok := try(); ok {
			t.Errorf("%s: taken as %+v", why, got)
		}
	}
	for _, bad := range []string{"", "bounces", "b+x@example.com", "Bounces <b@example.com>", "avery.long.name.before.the@example.com"} {
		if _, err := bounce.NewPaths(bad, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestBouncesAreTakenBySMTPAndNothingElseIs(t *testing.T) {
	p := paths(t, "key")
	var got []bounce.Bounce
	refuse := false
	l := &bounce.Listener{
		Paths: p, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Senders: func() []bounce.Sender { return []bounce.Sender{{Channel: "mail", Address: address}} },
		Handle: func(_ context.Context, b bounce.Bounce) error {
			if refuse {
				return errors.New("the store is away")
			}
			got = append(got, b)
			return nil
		},
	}
	at, err := l.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	send := func(from, to string, mail []byte) string {
		c, err := smtp.Dial(at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Mail(from); err != nil {
			return err.Error()
		}
		if err := c.Rcpt(to); err != nil {
			return err.Error()
		}
		w, err := c.Data()
		if err != nil {
			return err.Error()
		}
		if _, err := w.Write(mail); err != nil {
			return err.Error()
		}
		if err := w.Close(); err != nil {
			return err.Error()
		}
		return "taken"
	}
	path := p.For("mail", address, now)
	for _, tc := range []struct{ from, to, mail, want string }{
		{"", path, "postfix", "taken"},
		{"", path, "out-of-office", "taken"},
		{"spammer@example.org", path, "postfix", "550"},
		{"", "bounces@mail.example.com", "postfix", "550"},
		{"", "minji@example.net", "postfix", "550"},
		{"", paths(t, "stolen").For("mail", address, now), "postfix", "550"},
	} {
		if said := send(tc.from, tc.to, sample(t, tc.mail)); !strings.HasPrefix(said, tc.want) {
			t.Errorf("from %q to %q: %s, want %s", tc.from, tc.to, said, tc.want)
		}
	}
	if len(got) != 1 || !got[0].Gone || got[0].Address != address || got[0].Certificate != "shop" || !strings.Contains(got[0].Why, "User unknown") {
		t.Errorf("%+v", got)
	}
	refuse = true
	if said := send("", path, sample(t, "postfix")); !strings.HasPrefix(said, "451") {
		t.Errorf("what could not be dealt with is answered %s", said)
	}
	refuse, got = false, nil
	if send("", path, append(bytes.Repeat([]byte("X: x\r\n"), bounce.MaxReport/4), sample(t, "postfix")...)); len(got) > 0 {
		t.Errorf("what is too large is taken: %+v", got)
	}
}

func TestWhatMailServicesReportIsUnderstood(t *testing.T) {
	ses := `{"Type":"Notification","Message":"{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"%s\",\"bounceSubType\":\"%s\",\"bouncedRecipients\":[{\"emailAddress\":\"minji@example.net\",\"action\":\"failed\",\"status\":\"5.1.1\",\"diagnosticCode\":\"smtp; 550 5.1.1 user unknown\"}]},\"mail\":{\"messageId\":\"x\"}}"}`
	for body, want := range map[string]string{
		fmt.Sprintf(ses, "Permanent", "General"):                                                     "gone",
		fmt.Sprintf(ses, "Permanent", "MailboxFull"):                                                 "kept",
		fmt.Sprintf(ses, "Transient", "General"):                                                     "kept",
		`{"RecordType":"Bounce","Type":"HardBounce","Email":"minji@example.net","Description":"no"}`: "gone",
		`{"RecordType":"Bounce","Type":"SoftBounce","Email":"minji@example.net"}`:                    "kept",
		`{"RecordType":"Bounce","Type":"AutoResponder","Email":"minji@example.net"}`:                 "none",
		`{"RecordType":"Delivery","Recipient":"minji@example.net"}`:                                  "none",
		`{"Type":"Notification","Message":"{\"notificationType\":\"Delivery\"}"}`:                    "none",
	} {
		got, err := bounce.ParseService([]byte(body))
		is := "none"
		if len(got) == 1 && got[0].Address == address {
			is = map[bool]string{true: "gone", false: "kept"}[got[0].Gone]
		}
		if err != nil || is != want {
			t.Errorf("%s: %+v, %v, want %s", body, got, err, want)
		}
	}
	var ask bounce.Subscription
	if _, err := bounce.ParseService([]byte(`{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.ap-northeast-2.amazonaws.com/?Action=x"}`)); !errors.As(err, &ask) || !strings.Contains(err.Error(), "https://sns.") {
		t.Errorf("%v", err)
	}
	for _, body := range []string{"", "[]", "{}", `{"Type":"Notification","Message":"not json"}`, `{"RecordType":"Bounce"}`} {
		if _, err := bounce.ParseService([]byte(body)); !errors.Is(err, bounce.ErrUnread) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func FuzzReportsOfStrangersAreReadWithoutHarm(f *testing.F) {
	for _, name := range []string{"postfix", "google", "exchange-full", "postfix-delayed", "out-of-office"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := bounce.ParseReport(bytes.NewReader(data))
		if err == nil && len(r.Failures) == 0 {
			t.Error("no failure and no error")
		}
		b := r.Of(bounce.Sender{Channel: "mail", Address: address})
		for _, text := range []string{b.Why, b.MessageID, b.Certificate, b.Alert} {
			if strings.ContainsAny(text, "\x00\x1b\r\n\u202e") || len([]rune(text)) > 2000 {
				t.Errorf("a stranger's text comes through: %q", text)
			}
		}
		_, _ = bounce.ParseService(data)
	})
}

func TestSTARTTLSIsOfferedWithACertificateThatIsRenewedAndPlainIsRefusedWhereItIsRequired(t *testing.T) {
	dir := t.TempDir()
	encryption := bounce.Encryption{CertFile: filepath.Join(dir, "chain.pem"), KeyFile: filepath.Join(dir, "key.pem"), Required: true}
	renew := func() *x509.Certificate {
		pair, err := targettest.NewPair([]string{"mail.example.com"}, now.Add(-time.Hour), now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for file, data := range map[string][]byte{encryption.CertFile: pair.Chain, encryption.KeyFile: pair.Key} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		block, _ := pem.Decode(pair.Chain)
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	l := &bounce.Listener{
		Paths: paths(t, "key"), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Encryption: encryption,
		Senders: func() []bounce.Sender { return []bounce.Sender{{Channel: "mail", Address: address}} },
	}
	if _, err := l.Start("127.0.0.1:0"); err == nil {
		t.Fatal("it starts without the files")
	}
	renew()
	at, err := l.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func() *smtp.Client {
		c, err := smtp.Dial(at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	plain := dial()
	if offered, _ := plain.Extension("STARTTLS"); !offered {
		t.Error("STARTTLS is not offered")
	}
	if err := plain.Mail(""); err == nil || !strings.HasPrefix(err.Error(), "530") {
		t.Errorf("plain is answered %v", err)
	}
	for range 2 {
		roots := x509.NewCertPool()
		roots.AddCert(renew())
		c := dial()
		if err := c.StartTLS(&tls.Config{ServerName: "mail.example.com", RootCAs: roots, Time: func() time.Time { return now }}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Mail(""), c.Rcpt(l.Paths.For("mail", address, now))); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(encryption.KeyFile, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dial().StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Errorf("while the files are being written: %v", err)
	}
}
