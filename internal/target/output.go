package target

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	halfKept  = 32 << 10 // bytes kept of a command's output at each end
	maxQuoted = 8 << 10  // bytes of it that go into an error
)

// output keeps the head and the tail of what a command prints, in bounded memory.
type output struct {
	mu    sync.Mutex
	head  []byte
	tail  []byte // a ring once it is full; next is its oldest byte
	next  int
	total int64
}

// Write never fails, so that a command is not stopped by how much it prints.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	o.total += int64(n)
	if room := halfKept - len(o.head); room > 0 {
		k := min(room, len(p))
		o.head = append(o.head, p[:k]...)
		p = p[k:]
	}
	if len(p) > halfKept {
		p = p[len(p)-halfKept:]
	}
	if room := halfKept - len(o.tail); room > 0 {
		k := min(room, len(p))
		o.tail = append(o.tail, p[:k]...)
		p = p[k:]
	}
	for len(p) > 0 {
		k := copy(o.tail[o.next:], p)
		p = p[k:]
		o.next = (o.next + k) % halfKept
	}
	return n, nil
}

// text is what was kept, without private keys and with control characters escaped.
func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail := append(bytes.Clone(o.tail[o.next:]), o.tail[:o.next]...)
	left := o.total - int64(len(o.head)) - int64(len(tail))
	var s string
	if left == 0 {
		s = printable(withoutKeys(string(o.head) + string(tail)))
	} else {
		s = printable(withoutKeys(string(o.head))) + fmt.Sprintf("\n[... %d bytes left out ...]\n", left) + printable(withoutKeys(string(tail)))
	}
	return strings.TrimSpace(s)
}

var (
	keyBlock = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)
	keyEnd   = regexp.MustCompile(`(?s)\A.*-----END [A-Z0-9 ]*PRIVATE KEY-----`)
)

// withoutKeys removes private keys that a command printed, whole or cut.
func withoutKeys(s string) string {
	const mark = "[private key removed]"
	return keyEnd.ReplaceAllString(keyBlock.ReplaceAllString(s, mark), mark)
}

// printable escapes control characters, invisible ones and broken UTF-8; what
// a human can read stays as it is.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}

// shorten keeps both ends of a text within about limit bytes.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	head, tail := s[:limit/2], s[len(s)-limit/2:]
	return strings.ToValidUTF8(head, "") + fmt.Sprintf("\n[... %d bytes left out ...]\n", len(s)-len(head)-len(tail)) + strings.ToValidUTF8(tail, "")
}
