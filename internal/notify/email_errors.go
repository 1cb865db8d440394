package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net/textproto"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// noStartTLS is go-mail's refusal, which has no type of its own.
var noStartTLS = regexp.MustCompile(`does not support STARTTLS`)

// fault maps what went wrong in a delivery to a kind of fault. It is the only
// place that knows SMTP's errors. What the server said is hostile: it is cleaned,
// and the password is struck out should it echo it.
func (e *Email) fault(ctx context.Context, err error) error {
	said := alert.Clean(err.Error())
	if e.password != "" {
		said = strings.ReplaceAll(said, e.password, "(hidden)")
	}
	if ctx.Err() != nil {
		return fault.New(fault.Transient, "mail server %s: %w: %s", e.server(), ctx.Err(), said)
	}
	code := smtpCode(err)
	var unknownCA *tls.CertificateVerificationError
	switch {
	case code == 530 || code == 534 || code == 535 || code == 538:
		return fault.New(fault.Configuration, "mail server %s refuses the login of %q: %s; check username and password", e.server(), e.o.Username, said)
	case noMailbox(err):
		return fault.NoAddress("mail server %s: no mail can be sent to this address: %s; mend the directory", e.server(), said)
	case code >= 400 && code < 500:
		return fault.New(fault.Transient, "mail server %s asks to try later: %s", e.server(), said)
	case code >= 500:
		return fault.New(fault.Configuration, "mail server %s refuses the message: %s; check the address, from, and what the server lets this sender do", e.server(), said)
	case noStartTLS.MatchString(said):
		return fault.New(fault.Configuration, "mail server %s offers no STARTTLS; use implicit_tls or another port, a password is never sent in the clear", e.server())
	case errors.As(err, &unknownCA):
		return fault.New(fault.Configuration, "mail server %s: %s; name the CA of its certificate in root_file", e.server(), said)
	}
	return fault.New(fault.Transient, "mail server %s: %s", e.server(), said)
}

// mailboxGone are the enhanced status codes (RFC 3463) by which a server says
// that an address leads nowhere: 5.1.0 to 5.1.6 and 5.1.10 are about the
// recipient's address, 5.2.1 is a mailbox that was disabled.
var mailboxGone = regexp.MustCompile(`^5\.(1\.([0-6]|10)|2\.1)$`)

// noMailbox reports whether the server refused the recipient for good, and for
// its address's sake: other refusals of it may be about us.
func noMailbox(err error) bool {
	var sent *gomail.SendError
	return errors.As(err, &sent) && sent.Reason == gomail.ErrSMTPRcptTo && mailboxGone.MatchString(sent.EnhancedStatusCode())
}

// smtpCode digs the reply code out of go-mail's errors; 0 if there is none.
func smtpCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	var sent *gomail.SendError
	if errors.As(err, &sent) {
		return sent.ErrorCode()
	}
	return 0
}
