package scan

import (
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

func everyProtocol(t *testing.T, test func(t *testing.T, p cert.StartTLS)) {
	for _, u := range cert.Upgrades {
		t.Run(string(u.Protocol), func(t *testing.T) { test(t, u.Protocol) })
	}
}

func TestTLSIsAskedForInEveryProtocol(t *testing.T) {
	a := scantest.NewAuthority(t)
	leaf := a.Leaf(t, nil, "host.test")
	everyProtocol(t, func(t *testing.T, p cert.StartTLS) {
		e := scantest.ServeStartTLS(t, "127.0.0.1:0", p, a.Chain(leaf), scantest.Say{})
		e.ServerName = "host.test"
		o := observeOne(t, Options{Roots: a.Roots}, e)
		if o.Version.Fingerprint != cert.FingerprintOf(leaf.Cert) || len(o.Problems) > 0 {
			t.Errorf("saw %+v", o)
		}
		if again, err := cert.ParseEndpoint(o.Endpoint.String()); err != nil || again != e {
			t.Errorf("%q is read as %+v, %v", o.Endpoint.String(), again, err)
		}
	})
}

// The stand-ins are no inventions of ours: another client gets through them, too.
func TestTheServersOfTheseTestsSpeakWhatOpenSSLSpeaks(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: apt-get install openssl")
	}
	a := scantest.NewAuthority(t)
	leaf := a.Leaf(t, nil, "host.test")
	everyProtocol(t, func(t *testing.T, p cert.StartTLS) {
		e := scantest.ServeStartTLS(t, "127.0.0.1:0", p, a.Chain(leaf), scantest.Say{})
		cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-starttls", string(p), "-connect", e.Address(), "-servername", "host.test", "-xmpphost", "host.test")
		if p != "xmpp" {
			cmd.Args = cmd.Args[:len(cmd.Args)-2]
		}
		cmd.Stdin = strings.NewReader("")
		out, err := cmd.CombinedOutput()
		if serial := strings.ToUpper(leaf.Cert.SerialNumber.Text(16)); err != nil || !strings.Contains(string(out), "BEGIN CERTIFICATE") {
			t.Errorf("openssl did not get the certificate %s: %v\n%s", serial, err, out)
		}
	})
}

func TestAServerThatOffersNoTLSIsToldAsSuch(t *testing.T) {
	a := scantest.NewAuthority(t)
	said := map[cert.StartTLS]string{
		"imap": `answered STARTTLS with "a1 BAD no TLS here"`, "pop3": `answered STLS with "-ERR what?"`,
		"ftp": `answered AUTH TLS with "534 no TLS here"`, "ldap": `answered StartTLS with result 2: "no TLS here"`,
	}
	everyProtocol(t, func(t *testing.T, p cert.StartTLS) {
		e := scantest.ServeStartTLS(t, "127.0.0.1:0", p, a.Chain(a.Leaf(t, nil, "host.test")), scantest.Say{Refuse: true})
		want := said[p]
		if want == "" {
			want = "the server does not offer STARTTLS here"
		}
		if o := observeOne(t, Options{}, e); o.Seen() || !strings.Contains(o.Err, want) || !strings.HasPrefix(o.Err, string(p)+": ") {
			t.Errorf("saw %q, want %q", o.Err, want)
		}
	})
}

// Whoever sits between can put text behind the answer; it must not count as
// said within TLS (CVE-2011-0411), so nothing there is believed.
func TestPlainTextAfterTheAnswerIsNotTrusted(t *testing.T) {
	a := scantest.NewAuthority(t)
	everyProtocol(t, func(t *testing.T, p cert.StartTLS) {
		e := scantest.ServeStartTLS(t, "127.0.0.1:0", p, a.Chain(a.Leaf(t, nil, "host.test")), scantest.Say{Inject: "250 injected\r\n"})
		if o := observeOne(t, Options{}, e); o.Seen() || !strings.Contains(o.Err, "14 bytes came in plain text after the answer that begins TLS") {
			t.Errorf("saw %+v", o)
		}
	})
}

