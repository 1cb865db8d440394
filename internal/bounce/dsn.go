package bounce

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// What is read of one report at most; what is beyond is ignored.
const (
	MaxReport = 512 << 10
	maxParts  = 20
	maxDepth  = 3
	maxWhy    = 500
)

// ErrNoReport tells that a mail is no report of a failed delivery: an answer out of
// office, a delay that may still end well.
var ErrNoReport = errors.New("not a report of a failed delivery")

// Report is a delivery status notification (RFC 3464).
type Report struct {
	To       []string // every address that its header says it is for
	Failures []Failure
	// MessageID, Certificate and Alert are of the message that came back, where it
	// was sent along.
	MessageID, Certificate, Alert string
}

// Failure is one recipient that was given up.
type Failure struct {
	Recipient string // as the last server knew it
	Status    string // RFC 3463: 5.1.1
	Said      string // by that server
}

// Gone reports whether the address leads nowhere.
func (f Failure) Gone() bool { return gone(f.Status, f.Said) }

// Why says it in words.
func (f Failure) Why() string {
	return strings.TrimSpace("the mail came back: " + f.Status + " " + f.Said)
}

// ParseReport reads a mail. One that is no report of a failure is ErrNoReport.
func ParseReport(r io.Reader) (Report, error) {
	msg, err := mail.ReadMessage(bufio.NewReader(io.LimitReader(r, MaxReport)))
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	var out Report
	for _, field := range []string{"To", "Delivered-To", "X-Original-To", "Envelope-To"} {
		for _, value := range msg.Header[textproto.CanonicalMIMEHeaderKey(field)] {
			if all, err := mail.ParseAddressList(value); err == nil {
				for _, a := range all {
					out.To = append(out.To, a.Address)
				}
			}
		}
	}
	parts := 0
	out.walk(textproto.MIMEHeader(msg.Header), msg.Body, 0, &parts)
	if len(out.Failures) == 0 {
		return out, ErrNoReport
	}
	return out, nil
}

// walk goes through the parts of a mail; what cannot be read is left out.
func (p *Report) walk(h textproto.MIMEHeader, body io.Reader, depth int, parts *int) {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if *parts++; err != nil || *parts > maxParts || depth > maxDepth {
		return
	}
	if strings.EqualFold(strings.TrimSpace(h.Get("Content-Transfer-Encoding")), "base64") {
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		inner := multipart.NewReader(body, params["boundary"])
		for {
			part, err := inner.NextPart()
			if err != nil {
				return
			}
			p.walk(part.Header, part, depth+1, parts)
		}
	case depth == 0: // a report has parts
	case kind == "message/delivery-status", kind == "message/global-delivery-status":
		p.status(body)
	case kind == "message/rfc822", kind == "text/rfc822-headers", kind == "message/global", kind == "message/global-headers":
		p.returned(body)
	}
}

// status reads the groups of fields: one about the message, then one for each recipient.
func (p *Report) status(body io.Reader) {
	data, err := io.ReadAll(io.LimitReader(body, MaxReport))
	if err != nil {
		return
	}
	fields := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(data, "\r\n\r\n"...))))
	for range maxParts {
		h, err := fields.ReadMIMEHeader()
		if strings.EqualFold(strings.TrimSpace(h.Get("Action")), "failed") {
			f := Failure{Recipient: typed(h.Get("Original-Recipient")), Status: short(firstWord(h.Get("Status"))), Said: short(h.Get("Diagnostic-Code"))}
			if f.Recipient == "" {
				f.Recipient = typed(h.Get("Final-Recipient"))
			}
			p.Failures = append(p.Failures, f)
		}
		if err != nil {
			return
		}
	}
}

// returned reads what the message that came back says of itself.
func (p *Report) returned(body io.Reader) {
	h, _ := textproto.NewReader(bufio.NewReader(io.LimitReader(body, MaxReport))).ReadMIMEHeader()
	if h == nil || p.MessageID != "" {
		return
	}
	p.MessageID = short(strings.Trim(strings.TrimSpace(h.Get("Message-Id")), "<>"))
	p.Certificate, p.Alert = short(h.Get("X-Neverlapse-Certificate")), short(h.Get("X-Neverlapse-Alert"))
}

// typed gives the address of "rfc822; address".
func typed(field string) string {
	_, address, ok := strings.Cut(field, ";")
	if !ok {
		address = field
	}
	return short(strings.Trim(strings.TrimSpace(address), "<>"))
}

// firstWord leaves out the comment that some servers add to a status.
func firstWord(field string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(field), " ")
	return word
}

// short makes a stranger's text safe to show.
func short(text string) string {
	text = alert.Clean(strings.TrimSpace(text))
	if r := []rune(text); len(r) > maxWhy {
		text = string(r[:maxWhy]) + "…"
	}
	return text
}
