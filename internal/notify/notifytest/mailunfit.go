package notifytest

import (
	"bytes"
	"unicode"

	"github.com/emersion/go-smtp"
)

// longestLine of a mail in bytes, without its end (RFC 5322, section 2.1.1).
const longestLine = 998

// unfit refuses what a strict mail server refuses: a line that is too long or
// ends without CR (RFC 5321, section 2.3.8), a NUL, and 8-bit text that was not
// announced (RFC 6152).
func unfit(raw []byte, eight bool) error {
	refuse := func(code smtp.EnhancedCode, text string) error {
		return &smtp.SMTPError{Code: 554, EnhancedCode: code, Message: text}
	}
	for line := range bytes.Lines(raw) {
		text, whole := bytes.CutSuffix(line, []byte("\r\n"))
		switch {
		case !whole && bytes.HasSuffix(line, []byte("\n")):
			return refuse(smtp.EnhancedCode{5, 6, 0}, "A line ends without CR")
		case bytes.ContainsAny(text, "\r\x00"):
			return refuse(smtp.EnhancedCode{5, 6, 0}, "CR or NUL inside a line")
		case len(text) > longestLine:
			return refuse(smtp.EnhancedCode{5, 6, 0}, "A line is longer than 998 bytes")
		case !eight && bytes.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }):
			return refuse(smtp.EnhancedCode{5, 6, 1}, "8-bit text that was not announced by BODY=8BITMIME")
		}
	}
	return nil
}
