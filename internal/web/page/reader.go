package page

import (
	"embed"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

//go:embed templates/*.txt
var texts embed.FS

func lexicon() (alert.Lexicon, error) { return alert.ReadLexicon(texts) }

// reader is who reads: language, zone, and when.
type reader struct {
	words    alert.Lexicon
	Language string
	Zone     *time.Location
	Now      time.Time
}

// reader finds language and zone: what the browser was told to remember, else
// what it says, else what the directory says of the person.
func (p *Page) reader(r *http.Request, in session) reader {
	who := p.person(r, in)
	out := reader{words: p.words, Language: alert.DefaultLanguage, Zone: time.UTC, Now: p.Now()}
	for _, l := range append([]string{remembered(r, "language")}, accepted(r.Header.Get("Accept-Language"))...) {
		if _, ok := p.words[l]; ok {
			out.Language = l
			break
		}
	}
	for _, name := range []string{remembered(r, "zone"), who.TimeZone} {
		if name == "" || name == "Local" {
			continue
		}
		if z, err := time.LoadLocation(name); err == nil {
			out.Zone = z
			break
		}
	}
	return out
}

func remembered(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) > 64 {
		return ""
	}
	return c.Value
}

// accepted lists the languages of an Accept-Language header, the preferred first.
func accepted(header string) []string {
	type wish struct {
		language string
		q        float64
	}
	var all []wish
	for _, part := range strings.Split(header, ",") {
		tag, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			q, _ = strconv.ParseFloat(v, 64)
		}
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if base != "" && q > 0 {
			all = append(all, wish{base, q})
		}
	}
	slices.SortStableFunc(all, func(a, b wish) int { return int(1000 * (b.q - a.q)) })
	var out []string
	for _, w := range all {
		out = append(out, w.language)
	}
	return out
}

// T is a string in the reader's language.
func (r reader) T(key string, pairs ...string) string { return r.words.Say(r.Language, key, pairs...) }

// or is T, or another key where the first does not exist.
func (r reader) or(key, other string, pairs ...string) string {
	if !r.words.Has(key) {
		key = other
	}
	return r.T(key, pairs...)
}

// Languages lists the others, by name.
func (r reader) Languages() map[string]string {
	out := map[string]string{}
	for _, l := range slices.Sorted(maps.Keys(r.words)) {
		if l != r.Language {
			out[l] = r.words.Say(l, "language.name")
		}
	}
	return out
}

const stamp = "2006-01-02 15:04"

// Plain is an instant in the reader's zone and in UTC.
func (r reader) Plain(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	here, there := r.both(t)
	if there == "" {
		return here
	}
	return here + " (" + there + ")"
}

func (r reader) both(t time.Time) (here, there string) {
	local, utc := t.In(r.Zone), t.UTC()
	zone, offset := local.Zone()
	switch {
	case offset == 0:
		return utc.Format(stamp) + " UTC", ""
	case local.Format(time.DateOnly) == utc.Format(time.DateOnly):
		return local.Format(stamp) + " " + zone, utc.Format("15:04") + " UTC"
	}
	return local.Format(stamp) + " " + zone, utc.Format(stamp) + " UTC"
}

// When is Plain as HTML, for machines too.
func (r reader) When(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	here, there := r.both(t)
	out := `<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(here)
	if there != "" {
		out += ` <span class="utc">` + template.HTMLEscapeString(there) + `</span>`
	}
	return template.HTML(out + `</time>`)
}

// Clock is the time of day of an instant on a day that is said elsewhere.
func (r reader) Clock(t time.Time) template.HTML {
	here := t.In(r.Zone).Format("15:04")
	out := `<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + here
	if _, offset := t.In(r.Zone).Zone(); offset != 0 {
		out += ` <span class="utc">` + t.UTC().Format("15:04") + ` UTC</span>`
	}
	return template.HTML(out + `</time>`)
}

// Span says how long, in the unit in which people count it.
func (r reader) Span(d time.Duration) string {
	l := cert.LeftUntil(time.Time{}, time.Time{}.Add(d.Abs()))
	unit := map[time.Duration]string{24 * time.Hour: "days", time.Hour: "hours", time.Minute: "minutes"}[l.Unit]
	switch l.N {
	case 0:
		return r.T("span.none")
	case 1:
		return r.T("span." + unit + ".one")
	}
	return r.T("span."+unit, "n", strconv.Itoa(l.N))
}

// Left says how far the end is.
func (r reader) Left(notAfter time.Time) string {
	switch {
	case notAfter.IsZero():
		return r.T("time.none")
	case !r.Now.Before(notAfter):
		return r.T("time.past", "span", r.Span(r.Now.Sub(notAfter)))
	}
	return r.T("time.left", "span", r.Span(notAfter.Sub(r.Now)))
}

// Rel says how far an instant is from now.
func (r reader) Rel(t time.Time) string {
	if t.After(r.Now) {
		return r.T("time.in", "span", r.Span(t.Sub(r.Now)))
	}
	return r.T("time.ago", "span", r.Span(r.Now.Sub(t)))
}

// Since says for how long something has been.
func (r reader) Since(t time.Time) string { return r.Span(r.Now.Sub(t)) }

// State is the word for a state of the index.
func (r reader) State(s string) string {
	if s == "" {
		s = "unknown"
	}
	return r.or("state."+s, "record.other", "kind", alert.Clean(s))
}
