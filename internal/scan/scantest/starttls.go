package scantest

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Say is how a server answers one of the conversations that lead to TLS.
type Say struct {
	// Refuse makes it offer no TLS, or refuse it.
	Refuse bool
	// Inject is sent in plain text together with the answer after which TLS begins.
	Inject string
}

// plainly are the servers' sides of the conversations. They take what the
// protocol's document allows a client to say, and nothing else.
var plainly = map[cert.StartTLS]func(*bufio.ReadWriter, Say) error{
	"smtp": smtp, "imap": imap, "pop3": pop3, "ftp": ftp,
	"ldap": ldap, "postgres": postgres, "mysql": mysql, "xmpp": xmpp,
}

// ServeStartTLS serves a certificate to clients that ask for TLS in a protocol.
func ServeStartTLS(t *testing.T, address string, p cert.StartTLS, c tls.Certificate, say Say) cert.Endpoint {
	t.Helper()
	talk, ok := plainly[p]
	if !ok {
		t.Fatalf("nobody serves %s here", p)
	}
	e := Serve(t, address, func(conn net.Conn) {
		rw := bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
		if err := talk(rw, say); err != nil || say.Refuse {
			return
		}
		_, _ = rw.WriteString(say.Inject)
		if rw.Flush() != nil {
			return
		}
		server := tls.Server(reread{conn, rw.Reader}, &tls.Config{Certificates: []tls.Certificate{c}})
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
	})
	e.StartTLS = p
	return e
}

// reread is a connection of which a reader has taken something already.
type reread struct {
	net.Conn
	r io.Reader
}

func (c reread) Read(p []byte) (int, error) { return c.r.Read(p) }

// tell writes and sends lines.
func tell(rw *bufio.ReadWriter, lines ...string) error {
	for _, l := range lines {
		if _, err := rw.WriteString(l + "\r\n"); err != nil {
			return err
		}
	}
	return rw.Flush()
}

// hear reads a line, which has to be one of the commands.
func hear(rw *bufio.ReadWriter, command string) (string, error) {
	line, err := rw.ReadString('\n')
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	verb, rest, _ := strings.Cut(text, " ")
	if !ok || !strings.EqualFold(verb, command) {
		return "", fmt.Errorf("heard %q, not %s", line, command)
	}
	return rest, nil
}

// smtp is RFC 5321 and RFC 3207. The last answer is left to be sent with what follows.
func smtp(rw *bufio.ReadWriter, say Say) error {
	if err := tell(rw, "220-mail.test ESMTP", "220 ready"); err != nil {
		return err
	}
	if name, err := hear(rw, "EHLO"); err != nil || name == "" {
		return fmt.Errorf("EHLO %q: %w", name, err)
	}
	if say.Refuse {
		return tell(rw, "250-mail.test", "250 8BITMIME")
	}
	if err := tell(rw, "250-mail.test", "250-STARTTLS", "250 8BITMIME"); err != nil {
		return err
	}
	if _, err := hear(rw, "STARTTLS"); err != nil {
		return err
	}
	_, err := rw.WriteString("220 2.0.0 go ahead\r\n")
	return err
}

// imap is RFC 9051.
func imap(rw *bufio.ReadWriter, say Say) error {
	if err := tell(rw, "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready"); err != nil {
		return err
	}
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return err
		}
		f := strings.Fields(line)
		switch {
		case len(f) != 2:
			return fmt.Errorf("heard %q", line)
		case strings.EqualFold(f[1], "CAPABILITY"): // what openssl asks first
			err = tell(rw, "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED", f[0]+" OK done")
		case strings.EqualFold(f[1], "STARTTLS") && say.Refuse:
			return tell(rw, f[0]+" BAD no TLS here")
		case strings.EqualFold(f[1], "STARTTLS"):
			_, err = rw.WriteString("* 0 EXISTS\r\n" + f[0] + " OK begin\r\n")
			return err
		}
		if err != nil {
			return err
		}
	}
}

// pop3 is RFC 1939 and RFC 2595.
func pop3(rw *bufio.ReadWriter, say Say) error {
	if err := tell(rw, "+OK POP3 ready"); err != nil {
		return err
	}
	if _, err := hear(rw, "STLS"); err != nil {
		return err
	}
	if say.Refuse {
		return tell(rw, "-ERR what?")
	}
	_, err := rw.WriteString("+OK begin\r\n")
	return err
}

