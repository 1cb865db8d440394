package scan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

var errNotOffered = errors.New("the server does not offer STARTTLS here")

// smtp: greeting, EHLO, STARTTLS (RFC 3207).
func smtp(t *talk, _ cert.Endpoint) error {
	if err := t.expect("220", "greeted with"); err != nil {
		return err
	}
	if err := t.send("EHLO " + literal(t.conn.LocalAddr()) + "\r\n"); err != nil {
		return err
	}
	code, lines, err := t.reply()
	if err != nil {
		return err
	}
	if code != "250" {
		return unexpected("answered EHLO with", lines[len(lines)-1])
	}
	for _, l := range lines[1:] {
		if strings.EqualFold(strings.TrimSpace(l[min(4, len(l)):]), "STARTTLS") {
			if err := t.send("STARTTLS\r\n"); err != nil {
				return err
			}
			return t.expect("220", "answered STARTTLS with")
		}
	}
	return errNotOffered
}

// literal names us as a client without a name does (RFC 5321, 4.1.3).
func literal(a net.Addr) string {
	addr, err := netip.ParseAddrPort(a.String())
	switch {
	case err != nil:
		return "[127.0.0.1]"
	case addr.Addr().Unmap().Is6():
		return "[IPv6:" + addr.Addr().WithZone("").String() + "]"
	}
	return "[" + addr.Addr().Unmap().String() + "]"
}

// expect reads an answer and refuses any other code.
func (t *talk) expect(code, when string) error {
	got, lines, err := t.reply()
	if err != nil {
		return err
	}
	if got != code {
		return unexpected(when, lines[len(lines)-1])
	}
	return nil
}

// ftp: greeting, AUTH TLS (RFC 4217, 4).
func ftp(t *talk, _ cert.Endpoint) error {
	code := "120"
	for code == "120" { // ready in a few minutes; the deadline is sooner
		var lines []string
		var err error
		if code, lines, err = t.reply(); err != nil {
			return err
		}
		if code != "120" && code != "220" {
			return unexpected("greeted with", lines[len(lines)-1])
		}
	}
	if err := t.send("AUTH TLS\r\n"); err != nil {
		return err
	}
	return t.expect("234", "answered AUTH TLS with")
}

// imap: greeting, STARTTLS (RFC 9051, 6.2.1; RFC 2595, 3).
func imap(t *talk, _ cert.Endpoint) error {
	greeting, err := t.line()
	if err != nil {
		return err
	}
	if !hasWords(greeting, "*", "OK") {
		return unexpected("greeted with", greeting)
	}
	if err := t.send("a1 STARTTLS\r\n"); err != nil {
		return err
	}
	for {
		line, err := t.line()
		switch {
		case err != nil:
			return err
		case hasWords(line, "a1", "OK"):
			return nil
		case !strings.HasPrefix(line, "* ") || hasWords(line, "*", "BYE"):
			return unexpected("answered STARTTLS with", line)
		}
	}
}

func hasWords(line, tag, word string) bool {
	f := strings.Fields(line)
	return len(f) > 1 && f[0] == tag && strings.EqualFold(f[1], word)
}

// pop3: greeting, STLS (RFC 2595, 4).
func pop3(t *talk, _ cert.Endpoint) error {
	for _, step := range []struct{ say, when string }{{"", "greeted with"}, {"STLS\r\n", "answered STLS with"}} {
		if err := t.send(step.say); err != nil {
			return err
		}
		line, err := t.line()
		if err != nil {
			return err
		}
		if line != "+OK" && !strings.HasPrefix(line, "+OK ") {
			return unexpected(step.when, line)
		}
	}
	return nil
}

// hint adds to a handshake that failed that TLS is usually asked for on the port.
func hint(e cert.Endpoint, seen sight) string {
	var dial *dialError
	p := cert.UsualStartTLS(e.Port)
	if e.StartTLS != "" || p == "" || errors.As(seen.err, &dial) || errors.Is(seen.err, errBusy) || isForbidden(seen.err) {
		return ""
	}
	e.StartTLS = p
	return fmt.Sprintf("; on this port TLS is usually asked for first, which %s does", e)
}
