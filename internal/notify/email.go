package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// EmailGuarantees is what e-mail promises.
var EmailGuarantees = Guarantees{
	Kind: KindEmail, Deduplicates: "Message-ID", ReachesOne: true, ReachesGroup: true,
}

// EmailOptions configures the mail server that takes our mail.
type EmailOptions struct {
	Host         string        `mapstructure:"host"`
	Port         int           `mapstructure:"port"` // default 587; 465 with implicit_tls
	ImplicitTLS  bool          `mapstructure:"implicit_tls"`
	Insecure     bool          `mapstructure:"insecure"`  // no TLS; only to this machine
	RootFile     string        `mapstructure:"root_file"` // PEM of the CA of the server's certificate, if it is not public
	Username     string        `mapstructure:"username"`
	Password     Secret        `mapstructure:"password"`
	PasswordFile string        `mapstructure:"password_file"`
	From         string        `mapstructure:"from"`    // "Neverlapse <neverlapse@example.com>"
	Timeout      time.Duration `mapstructure:"timeout"` // of one delivery; default 30s
}

// Validate checks what can be checked without dialling.
func (o EmailOptions) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Host == "" {
		bad("host is required")
	}
	if o.Port < 0 || o.Port > 65535 {
		bad("port %d is not from 1 to 65535", o.Port)
	}
	if a, err := mail.ParseAddress(o.From); err != nil {
		bad("from %q is not an address: %w", o.From, err)
	} else if alert.Clean(a.Name) != a.Name {
		bad("from has control characters in its name")
	}
	if o.Insecure && o.ImplicitTLS {
		bad("insecure and implicit_tls exclude each other")
	}
	if o.Insecure && !loopback(o.Host) {
		bad("insecure is only for a mail server on this machine, not for %s; leave it out to use STARTTLS", o.Host)
	}
	errs = append(errs, checkSecret("password", o.Password, o.PasswordFile, o.Username != ""))
	if o.Username == "" && (o.Password != "" || o.PasswordFile != "") {
		bad("password is set without username")
	}
	if o.Timeout < 0 {
		bad("timeout %v is negative", o.Timeout)
	}
	return named(KindEmail, errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Email sends notices by SMTP. A message has the same Message-ID however often
// it is delivered, and all messages of an alert stand in one thread.
type Email struct {
	o        EmailOptions
	from     mail.Address
	password string
	tls      *tls.Config
	// ReturnPath gives the envelope's sender of a message to an address, to which it
	// comes back if it cannot be delivered; nil: that of From. Set it before use.
	ReturnPath func(address string) string
}

// NewEmail reads the secrets and roots and makes the channel; it does not dial.
func NewEmail(o EmailOptions) (*Email, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(o.From)
	if err != nil {
		return nil, named(KindEmail, err)
	}
	e := &Email{o: o, from: *from, tls: &tls.Config{ServerName: o.Host, MinVersion: tls.VersionTLS12}}
	if e.password, err = readSecret("password", o.Password, o.PasswordFile); err != nil {
		return nil, named(KindEmail, err)
	}
	if e.tls.RootCAs, err = outgoing.Only(o.RootFile); err != nil {
		return nil, named(KindEmail, fmt.Errorf("root_file: %w", err))
	}
	if e.o.Timeout == 0 {
		e.o.Timeout = 30 * time.Second
	}
	if e.o.Port == 0 {
		e.o.Port = 587
		if o.ImplicitTLS {
			e.o.Port = 465
		}
	}
	return e, nil
}

// Send delivers the message to the mail server. A retry delivers it again with
// the same Message-ID, by which mail systems fold it into one.
func (e *Email) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	var before []string
	if r := m.InReplyTo; r != nil && r.Kind == KindEmail {
		before = []string{threadOf(*r), r.ID}
	}
	return e.deliver(ctx, m, m.Address, before)
}

// Update sends one mail into the thread when the alert is resolved. Other news
// (somebody has it, a later attempt failed) are not worth another mail.
func (e *Email) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if m.Notice.Phase != alert.Resolved || !begins(r) {
		return nil
	}
	_, err := e.deliver(ctx, asSent(m, r), r.Address, []string{r.ID})
	return err
}

// deliver sends one mail that answers the Message-IDs in before, the first of
// the thread first.
func (e *Email) deliver(ctx context.Context, m alert.Message, address string, before []string) (alert.Receipt, error) {
	if err := checkKey(m); err != nil {
		return alert.Receipt{}, err
	}
	id := messageID(m.DedupKey, e.from.Address)
	msg, err := e.compose(m, address, id, before)
	if err != nil {
		return alert.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	client, closed, err := e.client(ctx)
	if err != nil {
		return alert.Receipt{}, fault.New(fault.Configuration, "mail server %s: %w", e.server(), err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	closed()
	// What goes wrong after the server took the mail (RSET, QUIT) is of no interest.
	if err != nil && !msg.IsDelivered() {
		return alert.Receipt{}, e.fault(ctx, err)
	}
	thread := id
	if len(before) > 0 && before[0] != "" {
		thread = before[0]
	}
	return receipt(m, KindEmail, address, id, thread, time.Now()), nil
}

// client makes a client for one delivery, whose connection ends with ctx.
func (e *Email) client(ctx context.Context) (*gomail.Client, func(), error) {
	stop := func() bool { return true }
	dial := func(dctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dctx, network, address)
		if err != nil {
			return nil, err
		}
		stop = context.AfterFunc(ctx, func() { conn.Close() })
		if !e.o.ImplicitTLS {
			return conn, nil
		}
		secure := tls.Client(conn, e.tls)
		if err := secure.HandshakeContext(dctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secure, nil
	}
	options := []gomail.Option{
		gomail.WithPort(e.o.Port), gomail.WithTimeout(e.o.Timeout),
		gomail.WithTLSConfig(e.tls), gomail.WithDialContextFunc(dial),
	}
	switch {
	case e.o.ImplicitTLS:
		options = append(options, gomail.WithSSL())
	case e.o.Insecure:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if e.o.Username != "" {
		options = append(options, gomail.WithUsername(e.o.Username), gomail.WithPassword(e.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	c, err := gomail.NewClient(e.o.Host, options...)
	return c, func() { stop() }, err
}

func (e *Email) server() string {
	return net.JoinHostPort(strings.Trim(e.o.Host, "[]"), fmt.Sprint(e.o.Port))
}
