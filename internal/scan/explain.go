package scan

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

var errBusy = errors.New("not looked at: the time ran out while the scanner was busy with other endpoints")

// explain says in a few words why no certificate could be read.
func explain(seen sight) string {
	err, within := seen.err, seen.within.Round(100*time.Millisecond)
	var dial *dialError
	var plain *plainError
	var record tls.RecordHeaderError
	connected := !errors.As(err, &dial)
	switch {
	case err == nil:
		return "the server sent no certificate"
	case errors.As(err, &plain) && isTimeout(err):
		return fmt.Sprintf("timeout after %s: connected, but the server did not get as far as TLS in %s", within, plain.protocol)
	case errors.As(err, &plain):
		return clean(plain.Error())
	case errors.Is(err, errBusy):
		return err.Error()
	case isForbidden(err):
		return clean(err.Error())
	case isTimeout(err) && connected:
		return fmt.Sprintf("timeout after %s: connected, but the TLS handshake was not answered", within)
	case isTimeout(err):
		return fmt.Sprintf("timeout after %s: the connection was not accepted", within)
	case errors.Is(err, context.Canceled):
		return "not looked at: the scan was stopped"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no address to connect from"
	case noRoute(err):
		return "this machine has no route to the address"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "host unreachable"
	case errors.As(err, &record):
		return fmt.Sprintf("no TLS: the server answered %q", clean(string(record.RecordHeader[:])))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "no TLS: the server closed the connection during the handshake"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "no TLS: the server reset the connection during the handshake"
	case !connected:
		return clean(err.Error())
	}
	return "TLS: " + bare(err)
}

// bare is the text of a handshake error without Go's prefixes.
func bare(err error) string {
	text := clean(err.Error())
	if refused, ok := strings.CutPrefix(text, "remote error: tls: "); ok {
		return "the server refused the handshake: " + refused
	}
	for _, prefix := range []string{"tls: ", "failed to parse certificate from server: ", "x509: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

func (s *Scanner) lookupFailed(host string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("DNS: %s has no address: %w", host, err)
	case isTimeout(err):
		return fmt.Errorf("DNS: timeout after %s looking up %s: %w", s.Timeout, host, err)
	}
	return fmt.Errorf("DNS: %s cannot be looked up: %w", host, err)
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout()
}

func isForbidden(err error) bool {
	var no *forbiddenError
	return errors.As(err, &no)
}

// noRoute reports that this machine cannot send to the address at all.
func noRoute(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// maxText bounds what a server can put into an alert or a history.
const maxText = 240

// Clean makes a text from a server or a file fit for one line: what cannot be
// printed becomes a question mark, and what is too long is cut.
func Clean(text string) string { return clean(text) }

func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) <= maxText {
		return text
	}
	cut := text[:maxText]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	return cut + "…"
}
