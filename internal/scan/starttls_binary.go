package scan

import (
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// postgres: SSLRequest, answered by one byte.
func postgres(t *talk, _ cert.Endpoint) error {
	if err := t.send("\x00\x00\x00\x08\x04\xd2\x16\x2f"); err != nil {
		return err
	}
	b, err := t.ReadByte()
	switch {
	case err != nil:
		return err
	case b == 'N':
		return errNotOffered
	case b != 'S':
		return unexpected("answered SSLRequest with", string(rune(b)))
	}
	return nil
}

const (
	mysqlSSL        = 0x0800
	mysqlProtocol41 = 0x0200
	mysqlSecure     = 0x8000
	mysqlPluginAuth = 0x80000
)

// mysql: the server's handshake, then our SSLRequest, which is not answered
// (client/server protocol, connection phase).
func mysql(t *talk, _ cert.Endpoint) error {
	header, err := t.take(4)
	if err != nil {
		return err
	}
	size := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if size == 0 || size > maxLine || header[3] != 0 {
		return unexpected("greeted with", string(header))
	}
	greeting, err := t.take(size)
	if err != nil {
		return err
	}
	if greeting[0] == 0xff {
		return unexpected("refused us with", string(greeting[min(3, size):]))
	}
	_, rest, ok := strings.Cut(string(greeting), "\x00") // after the protocol and the server's version
	const capabilities = 4 + 8 + 1                       // thread, first part of a challenge, a zero
	if greeting[0] != 10 || !ok || len(rest) < capabilities+2 {
		return unexpected("greeted with", string(greeting))
	}
	if binary.LittleEndian.Uint16([]byte(rest[capabilities:]))&mysqlSSL == 0 {
		return errNotOffered
	}
	request := binary.LittleEndian.AppendUint32([]byte{32, 0, 0, 1}, mysqlProtocol41|mysqlSSL|mysqlSecure|mysqlPluginAuth)
	request = binary.LittleEndian.AppendUint32(request, 1<<24) // the largest packet
	request = append(request, 33)                              // utf8
	return t.send(string(append(request, make([]byte, 23)...)))
}

// ldap: the extended operation StartTLS (RFC 4511, 4.14; RFC 4513, 3.1).
func ldap(t *talk, _ cert.Endpoint) error {
	const oid = "1.3.6.1.4.1.1466.20037"
	// LDAPMessage{messageID 1, ExtendedRequest{requestName}}
	if err := t.send("\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + oid); err != nil {
		return err
	}
	tag, body, err := t.element()
	if err != nil {
		return err
	}
	malformed := errors.New("the server's answer is no LDAP message")
	if tag != 0x30 {
		return malformed
	}
	answer := &talk{unread: body, total: maxPlain} // nothing more is to come
	id, number, err := answer.element()
	if err != nil || id != 0x02 {
		return malformed
	}
	op, response, err := answer.element()
	if err != nil || op != 0x78 {
		return malformed
	}
	fields := &talk{unread: response, total: maxPlain}
	_, result, err := fields.element()
	if err != nil || len(result) != 1 {
		return malformed
	}
	if result[0] == 0 && string(number) == "\x01" {
		return nil
	}
	_, _, err = fields.element() // matchedDN
	_, said, more := fields.element()
	if err != nil || more != nil {
		return malformed
	}
	return fmt.Errorf("the server answered StartTLS with result %d: %q", result[0], clean(string(said)))
}

// element reads one element of BER with a definite length.
func (t *talk) element() (tag byte, body []byte, err error) {
	head, err := t.take(2)
	if err != nil {
		return 0, nil, err
	}
	size := int(head[1])
	if size >= 0x80 {
		more, err := t.take(size & 0x7f)
		if err != nil {
			return 0, nil, err
		}
		if len(more) == 0 || len(more) > 4 {
			return 0, nil, errors.New("the server sent an element of no definite length")
		}
		size = 0
		for _, b := range more {
			size = size<<8 | int(b)
		}
	}
	if size > maxLine {
		return 0, nil, fmt.Errorf("the server sent an element of %d bytes", size)
	}
	body, err = t.take(size)
	return head[0], body, err
}

const xmppTLS = "urn:ietf:params:xml:ns:xmpp-tls"

// xmpp: streams, features, starttls, proceed (RFC 6120, 5.4), as a client, and
// on port 5269 as another server.
func xmpp(t *talk, e cert.Endpoint) error {
	space := "jabber:client"
	if e.Port == 5269 {
		space = "jabber:server"
	}
	open := fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>", space, e.SNI())
	if err := t.send(open); err != nil {
		return err
	}
	d := xml.NewDecoder(t)
	offered, inFeatures := false, false
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		start, begins := token.(xml.StartElement)
		end, ends := token.(xml.EndElement)
		switch {
		case begins && start.Name.Local == "error":
			return errors.New("the server answered with an error of the stream")
		case begins && start.Name.Local == "features":
			inFeatures = true
		case begins && inFeatures && start.Name == xml.Name{Space: xmppTLS, Local: "starttls"}:
			offered = true
		case ends && end.Name.Local == "features":
			if !offered {
				return errNotOffered
			}
			return xmppProceed(t, d)
		case ends && end.Name.Local == "stream":
			return errors.New("the server ended the stream before TLS")
		}
	}
}

func xmppProceed(t *talk, d *xml.Decoder) error {
	if err := t.send("<starttls xmlns='" + xmppTLS + "'/>"); err != nil {
		return err
	}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name != (xml.Name{Space: xmppTLS, Local: "proceed"}) {
				return fmt.Errorf("the server answered starttls with <%s>", clean(x.Name.Local))
			}
		case xml.EndElement:
			return nil
		}
	}
}