func TestServersThatNeverComeToTLSAreBounded(t *testing.T) {
	everyProtocol(t, func(t *testing.T, p cert.StartTLS) {
		for name, c := range map[string]struct {
			answer func(net.Conn)
			want   string
		}{
			"silent": {untilClosed, "timeout after 300ms: connected, but the server did not get as far as TLS in " + string(p)},
			"gone":   {func(net.Conn) {}, ""},
			"drips": {func(c net.Conn) {
				for {
					if _, err := io.WriteString(c, " "); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}, ""},
			"endless": {func(c net.Conn) {
				go func() { _, _ = io.Copy(io.Discard, c) }()
				for line := greetingWithoutEnd(p); ; {
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}, ""},
			"tls at once": {greet("\x15\x03\x01\x00\x02\x02\x28"), ""},
		} {
			t.Run(name, func(t *testing.T) {
				e := serve(t, "127.0.0.1:0", c.answer)
				e.StartTLS = p
				o := observeOne(t, Options{Timeout: 300 * time.Millisecond}, e)
				if o.Seen() || o.Err == "" || !strings.Contains(o.Err, c.want) || len(o.Err) > 2*maxText {
					t.Errorf("saw %+v, want %q", o, c.want)
				}
			})
		}
	})
}

// greet says something first, as most of these protocols do.
func greet(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		untilClosed(conn)
	}
}

func greetingWithoutEnd(p cert.StartTLS) string {
	switch p {
	case "smtp", "ftp":
		return "220-welcome\r\n"
	case "imap":
		return "* OK hello\r\n"
	case "pop3":
		return "+OK " + strings.Repeat("x", 100)
	case "xmpp":
		return "<a>"
	case "mysql":
		return "\xff\xff\x00\x00"
	}
	return "\x30\x84\xff\xff\xff\xff"
}

func TestWhatAServerSaysBeforeTLSIsEscaped(t *testing.T) {
	for p, answer := range map[cert.StartTLS]string{
		"smtp":  "554 \x1b[31mgo away\x07\u202e\r\n",
		"imap":  "* BYE \x1b[31mgo away\x07\u202e\r\n",
		"ftp":   "421 \x1b[31mgo away\x07\u202e\r\n",
		"mysql": "\x1f\x00\x00\x00\xff\x6a\x04#HY000\x1b[31mgo away\x07\u202e........",
	} {
		t.Run(string(p), func(t *testing.T) {
			e := serve(t, "127.0.0.1:0", greet(answer))
			e.StartTLS = p
			if o := observeOne(t, Options{}, e); !strings.Contains(o.Err, "go away") || strings.ContainsAny(o.Err, "\x1b\x07\u202e") {
				t.Errorf("saw %q", o.Err)
			}
		})
	}
}

func TestAPortThatUsuallyWantsSTARTTLSIsHintedAt(t *testing.T) {
	e := cert.Endpoint{Host: "mail.test", Port: 587}
	seen := sight{err: tls.RecordHeaderError{Msg: "no TLS"}}
	if got := hint(e, seen); !strings.Contains(got, "smtp://mail.test:587") {
		t.Errorf("hint = %q", got)
	}
	e.StartTLS = "smtp"
	if got := hint(e, seen); got != "" {
		t.Errorf("hint = %q although it was asked for", got)
	}
	if got := hint(cert.Endpoint{Host: "mail.test", Port: 443}, seen); got != "" {
		t.Errorf("hint = %q for port 443", got)
	}
}

func TestEndpointsWithAProtocolAreRead(t *testing.T) {
	for text, want := range map[string]cert.Endpoint{
		"smtp://mail.test":              {Host: "mail.test", Port: 25, StartTLS: "smtp"},
		"SMTP://mail.test:587":          {Host: "mail.test", Port: 587, StartTLS: "smtp"},
		"imap://mail.test/":             {Host: "mail.test", Port: 143, StartTLS: "imap"},
		"xmpp://10.0.0.1#chat.test":     {Host: "10.0.0.1", Port: 5222, StartTLS: "xmpp", ServerName: "chat.test"},
		"postgres://[2001:db8::1]:5433": {Host: "2001:db8::1", Port: 5433, StartTLS: "postgres"},
	} {
		got, err := cert.ParseEndpoint(text)
		if err != nil || got != want {
			t.Errorf("%s = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"smtps://mail.test", "gopher://x.test", "smtp://", "smtp://:25", "smtp://mail.test:0", "smtp://a b"} {
		if got, err := cert.ParseEndpoint(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
	if err := (cert.Endpoint{Host: "a.test", Port: 25, StartTLS: "gopher"}).Validate(); err == nil {
		t.Error("an unknown protocol passes")
	}
}

// FuzzStartTLS has a server say anything at all.
func FuzzStartTLS(f *testing.F) {
	for _, s := range []string{"220 x\r\n250 STARTTLS\r\n220 y\r\n", "* OK\r\na1 OK\r\n", "+OK\r\n+OK\r\n", "220 x\r\n234 y\r\n",
		"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "S", "N", "<stream:stream><stream:features/>", "\x30\x80\x80"} {
		for i := range cert.Upgrades {
			f.Add(i, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, which int, said []byte) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			defer server.Close()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			_, _ = server.Write(said)
		}()
		p := cert.Upgrades[max(which, -which-1)%len(cert.Upgrades)].Protocol
		err := askForTLS(client, cert.Endpoint{Host: "x.test", Port: 5222, StartTLS: p})
		if err != nil && explain(sight{err: err}) == "" {
			t.Errorf("%s: no words for %v", p, err)
		}
	})
}
