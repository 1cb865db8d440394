package inbox

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

// reader is who looks at the page.
type reader struct {
	Person, Language, Theme string
}

func (s *Server) reader(r *http.Request) reader {
	who := chosen(r, "person", s.choices()["person"]...)
	if people := s.stage.View().People; who == "" && len(people) > 0 {
		who = people[0].ID
	}
	return reader{Person: who, Language: language(r), Theme: chosen(r, "theme", "light", "dark")}
}

func (r reader) Say(key string, args ...any) string { return Say{key, args}.In(r.Language) }

// look is the page in one reader's language, as the templates take it.
type look struct {
	reader
	View
	Languages    []string
	Troubles     []troubleLook
	Certificates []certificateLook
	Messages     []messageLook // newest first
	Losses       []string
}

type troubleLook struct {
	reader
	Trouble
	Does, Back, Watch string
	Story             []string
	Seen              string
}

type certificateLook struct {
	reader
	Certificate
	ID string
}

type messageLook struct {
	reader
	Message
	Mine, Pages bool
	Parts       []part // what is shown at once
	Rest        []part // what is shown when it is opened
	Buttons     []button
}

// look turns what is to be seen into one reader's page.
func (r reader) look(v View) look {
	l := look{reader: r, View: v, Languages: Languages}
	server := r.Say("server." + v.Server)
	for _, t := range v.Troubles {
		tl := troubleLook{reader: r, Trouble: t}
		tl.Does = r.Say("trouble."+t.Tag+".do", server)
		tl.Back = r.Say("trouble." + t.Tag + ".back")
		tl.Watch = r.Say("trouble."+t.Tag+".watch", server)
		for _, s := range t.Story {
			tl.Story = append(tl.Story, s.In(r.Language))
		}
		if t.Seen.Key != "" {
			tl.Seen = t.Seen.In(r.Language)
		}
		l.Troubles = append(l.Troubles, tl)
	}
	for _, c := range v.Certificates {
		l.Certificates = append(l.Certificates, certificateLook{r, c, strings.Map(idRune, c.Name)})
	}
	for _, m := range slices.Backward(v.Messages) {
		l.Messages = append(l.Messages, r.message(m))
	}
	for _, o := range v.Count.Losses {
		l.Losses = append(l.Losses, r.Say("lost.one", o.Name, o.Reader, o.Why))
	}
	return l
}

// message puts the sentences and the buttons of a message in front.
func (r reader) message(m Message) messageLook {
	l := messageLook{reader: r, Message: m, Mine: m.Reader == r.Person, Pages: m.Severity == "P1"}
	if m.By == "mail" {
		l.Rest = []part{{Kind: "mail", Text: m.Text}}
		return l
	}
	for _, p := range parts(m.Blocks) {
		switch p.Kind {
		case "header": // it is the subject
		case "text":
			l.Parts = append(l.Parts, p)
		case "buttons":
			l.Buttons = append(l.Buttons, p.Buttons...)
		default:
			l.Rest = append(l.Rest, p)
		}
	}
	return l
}

func idRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
		return r
	}
	return '_'
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Local().Format("15:04:05") },
	"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"short": func(f string) string { return f[:min(12, len(f))] },
	"tenth": func(d time.Duration) string { return d.Round(100 * time.Millisecond).String() },
	"last":  func(s []string, n int) []string { return s[max(0, len(s)-n):] },
}).ParseFS(files, "page.html"))
