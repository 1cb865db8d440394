package notifytest

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// gate is the listener; what it turns away never reaches the SMTP server.
type gate struct {
	net.Listener
	server *MailServer
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		switch {
		case g.server.is(MailDown):
			c.Close()
		case g.server.is(MailHangs):
			g.server.change(func() { g.server.hung = append(g.server.hung, c) })
		case g.server.is(MailWithoutTLS):
			select {
			case g.server.handed.conns <- c:
			case <-g.server.handed.done:
				c.Close()
			}
		case g.server.is(MailImplicitTLS):
			return tls.Server(c, g.server.secure.TLSConfig), nil
		default:
			return c, nil
		}
	}
}

// handed is a listener of connections that another one accepted.
type handed struct {
	conns   chan net.Conn
	done    chan struct{}
	once    sync.Once
	address net.Addr
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handed) Addr() net.Addr { return h.address }

// session is one SMTP conversation.
type session struct {
	server *MailServer
	conn   *smtp.Conn
	user   string
	from   string
	eight  bool // the sender announced 8-bit text
	to     []string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.server.is(MailBadLogin) || user != s.server.Username || password != s.server.Password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from, s.eight = from, o != nil && o.Body == smtp.Body8BitMIME
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case s.server.is(MailLater):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted, \x1b[31mtry later"}
	case s.server.is(MailRefuses):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user \u202ehere"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := unfit(raw, s.eight); err != nil {
		return err
	}
	m, err := parseMail(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Cannot parse: " + err.Error()}
	}
	m.From, m.To, m.User = s.from, slices.Clone(s.to), s.user
	_, m.TLS = s.conn.TLSConnectionState()
	s.server.change(func() { s.server.mails = append(s.server.mails, m) })
	if s.server.is(MailReplyLost) {
		return s.conn.Conn().Close()
	}
	return nil
}

// Reset follows the answer to a mail.
func (s *session) Reset() {
	if len(s.to) > 0 && s.server.is(MailLeaves) {
		s.conn.Conn().Close()
	}
	s.from, s.to = "", nil
}

func (s *session) Logout() error { return nil }
