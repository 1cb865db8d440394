// Package bounce takes mail that came back: it makes return paths by which a
// bounce names the address it is about, reads delivery status notifications
// (RFC 3464) and what mail services report, and listens for the former by SMTP.
// app plugs in what becomes of a bounce. It sends nothing and keeps nothing.
package bounce

import (
	"regexp"
	"strings"
)

// Bounce is a message that was accepted and came back.
type Bounce struct {
	Channel   string // that sent it, where that is known
	Address   string // that it was sent to
	Gone      bool   // the address leads nowhere; else this message was refused, or the mailbox is full
	Why       string // the status, and what the server said
	MessageID string // of the message, without angle brackets; empty if unknown
	// Certificate and Alert are what the message was about, as its header says.
	Certificate, Alert string
}

// goneStatus are the status codes (RFC 3463) by which an address leads nowhere:
// its mailbox, its host or the address itself is not there, or was disabled.
var goneStatus = regexp.MustCompile(`^5\.(1\.([0-6]|10)|2\.1)$`)

// goneReply is what a server without enhanced status codes says of it.
var goneReply = regexp.MustCompile(`(?i)^\s*smtp\s*;\s*55[013][ -]`)

// gone reports whether a status, with the words of the server, means that an
// address leads nowhere.
func gone(status, diagnostic string) bool {
	status = strings.TrimSpace(status)
	return goneStatus.MatchString(status) || status == "5.0.0" && goneReply.MatchString(diagnostic)
}
