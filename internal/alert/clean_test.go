package alert

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanMakesHostileTextVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain words":           "plain words",
		"한국어 도메인":               "한국어 도메인",
		"a\nb\r\tc":             `a\nb\r\tc`,
		"\x1b[31mred\x07":       `\x1b[31mred\x07`,
		"\u202egro.elpmaxe":     `\u202egro.elpmaxe`,
		"a\u2066b\u2069":        `a\u2066b\u2069`,
		"zero\u200bwidth":       `zero\u200bwidth`,
		"line\u2028separator":   `line\u2028separator`,
		"c1 \u0085 next":        `c1 \x85 next`,
		"\xff\xfe":              `\xff\xfe`,
		"tag \U000e0041":        `tag \U000e0041`,
		"<!channel> & <b>x</b>": "<!channel> & <b>x</b>",
		"back\\slash":           `back\slash`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
		if again := Clean(Clean(in)); again != want {
			t.Errorf("Clean twice of %q = %q, want %q", in, again, want)
		}
	}
}

func TestCleanCutsLongTextAndSaysHowMuch(t *testing.T) {
	got := Clean(strings.Repeat("가", MaxText+7))
	if want := strings.Repeat("가", MaxText) + "… (+7)"; got != want {
		t.Errorf("ends with %q", got[len(got)-20:])
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x00\u202e\xff")
	f.Fuzz(func(t *testing.T, in string) {
		out := Clean(in)
		if !utf8.ValidString(out) {
			t.Fatalf("not UTF-8: %q", out)
		}
		if bad := unsafe(out); bad != "" {
			t.Fatalf("%s is left in %q", bad, out)
		}
	})
}
