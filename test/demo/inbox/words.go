package inbox

import (
	"embed"
	"fmt"
	"net/http"
	"strings"
)

//go:embed words/*.txt
var wordFiles embed.FS

// Languages are those that the page speaks; the first is the usual one.
var Languages = []string{"en", "ko"}

var languages = func() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, l := range Languages {
		data, err := wordFiles.ReadFile("words/" + l + ".txt")
		if err != nil {
			panic(err)
		}
		out[l] = read(string(data))
	}
	return out
}()

// read takes lines of "key = text"; others that begin with # are remarks.
func read(file string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(file) {
		key, text, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if ok && !strings.HasPrefix(key, "#") {
			out[key] = text
		}
	}
	return out
}

// In tells a sentence in a language. An argument that is a Say is told as well;
// those that the sentence has no place for are left out.
func (s Say) In(language string) string {
	text, ok := languages[language][s.Key]
	if !ok {
		text = languages[Languages[0]][s.Key]
	}
	if text == "" {
		return s.Key
	}
	args := make([]any, min(len(s.Args), strings.Count(text, "%")))
	for i, a := range s.Args[:len(args)] {
		args[i] = a
		if nested, ok := a.(Say); ok {
			args[i] = nested.In(language)
		}
	}
	return fmt.Sprintf(text, args...)
}

// language is what the visitor chose or, if nothing, what the browser asks for.
func language(r *http.Request) string {
	if chosen := chosen(r, "language", Languages...); chosen != "" {
		return chosen
	}
	for _, want := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		for _, l := range Languages {
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(want)), l) {
				return l
			}
		}
	}
	return Languages[0]
}

// chosen reads a cookie that has one of the values; empty if it has none.
func chosen(r *http.Request, name string, values ...string) string {
	c, err := r.Cookie("neverlapse-demo-" + name)
	if err != nil {
		return ""
	}
	for _, v := range values {
		if c.Value == v {
			return v
		}
	}
	return ""
}
