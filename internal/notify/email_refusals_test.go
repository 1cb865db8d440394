package notify_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// dialog speaks SMTP as written, without a library that would mend it.
type dialog struct {
	t    *testing.T
	conn net.Conn
	text *textproto.Conn
}

func speak(t *testing.T, s *notifytest.MailServer) *dialog {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, fmt.Sprint(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	d := &dialog{t, conn, textproto.NewConn(conn)}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	d.reads(220)
	d.says("EHLO sender.test", 250)
	return d
}

// encrypted goes on by STARTTLS.
func (d *dialog) encrypted(s *notifytest.MailServer) *dialog {
	d.t.Helper()
	d.says("STARTTLS", 220)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.RootPEM)
	d.conn = tls.Client(d.conn, &tls.Config{RootCAs: roots, ServerName: s.Host})
	d.text = textproto.NewConn(d.conn)
	d.says("EHLO sender.test", 250)
	return d
}

func (d *dialog) reads(code int) string {
	d.t.Helper()
	_, text, err := d.text.ReadResponse(code)
	if err != nil {
		d.t.Fatalf("want %d: %v", code, err)
	}
	return text
}

func (d *dialog) says(line string, code int) string {
	d.t.Helper()
	if _, err := fmt.Fprintf(d.conn, "%s\r\n", line); err != nil {
		d.t.Fatal(err)
	}
	return d.reads(code)
}

func authenticate(user, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
}

// TestTheStandInRefusesWhatMailServersRefuse has, for each thing that a strict
// server does not take, the words with which the stand-in refuses it.
func TestTheStandInRefusesWhatMailServersRefuse(t *testing.T) {
	s := mailServer(t)
	t.Run("a login without TLS", func(t *testing.T) {
		speak(t, s).says(authenticate(s.Username, s.Password), 523)
	})
	t.Run("a mail without a login", func(t *testing.T) {
		speak(t, s).encrypted(s).says("MAIL FROM:<a@example.com>", 502)
	})
	t.Run("a wrong password", func(t *testing.T) {
		speak(t, s).encrypted(s).says(authenticate(s.Username, "wrong"), 535)
	})
	const head = "From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\n"
	for name, x := range map[string]struct{ from, body, want string }{
		"a line of 999 bytes":         {"", strings.Repeat("x", 999) + "\r\n", "longer than 998"},
		"a line that ends without CR": {"", "one\ntwo\r\n", "without CR"},
		"a CR inside a line":          {"", "one\rtwo\r\n", "CR or NUL"},
		"a NUL":                       {"", "one\x00\r\n", "CR or NUL"},
		"8-bit text unannounced":      {"", "가\r\n", "BODY=8BITMIME"},
		"8-bit text":                  {" BODY=8BITMIME", "가\r\n", ""},
		"a line of 998 bytes":         {"", strings.Repeat("x", 998) + "\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := speak(t, s).encrypted(s)
			d.says(authenticate(s.Username, s.Password), 235)
			d.says("MAIL FROM:<a@example.com>"+x.from, 250)
			d.says("RCPT TO:<b@example.com>", 250)
			d.says("DATA", 354)
			if x.want == "" {
				d.says(head+x.body+".", 250)
				return
			}
			if got := d.says(head+x.body+".", 554); !strings.Contains(got, x.want) {
				t.Errorf("refused by %q, want %q", got, x.want)
			}
		})
	}
}
