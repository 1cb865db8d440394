package notifytest

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"sync"

	"github.com/emersion/go-smtp"
)

// MailMode is how the mail stand-in behaves.
type MailMode string

// The modes.
const (
	MailWorks     MailMode = ""
	MailDown      MailMode = "down"       // connections end at once
	MailLater     MailMode = "later"      // 451 to every recipient
	MailRefuses   MailMode = "refuses"    // 550 to every recipient
	MailBadLogin  MailMode = "bad-login"  // 535 to every password
	MailReplyLost MailMode = "reply-lost" // the mail is taken, the connection ends before the answer
	MailLeaves    MailMode = "leaves"     // the mail is taken and answered, then the connection ends
	MailHangs     MailMode = "hangs"      // connections are taken and nothing is said
	// MailWithoutTLS offers no STARTTLS, as if somebody on the way had taken the offer out.
	MailWithoutTLS MailMode = "without-tls"
	// MailImplicitTLS begins with TLS, as port 465 does.
	MailImplicitTLS MailMode = "implicit-tls"
)

// MailServer takes mail by SMTP with STARTTLS and AUTH PLAIN on loopback and
// keeps it in memory.
type MailServer struct {
	Host, Username, Password string
	Port                     int
	RootPEM                  []byte // the CA of its certificate, for the root_file option

	secure, plain *smtp.Server
	handed        *handed // to plain

	mu      sync.Mutex
	changed chan struct{}
	mode    MailMode
	mails   []Mail
	hung    []net.Conn
}

// NewMailServer listens on a loopback address; empty means any free port.
func NewMailServer(address string) (*MailServer, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	pair, root, err := selfSigned()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	at := l.Addr().(*net.TCPAddr)
	s := &MailServer{
		Host: at.IP.String(), Port: at.Port, Username: "neverlapse", Password: "stand-in-password-51c9",
		RootPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), changed: make(chan struct{}),
	}
	s.secure, s.plain = s.server(), s.server()
	s.secure.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.plain.AllowInsecureAuth = true
	s.handed = &handed{conns: make(chan net.Conn), done: make(chan struct{}), address: at}
	go s.secure.Serve(&gate{Listener: l, server: s})
	go s.plain.Serve(s.handed)
	return s, nil
}

func (s *MailServer) server() *smtp.Server {
	out := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	out.Domain = "localhost"
	out.EnableSMTPUTF8 = true
	out.ErrorLog = log.New(io.Discard, "", 0)
	return out
}

// Close ends every connection.
func (s *MailServer) Close() error {
	s.change(func() {
		for _, c := range s.hung {
			c.Close()
		}
	})
	return errors.Join(s.secure.Close(), s.plain.Close())
}

// SetMode changes how it behaves from the next command on.
func (s *MailServer) SetMode(m MailMode) { s.change(func() { s.mode = m }) }

// Mails gives what was taken, oldest first.
func (s *MailServer) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Wait returns once done holds for the mails, or with ctx's error.
func (s *MailServer) Wait(ctx context.Context, done func([]Mail) bool) error {
	for {
		s.mu.Lock()
		mails, changed := slices.Clone(s.mails), s.changed
		s.mu.Unlock()
		if done(mails) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("mail stand-in with %d mails: %w", len(mails), ctx.Err())
		}
	}
}

func (s *MailServer) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *MailServer) is(m MailMode) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode == m
}