// ftp is RFC 959 and RFC 4217.
func ftp(rw *bufio.ReadWriter, say Say) error {
	if err := tell(rw, "220-welcome", "  to this server", "220 of files"); err != nil {
		return err
	}
	how, err := hear(rw, "AUTH")
	if err != nil || !strings.EqualFold(how, "TLS") {
		return fmt.Errorf("AUTH %q: %w", how, err)
	}
	if say.Refuse {
		return tell(rw, "534 no TLS here")
	}
	_, err = rw.WriteString("234 begin\r\n")
	return err
}

// ldap is RFC 4511; the lengths are as Active Directory writes them.
func ldap(rw *bufio.ReadWriter, say Say) error {
	head := make([]byte, 2)
	if _, err := io.ReadFull(rw, head); err != nil || head[0] != 0x30 {
		return fmt.Errorf("heard %x: %w", head, err)
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(rw, body); err != nil {
		return err
	}
	id, rest := body[:3], body[3:]
	if want := "\x77\x18\x80\x161.3.6.1.4.1.1466.20037"; string(rest) != want {
		return fmt.Errorf("heard %x, want %x", rest, want)
	}
	result, text := byte(0), ""
	if say.Refuse {
		result, text = 2, "no TLS here"
	}
	fields := append([]byte{0x0a, 1, result, 0x04, 0, 0x04, byte(len(text))}, text...)
	op := append([]byte{0x78, 0x84, 0, 0, 0, byte(len(fields))}, fields...)
	message := append(id, op...)
	if _, err := rw.Write(append([]byte{0x30, 0x84, 0, 0, 0, byte(len(message))}, message...)); err != nil || !say.Refuse {
		return err
	}
	return rw.Flush()
}

// postgres is the frontend/backend protocol, version 3.
func postgres(rw *bufio.ReadWriter, say Say) error {
	request := make([]byte, 8)
	if _, err := io.ReadFull(rw, request); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(request) != 8 || binary.BigEndian.Uint32(request[4:]) != 80877103 {
		return fmt.Errorf("heard %x", request)
	}
	if say.Refuse {
		_ = rw.WriteByte('N')
		return rw.Flush()
	}
	return rw.WriteByte('S')
}

// mysql is the client/server protocol, version 10.
func mysql(rw *bufio.ReadWriter, say Say) error {
	capabilities := uint16(0xffff)
	if say.Refuse {
		capabilities &^= 0x0800
	}
	greeting := append([]byte{10}, "8.0.36-test\x00"...)
	greeting = append(greeting, "\x01\x00\x00\x00abcdefgh\x00"...)
	greeting = binary.LittleEndian.AppendUint16(greeting, capabilities)
	greeting = append(greeting, 45, 2, 0, 0xff, 0xc7, 21)
	greeting = append(greeting, make([]byte, 10)...)
	greeting = append(greeting, "ijklmnopqrst\x00caching_sha2_password\x00"...)
	if _, err := rw.Write(append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...)); err != nil {
		return err
	}
	if say.Inject != "" { // the server says nothing between its greeting and TLS
		return nil
	}
	if err := rw.Flush(); err != nil || say.Refuse {
		return err
	}
	request := make([]byte, 36)
	if _, err := io.ReadFull(rw, request); err != nil {
		return err
	}
	if string(request[:4]) != "\x20\x00\x00\x01" || binary.LittleEndian.Uint32(request[4:])&0x0a00 != 0x0a00 {
		return fmt.Errorf("heard %x", request)
	}
	return nil
}

// xmpp is RFC 6120.
func xmpp(rw *bufio.ReadWriter, say Say) error {
	d := xml.NewDecoder(rw.Reader)
	if err := begins(d, xml.Name{Space: "http://etherx.jabber.org/streams", Local: "stream"}); err != nil {
		return err
	}
	const tls = "urn:ietf:params:xml:ns:xmpp-tls"
	features := "<starttls xmlns='" + tls + "'><required/></starttls>"
	if say.Refuse {
		features = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
	}
	_, _ = rw.WriteString("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='xmpp.test' id='1' version='1.0'><stream:features>" + features + "</stream:features>")
	if err := rw.Flush(); err != nil || say.Refuse {
		return err
	}
	if err := begins(d, xml.Name{Space: tls, Local: "starttls"}); err != nil {
		return err
	}
	if _, err := d.Token(); err != nil { // its end
		return err
	}
	_, err := rw.WriteString("<proceed xmlns='" + tls + "'/>")
	return err
}

// begins reads up to the next element, which has to be the one.
func begins(d *xml.Decoder, want xml.Name) error {
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok {
			if start.Name != want {
				return fmt.Errorf("heard <%s>, not <%s>", start.Name.Local, want.Local)
			}
			return nil
		}
	}
}
