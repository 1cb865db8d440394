package scan

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// What a server says before TLS is bounded, whatever the protocol.
const (
	maxPlain = 64 << 10 // bytes in all
	maxLine  = 8 << 10  // bytes in a line
)

// plainError tells that a conversation did not get as far as TLS.
type plainError struct {
	protocol cert.StartTLS
	err      error
}

func (e *plainError) Error() string { return fmt.Sprintf("%s: %s", e.protocol, e.err) }

func (e *plainError) Unwrap() error { return e.err }

// upgrades are the conversations, each up to the point where TLS begins.
var upgrades = map[cert.StartTLS]func(*talk, cert.Endpoint) error{
	"smtp": smtp, "imap": imap, "pop3": pop3, "ftp": ftp,
	"ldap": ldap, "postgres": postgres, "mysql": mysql, "xmpp": xmpp,
}

// askForTLS speaks the endpoint's protocol until TLS can begin. What was said
// in plain text counts for nothing afterwards, and nothing may follow it: a
// server waits for our first record, so bytes behind its answer were put there
// by somebody else (CVE-2011-0411).
func askForTLS(conn net.Conn, e cert.Endpoint) error {
	if e.StartTLS == "" {
		return nil
	}
	upgrade, ok := upgrades[e.StartTLS]
	if !ok {
		return &plainError{e.StartTLS, errors.New("this program does not speak it")}
	}
	t := &talk{conn: conn}
	err := upgrade(t, e)
	if err == nil && len(t.unread) > 0 {
		err = fmt.Errorf("%d bytes came in plain text after the answer that begins TLS: somebody may have put them there, so nothing of it is trusted", len(t.unread))
	}
	if err != nil {
		return &plainError{e.StartTLS, err}
	}
	return nil
}

// talk is a conversation in plain text. The connection has a deadline.
type talk struct {
	conn   net.Conn
	unread []byte
	total  int
}

func (t *talk) send(text string) error {
	_, err := io.WriteString(t.conn, text)
	return err
}

// more waits for bytes.
func (t *talk) more() error {
	if t.total >= maxPlain {
		return fmt.Errorf("the server said more than %d bytes before TLS", maxPlain)
	}
	buf := make([]byte, 4<<10)
	n, err := t.conn.Read(buf)
	t.unread, t.total = append(t.unread, buf[:n]...), t.total+n
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("the server closed the connection before TLS")
	}
	return err
}

// take gives the next n bytes.
func (t *talk) take(n int) ([]byte, error) {
	for len(t.unread) < n {
		if err := t.more(); err != nil {
			return nil, err
		}
	}
	out := t.unread[:n:n]
	t.unread = t.unread[n:]
	return out, nil
}

// ReadByte makes it a source for an XML decoder, which then reads nothing ahead.
func (t *talk) ReadByte() (byte, error) {
	b, err := t.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// Read is not used by a decoder that has ReadByte.
func (t *talk) Read(p []byte) (int, error) {
	b, err := t.take(1)
	return copy(p, b), err
}

// line gives the next line, without its end.
func (t *talk) line() (string, error) {
	for from := 0; ; {
		if i := strings.IndexByte(string(t.unread[from:]), '\n'); i >= 0 {
			line := string(t.unread[:from+i])
			t.unread = t.unread[from+i+1:]
			return strings.TrimSuffix(line, "\r"), nil
		}
		if from = len(t.unread); from > maxLine {
			return "", fmt.Errorf("the server sent a line of more than %d bytes", maxLine)
		}
		if err := t.more(); err != nil {
			return "", err
		}
	}
}

// reply gives an answer of SMTP or FTP: its code, and its lines as one text.
func (t *talk) reply() (code string, lines []string, err error) {
	for {
		line, err := t.line()
		if err != nil {
			return "", nil, err
		}
		lines = append(lines, line)
		if code == "" {
			if code = digits(line); code == "" {
				return "", nil, unexpected("greeted or answered", line)
			}
		}
		// Within an answer a line of FTP may be anything; the last one has the
		// code and a blank (RFC 959, 4.2).
		if line == code || strings.HasPrefix(line, code+" ") {
			return code, lines, nil
		}
	}
}

// digits is the code of three digits that a line begins with.
func digits(line string) string {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return ""
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return ""
		}
	}
	return line[:3]
}

// unexpected tells what the server said, as much of it as a line of ours holds.
func unexpected(when, said string) error {
	return fmt.Errorf("the server %s %q", when, clean(said))
}
