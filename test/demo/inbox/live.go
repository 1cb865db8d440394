package inbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// piece of the page that is sent when it changes: where it belongs, and its HTML.
type fragment struct {
	ID   string `json:"id"`
	List string `json:"list"` // the element that takes it if it is not there yet
	HTML string `json:"html"`
}

// fragments renders everything that changes.
func fragments(l look) ([]fragment, error) {
	var out []fragment
	var failed error
	add := func(id, list, template string, data any) {
		var b bytes.Buffer
		if err := templates.ExecuteTemplate(&b, template, data); err != nil && failed == nil {
			failed = err
		}
		out = append(out, fragment{id, list, b.String()})
	}
	add("opening", "", "opening", l)
	add("links", "", "links", l)
	add("count", "", "count", l)
	for _, t := range l.Troubles {
		add("trouble-"+t.Tag, "troubles", "trouble", t)
	}
	for _, c := range l.Certificates {
		add("certificate-"+c.ID, "certificates", "certificate", c)
	}
	for _, m := range l.Messages {
		add("message-"+m.ID, "messages", "message", m)
	}
	return out, failed
}

// often bounds how often a page is brought up to date.
const often = 150 * time.Millisecond

// live sends what has changed, as server-sent events, until the page is closed.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	reader := s.reader(r)
	sent := map[string]string{}
	for {
		changed := s.stage.Changed()
		all, err := fragments(reader.look(s.stage.View()))
		if err != nil {
			return
		}
		for _, f := range reversed(all) {
			if sent[f.ID] == f.HTML {
				continue
			}
			sent[f.ID] = f.HTML
			data, err := json.Marshal(f)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
				return
			}
		}
		if _, err := fmt.Fprint(w, ": here\n\n"); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second): // so that a page that is gone is noticed
		case <-r.Context().Done():
			return
		case <-s.ending:
			return
		}
		select {
		case <-time.After(often):
		case <-r.Context().Done():
			return
		}
	}
}

// reversed: messages are listed newest first and each is put on top, so the
// oldest goes first.
func reversed(all []fragment) []fragment {
	out := make([]fragment, 0, len(all))
	for _, f := range all {
		if f.List != "messages" {
			out = append(out, f)
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].List == "messages" {
			out = append(out, all[i])
		}
	}
	return out
}
