package bounce

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Handler does what follows from a bounce. What it fails at is asked to be sent
// again later.
type Handler func(ctx context.Context, b Bounce) error

// Listener takes bounces by SMTP: mail with the empty sender, for return paths of
// ours that are still good, and nothing else. It relays nothing and keeps nothing.
type Listener struct {
	Paths   *Paths
	Senders func() []Sender // every address that is sent to
	Handle  Handler
	Log     *slog.Logger
	Now     func() time.Time
	Encryption
	server *smtp.Server
}

// The bounds of a conversation.
const (
	maxTurns   = 30 * time.Second // of one command
	maxAbreast = 50
	within     = 20 * time.Second // to do what follows from a mail
)

// Start listens on an address until Close. A pair of the encryption that cannot be
// read is an error.
func (l *Listener) Start(address string) (net.Addr, error) {
	encrypted, err := l.Encryption.config()
	if err != nil {
		return nil, err
	}
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	l.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{l: l, conn: c}, nil }))
	l.server.Domain = l.Paths.Domain()
	l.server.MaxMessageBytes, l.server.MaxRecipients, l.server.MaxLineLength = MaxReport, 10, 4000
	l.server.ReadTimeout, l.server.WriteTimeout = maxTurns, maxTurns
	l.server.TLSConfig, l.server.ErrorLog = encrypted, quiet{}
	go func() {
		if err := l.server.Serve(&few{Listener: socket, room: make(chan struct{}, maxAbreast)}); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			l.Log.Error("bounces are not taken any more", "error", err)
		}
	}()
	return socket.Addr(), nil
}

// Close ends it.
func (l *Listener) Close() error {
	if l.server == nil {
		return nil
	}
	return l.server.Close()
}

// quiet drops what go-smtp logs of conversations: strangers' words.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// few is a listener that accepts so many connections at a time.
type few struct {
	net.Listener
	room chan struct{}
}

func (f *few) Accept() (net.Conn, error) {
	f.room <- struct{}{}
	c, err := f.Listener.Accept()
	if err != nil {
		<-f.room
		return nil, err
	}
	return &counted{Conn: c, room: f.room}, nil
}

type counted struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { <-c.room })
	return c.Conn.Close()
}

// session is one SMTP conversation.
type session struct {
	l    *Listener
	conn *smtp.Conn
	to   []Sender
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.plain(); err != nil {
		return err
	}
	if from != "" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Only delivery status notifications are taken here, from <>"}
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	from, ok := s.l.Paths.Read(to, s.l.Senders(), s.l.Now())
	if !ok {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Not a return path of this system, or not any more"}
	}
	s.to = append(s.to, from)
	return nil
}

func (s *session) Data(r io.Reader) error {
	report, err := ParseReport(r)
	if err != nil {
		s.l.Log.Info("a mail to a return path is no report of a failure", "cause", err.Error())
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, from := range s.to {
		if err := s.l.Handle(ctx, report.Of(from)); err != nil {
			s.l.Log.Warn("a bounce could not be dealt with; it is asked for again", "address", from.Address, "cause", err.Error())
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
		}
	}
	return nil
}

func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { return nil }

// Of makes the bounce of a message that was sent to an address. The return path
// is the authority for which one that was: servers on the way rewrite it.
func (p Report) Of(from Sender) Bounce {
	b := Bounce{Channel: from.Channel, Address: from.Address, MessageID: p.MessageID, Certificate: p.Certificate, Alert: p.Alert}
	for _, f := range p.Failures {
		if b.Why == "" || f.Gone() && !b.Gone {
			b.Why, b.Gone = f.Why(), f.Gone()
		}
	}
	return b
}
