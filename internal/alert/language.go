package alert

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// DefaultLanguage is used where a reader's language is unknown.
const DefaultLanguage = "en"

//go:embed templates/*.txt
var templates embed.FS

// words are the strings of one language, by key.
type words map[string]string

var languages = sync.OnceValue(func() Lexicon {
	all, err := ReadLexicon(templates)
	if err != nil {
		panic(err)
	}
	return all
})

// Lexicon is a set of strings in every language that there is, by language.
type Lexicon map[string]words

// ReadLexicon reads templates/LANGUAGE.txt, one string a line, as "key = text".
func ReadLexicon(files fs.FS) (Lexicon, error) {
	names, err := fs.Glob(files, "templates/*.txt")
	if err != nil {
		return nil, err
	}
	all := Lexicon{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		w, err := parseWords(string(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".txt")] = w
	}
	return all, nil
}

// Say fills the {placeholders} of a string in a language; pairs are name,
// value, name, value. A missing key shows itself.
func (l Lexicon) Say(language, key string, pairs ...string) string {
	w, ok := l[language]
	if !ok || !w.has(key) {
		w = l[DefaultLanguage]
	}
	if !w.has(key) {
		return "⟦" + key + "⟧"
	}
	return w.say(key, pairs...)
}

// Has reports whether the key exists.
func (l Lexicon) Has(key string) bool { return l[DefaultLanguage].has(key) }

// Languages lists the languages in which alerts can be read.
func Languages() []string {
	var out []string
	for l := range languages() {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// parseWords reads "key = text" lines; "#" begins a comment line.
func parseWords(data string) (words, error) {
	w := words{}
	for i, line := range strings.Split(data, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, text, ok := strings.Cut(line, " = ")
		if !ok || text == "" {
			return nil, fmt.Errorf("line %d: want 'key = text', have %q", i+1, line)
		}
		if _, twice := w[key]; twice {
			return nil, fmt.Errorf("line %d: %q stands here a second time", i+1, key)
		}
		w[key] = text
	}
	return w, nil
}

// wordsFor gives the strings of a language tag ("ko", "ko-KR"), or the default's.
func wordsFor(language string) words {
	base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(language, "_", "-")), "-")
	if w, ok := languages()[base]; ok {
		return w
	}
	return languages()[DefaultLanguage]
}

// has reports whether the key exists.
func (w words) has(key string) bool { _, ok := w[key]; return ok }

// say fills the {placeholders} of a string; pairs are name, value, name, value.
// Values are not expanded again. A missing key shows itself, for a message
// must never be lost over a word.
func (w words) say(key string, pairs ...string) string {
	text, ok := w[key]
	if !ok {
		text, ok = languages()[DefaultLanguage][key]
	}
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(pairs) == 0 {
		return text
	}
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
