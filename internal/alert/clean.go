package alert

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how many characters of one hostile text a message shows.
const MaxText = 600

// maxCauseLines bounds a last error of many lines (a server's own check).
const maxCauseLines = 20

// Clean makes a text from a server or a user safe to show on one line of any
// sink: control characters, line breaks, bidirectional overrides and everything
// else that has no shape of its own become visible escapes, bytes that are not
// UTF-8 too, and what is longer than MaxText characters is cut with a note.
// Markup of a sink (HTML, Slack) is the sink's own business.
func Clean(s string) string {
	var b strings.Builder
	shown := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if shown == MaxText {
			fmt.Fprintf(&b, "… (+%d)", utf8.RuneCountInString(s[i:]))
			break
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
		shown++
	}
	return b.String()
}

// cleanLines keeps the line breaks of an error text and cleans each line; it is
// only shown where lines cannot be mistaken for ours (quoted, in a code block).
func cleanLines(s string) []string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	more := len(lines) - maxCauseLines
	if more > 0 {
		lines = lines[:maxCauseLines]
	}
	for i, l := range lines {
		lines[i] = Clean(strings.TrimRight(l, " \t"))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("… (+%d)", more))
	}
	return lines
}

func cleanAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = Clean(s)
	}
	return out
}

// cleaned copies a notice with every text in it safe to show. Cause keeps its
// line breaks for cleanLines.
func cleaned(n Notice) Notice {
	for _, p := range []*string{
		&n.Key, &n.AlertID, &n.Subject, (*string)(&n.Phase), (*string)(&n.Severity), (*string)(&n.Reason), &n.Certificate,
		&n.Environment, &n.Owner, &n.Team, &n.Next.Kind, &n.Next.Who, &n.Evidence, &n.Link,
		&n.Version.Issuer, &n.Version.Serial, (*string)(&n.Version.Fingerprint), &n.Version.CA,
		&n.Replacement.Issuer, &n.Replacement.Serial, (*string)(&n.Replacement.Fingerprint), &n.Replacement.CA,
	} {
		*p = Clean(*p)
	}
	if f := n.Fallback; f != nil {
		n.Fallback = &Fallback{From: Clean(f.From), To: Clean(f.To), Failed: f.Failed}
	}
	if q := n.Question; q != nil {
		out := *q
		out.Requester, out.Denied, out.By = Clean(q.Requester), Clean(q.Denied), cleanAll(q.By)
		*(*string)(&out.Version.Fingerprint) = Clean(string(q.Version.Fingerprint))
		n.Question = &out
	}
	if f := n.Freeze; f != nil {
		n.Freeze = &Freeze{Name: Clean(f.Name), Until: f.Until}
	}
	n.Names, n.Commands = cleanAll(n.Names), cleanAll(n.Commands)
	places := make([]Place, len(n.Places))
	for i, p := range n.Places {
		p.Where, p.Err, *(*string)(&p.Fingerprint) = Clean(p.Where), Clean(p.Err), Clean(string(p.Fingerprint))
		places[i] = p
	}
	tried := make([]Try, len(n.Tried))
	for i, t := range n.Tried {
		t.Outcome, t.Cause = Clean(t.Outcome), Clean(t.Cause)
		tried[i] = t
	}
	n.Places, n.Tried, n.Summary, n.Weekly = places, tried, n.Summary.cleaned(), n.Weekly.cleaned()
	if n.Answer != nil {
		a := *n.Answer
		a.By, a.Via, a.Note = Clean(a.By), Clean(a.Via), Clean(a.Note)
		n.Answer = &a
	}
	return n
}
