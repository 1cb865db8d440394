package alert

import (
	"strconv"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// digest tells many alerts in one message.
func (r reader) digest(n Notice) Text {
	s := n.Summary
	t := Text{
		Lines: []Line{}, Link: n.Link, LinkLabel: r.say("label.link"), Buttons: r.buttons(n), Footer: r.say("footer.summary", "id", n.AlertID),
		Standing: List{Title: r.say("title.standing")},
	}
	first := Standing{}
	if len(s.Rows) > 0 {
		first = s.Rows[0]
	}
	pairs := []string{"n", strconv.Itoa(s.Whole), "open", strconv.Itoa(s.Open), "certificate", first.Certificate}
	key := "digest.headline"
	switch {
	case renewedOnly(s):
		key = "digest.renewed"
	case s.Open == 0:
		key = "digest.resolved"
	case s.Open < s.Whole:
		key = "digest.left"
	}
	t.Headline = r.say(key, append(pairs, "what", r.row(first, n))...)
	subject := "subject." + string(n.Phase)
	if renewedOnly(s) {
		subject = "subject.renewed"
	}
	if !r.has(subject) {
		subject = "subject." + string(Firing)
	}
	t.Subject = r.say(subject, "severity", string(n.Severity), "headline", t.Headline)
	shown := s.Rows[:min(MaxStanding, len(s.Rows))]
	for _, row := range shown {
		t.Standing.Items = append(t.Standing.Items, r.row(row, n))
	}
	if more := s.Whole - len(shown); more > 0 {
		t.Standing.Items = append(t.Standing.Items, r.say("more", "n", strconv.Itoa(more)))
	}
	if n.Phase == Resolved {
		return t
	}
	t.Lines = append(t.Lines, Line{r.say("label.severity"), r.severity(n.Severity)})
	t.Cause = List{r.say("title.cause.first", "certificate", first.Certificate), cleanLines(n.Cause)}
	t.NextAction, t.Advice = r.say("digest.next"), r.say("digest.advice")
	t.Commands = List{r.say("title.commands"), n.Commands}
	return t
}

// row tells one alert among many in one line.
func (r reader) row(s Standing, n Notice) string {
	one := Notice{Phase: s.Phase, Severity: s.Severity, Reason: s.Reason, Certificate: s.Certificate, Version: cert.Version{NotAfter: s.NotAfter}, At: n.At}
	if s.By != "" {
		one.Answer = &Answer{By: s.By}
	}
	return r.brief(one, s.Certificate)
}
