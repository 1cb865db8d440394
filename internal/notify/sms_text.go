package notify

import "unicode/utf16"

// gsm7 are the characters of GSM 03.38 that take one septet, gsm7Extension those
// that take two.
const (
	gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

var septets = func() map[rune]int {
	out := map[rune]int{}
	for _, r := range gsm7 {
		out[r] = 1
	}
	for _, r := range gsm7Extension {
		out[r] = 2
	}
	return out
}()

// segments is in how many parts a text message travels: of 160 septets if every
// character is of GSM 03.38, of 70 UTF-16 units otherwise; of several parts each
// is shorter by the header that joins them (3GPP TS 23.040, 9.2.3.24.1).
func segments(s string) int {
	n, single, part := 0, 160, 153
	for _, r := range s {
		width, ok := septets[r]
		if !ok {
			n, single, part = len(utf16.Encode([]rune(s))), 70, 67
			break
		}
		n += width
	}
	switch {
	case n == 0:
		return 0
	case n <= single:
		return 1
	}
	return (n + part - 1) / part
}
