package calendar

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// event is one VEVENT as it is written.
type event struct {
	line  int // of BEGIN:VEVENT
	props map[string][]prop
}

// prop is one property of an event.
type prop struct {
	line  int
	value string
	zone  string // TZID
}

// text is the first value of a property, without its escapes.
func (e event) text(name string) string {
	if p := e.props[name]; len(p) > 0 {
		return unescape.Replace(p[0].value)
	}
	return ""
}

// content is one content line after unfolding (RFC 5545, 3.1).
type content struct {
	line int // where it begins
	text string
}

func unfold(file []byte) []content {
	var out []content
	for i, l := range strings.Split(string(file), "\n") {
		l = strings.TrimSuffix(l, "\r")
		switch {
		case l == "":
		case (l[0] == ' ' || l[0] == '\t') && len(out) > 0:
			out[len(out)-1].text += l[1:]
		default:
			out = append(out, content{i + 1, l})
		}
	}
	return out
}

// parse gives the events of a file, without what is nested in them.
func parse(file []byte) ([]event, error) {
	switch file = bytes.TrimPrefix(file, []byte("\ufeff")); {
	case len(file) > MaxSize:
		return nil, fmt.Errorf("line 1: the file has more than %d bytes; take a calendar that holds holidays only", MaxSize)
	case !utf8.Valid(file):
		return nil, fmt.Errorf("line 1: the file is not in UTF-8; save it in UTF-8")
	}
	var events []event
	var open []string // components, the outermost first
	lines := unfold(file)
	for _, l := range lines {
		name, p, err := property(l)
		if err != nil && len(open) > 0 {
			return nil, err
		}
		inEvent := len(open) > 0 && open[len(open)-1] == "VEVENT"
		switch kind := strings.ToUpper(p.value); {
		case len(open) == 0 && (name != "BEGIN" || kind != "VCALENDAR"):
			return nil, fmt.Errorf("line %d: this is no calendar: it does not begin with BEGIN:VCALENDAR; save the calendar in iCalendar format (.ics)", l.line)
		case name == "BEGIN" && len(open) == 8:
			return nil, fmt.Errorf("line %d: components are nested too deeply", l.line)
		case name == "BEGIN":
			open = append(open, kind)
			if kind == "VEVENT" {
				events = append(events, event{l.line, map[string][]prop{}})
			}
			if len(events) > maxEvents {
				return nil, fmt.Errorf("line %d: more than %d events; take a calendar that holds holidays only", l.line, maxEvents)
			}
		case name == "END" && open[len(open)-1] != kind:
			return nil, fmt.Errorf("line %d: END:%s stands where END:%s is due", l.line, short(p.value), short(open[len(open)-1]))
		case name == "END":
			open = open[:len(open)-1]
		case inEvent:
			e := events[len(events)-1]
			e.props[name] = append(e.props[name], p)
		}
	}
	switch {
	case len(lines) == 0:
		return nil, fmt.Errorf("line 1: the file is empty")
	case len(open) > 0:
		return nil, fmt.Errorf("line %d: the file ends before END:%s; it was cut short", lines[len(lines)-1].line, short(open[len(open)-1]))
	}
	return events, nil
}

// line is the grammar of a content line (RFC 5545, 3.1), and parameter that of
// each of its parameters; unescape undoes what is written for the characters
// that have a meaning in texts (3.3.11).
var (
	line      = regexp.MustCompile(`^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)$`)
	parameter = regexp.MustCompile(`;([A-Za-z0-9-]+)=(?:"([^"]*)"|([^";:,]*))`)
	unescape  = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\N`, "\n", `\;`, ";", `\,`, ",")
)

func property(l content) (name string, _ prop, _ error) {
	found := line.FindStringSubmatch(l.text)
	if found == nil {
		return "", prop{}, fmt.Errorf("line %d: %q is no line of iCalendar, which are NAME:VALUE or NAME;PARAMETER=...:VALUE", l.line, short(l.text))
	}
	p := prop{line: l.line, value: found[3]}
	for _, param := range parameter.FindAllStringSubmatch(found[2], -1) {
		if strings.EqualFold(param[1], "TZID") {
			p.zone = param[2] + param[3]
		}
	}
	return strings.ToUpper(found[1]), p, nil
}

// short keeps what a hostile file says out of errors, but for its beginning.
func short(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}
