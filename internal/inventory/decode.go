package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
)

// decode finds out how a file is written. A byte-order mark says it; without
// one, what is valid UTF-8 is UTF-8 (Korean text in CP949 is not, but by
// accident in the shortest of texts), and the rest must be CP949, as Excel in
// Korean saves it.
func decode(data []byte) (text, name string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		text, err = strictly(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), data)
		return text, "UTF-16", err
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		if data = data[3:]; !utf8.Valid(data) {
			return "", "", fmt.Errorf("line %d is not UTF-8, although the file says that it is (byte-order mark); save it again as UTF-8", lineOf(data, invalid(data)))
		}
		return string(data), "UTF-8", nil
	case bytes.IndexByte(data, 0) >= 0:
		return "", "", errors.New("the file is not text (it has zero bytes); save it as CSV: a spreadsheet's own format is not read")
	case utf8.Valid(data):
		return string(data), "UTF-8", nil
	}
	var b strings.Builder
	for i, line := range bytes.Split(data, []byte("\n")) { // no letter of CP949 holds the byte of a line break
		decoded, err := strictly(korean.EUCKR, line)
		if err != nil {
			return "", "", fmt.Errorf("line %d is neither UTF-8 nor CP949 (Korean); save the file as UTF-8", i+1)
		}
		b.WriteString(decoded)
		b.WriteByte('\n')
	}
	return b.String(), "CP949", nil
}

// strictly decodes and refuses what the encoding does not know.
func strictly(e encoding.Encoding, data []byte) (string, error) {
	out, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return "", fmt.Errorf("the text cannot be decoded: %w; save the file as UTF-8", err)
	}
	if i := bytes.IndexRune(out, utf8.RuneError); i >= 0 {
		return "", fmt.Errorf("line %d cannot be decoded; save the file as UTF-8", lineOf(out, i))
	}
	return string(out), nil
}

// invalid is where the first byte is that is not UTF-8.
func invalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(data)
}

func lineOf(data []byte, at int) int { return bytes.Count(data[:at], []byte("\n")) + 1 }
