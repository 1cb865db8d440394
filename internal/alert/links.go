package alert

// Answers are the links by which a recipient answers, under their title.
type Answers struct {
	Title string
	Links []LabelledLink
}

// LabelledLink is a link with its words.
type LabelledLink struct{ Label, URL string }

// RenderMessage is Render for one recipient, with the links that they were given.
func RenderMessage(m Message) Text {
	t := Render(m.Notice, m.To.Language, m.To.TimeZone)
	if len(m.Links) == 0 || m.Notice.Phase == Resolved {
		return t
	}
	w := wordsFor(m.To.Language)
	t.Answers.Title = w.say("title.answers")
	for _, l := range m.Links {
		t.Answers.Links = append(t.Answers.Links, LabelledLink{w.say("link." + string(l.Action)), l.URL})
	}
	return t
}
