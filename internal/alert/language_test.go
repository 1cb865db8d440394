package alert

import (
	"testing"
	"testing/fstest"
)

func TestALanguageIsOneFile(t *testing.T) {
	all, err := ReadLexicon(fstest.MapFS{
		"templates/en.txt": {Data: []byte("greeting = Hello {who}\nrest = the rest")},
		"templates/ko.txt": {Data: []byte("greeting = 안녕하세요 {who}\nrest = 나머지")},
		"templates/de.txt": {Data: []byte("# begun\ngreeting = Guten Tag, {who}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ language, key, want string }{
		{"de", "greeting", "Guten Tag, Minji"},
		{"ko", "greeting", "안녕하세요 Minji"},
		{"de", "rest", "the rest"}, // until somebody has translated it
		{"fr", "greeting", "Hello Minji"},
		{"de", "unknown", "⟦unknown⟧"},
	} {
		if got := all.Say(x.language, x.key, "who", "Minji"); got != x.want {
			t.Errorf("%s in %s reads %q, want %q", x.key, x.language, got, x.want)
		}
	}
}

func TestAFileOfStringsThatIsBrokenIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"greeting: Hallo":     `templates/de.txt: line 1: want 'key = text', have "greeting: Hallo"`,
		"a = x\n\na = y":      `templates/de.txt: line 3: "a" stands here a second time`,
		"# nothing\nempty = ": `templates/de.txt: line 2: want 'key = text', have "empty ="`,
	} {
		_, err := ReadLexicon(fstest.MapFS{"templates/de.txt": {Data: []byte(text)}})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
