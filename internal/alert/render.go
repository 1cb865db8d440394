package alert

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Line is one fact with its name.
type Line struct{ Label, Value string }

// List is a titled list; it is shown only if it has items.
type List struct {
	Title string
	Items []string
}

// Text is a notice in one reader's language and zone: plain words, safe to
// show, without markup of any sink. Channels lay it out and escape their markup.
type Text struct {
	Subject    string // one line for lists of messages
	Headline   string // what is the matter
	Lines      []Line
	Standing   List // the certificates of a summary, one item each
	Sections   []List
	Cause      List // last error, exact, one item a line
	Places     List
	Tried      List
	Commands   List
	NextAction string // what Neverlapse itself will do, and when
	Advice     string // what the reader can do
	Answer     string // who answered what, until when
	Link       string
	LinkLabel  string
	Buttons    map[Action]string // labels of what may be done from here
	Answers    Answers           // links by which the recipient answers
	Footer     string
}

// Actions lists what may be done from a message, in the order of the buttons.
var Actions = []Action{ActAcknowledge, ActSnooze, ActTakeOver, ActRenew, ActCheck, ActApprove, ActDeny, ActAccept, ActDecline, ActAckAll, ActMore}

// Phases lists the kinds of news.
var Phases = []Phase{Firing, Changed, Acknowledged, Snoozed, Resolved}

// nextKinds lists what NextStep.Kind may say.
var nextKinds = []string{"renew", "retry", "escalate", "repeat", "none", "observe", "wait-ca", "approve", "deny", "handover"}

const (
	maxPlaces = 12
	maxTried  = 10
	maxNames  = 12
)

// reader is who reads: strings and zone.
type reader struct {
	words
	zone *time.Location
}

// Render tells a notice in a language ("en" where it is unknown) with times in
// an IANA zone and in UTC.
func Render(n Notice, language, timezone string) Text {
	r := reader{words: wordsFor(language), zone: zone(timezone)}
	n = cleaned(n)
	if n.Weekly != nil {
		return r.marked(n, r.weekly(n))
	}
	if n.Summary != nil {
		return r.marked(n, r.summary(n))
	}
	if n.Reason == Renewed {
		return r.marked(n, r.success(n))
	}
	t := Text{
		Headline:  r.headline(n),
		Lines:     r.lines(n),
		Answer:    r.answer(n),
		Link:      n.Link,
		LinkLabel: r.say("label.link"),
		Buttons:   r.buttons(n),
		Footer:    r.say("footer", "id", n.AlertID),
	}
	subject := "subject." + string(n.Phase)
	if !r.has(subject) {
		subject = "subject." + string(Firing)
	}
	t.Subject = r.say(subject, "severity", string(n.Severity), "headline", t.Headline)
	t.Places = List{r.say("title.places"), r.places(n)}
	t.Tried = List{r.say("title.tried"), r.tried(n)}
	if n.Phase == Resolved {
		return r.marked(n, t)
	}
	t.Cause = List{r.say("title.cause"), cleanLines(n.Cause)}
	t.Commands = List{r.say("title.commands"), n.Commands}
	t.NextAction = r.next(n)
	t.Advice = r.say(r.perReason("advice", n))
	if n.Issued > 0 {
		t.Advice += " " + r.say("advice.unenrolled.issued", "n", strconv.Itoa(n.Issued))
	}
	return r.marked(n, t)
}

// marked says of a test that it is one, in whatever a channel shows.
func (r reader) marked(n Notice, t Text) Text {
	if n.Test {
		t.Subject, t.Headline = r.say("subject.test", "subject", t.Subject), r.say("subject.test", "subject", t.Headline)
		t.Advice = r.say("advice.test")
	}
	return t
}

// perReason gives the key of a string that depends on the reason and, for some,
// on whether the certificate is renewed here.
func (r reader) perReason(prefix string, n Notice) string {
	key := prefix + "." + string(n.Reason)
	kind := ".watched"
	if n.Managed {
		kind = ".managed"
	}
	switch {
	case r.has(key + kind):
		return key + kind
	case r.has(key):
		return key
	}
	return prefix + ".other"
}

func (r reader) headline(n Notice) string {
	topic := r.say(r.perReason("topic", n), "certificate", n.Certificate, "reason", string(n.Reason), "subject", n.Subject,
		"expiry", r.expiry("expiry", n.Version, n.At), "short", r.expiry("short", n.Version, n.At))
	switch {
	case n.Phase == Resolved && n.Retired:
		return r.say("resolved.retired", "certificate", n.Certificate)
	case n.Phase == Resolved:
		return r.say(r.perReason("resolved", n), "certificate", n.Certificate)
	case n.Answer != nil && (n.Phase == Acknowledged || n.Phase == Snoozed):
		return r.say("headline."+string(n.Phase), "who", n.Answer.By, "topic", topic)
	}
	return topic
}

func (r reader) lines(n Notice) []Line {
	var out []Line
	add := func(label, value string) {
		if value != "" {
			out = append(out, Line{r.say("label." + label), value})
		}
	}
	add("names", r.names(n.Names))
	if n.Phase == Resolved && !n.Replacement.NotAfter.IsZero() {
		add("replacement", r.say("version", "fingerprint", n.Replacement.Fingerprint.Short(), "time", r.both(n.Replacement.NotAfter)))
		add("left", r.expiry("left", n.Replacement, n.At))
	} else if !n.Version.NotAfter.IsZero() {
		add("expires", r.both(n.Version.NotAfter))
		add("left", r.expiry("left", n.Version, n.At))
	}
	if n.Severity != "" {
		add("severity", r.severity(n.Severity))
	}
	add("owner", n.Owner)
	add("team", n.Team)
	add("environment", n.Environment)
	add("issuer", n.Version.Issuer)
	kind := "kind.watched"
	if n.Managed {
		kind = "kind.managed"
	}
	if !n.Reason.OfNone() {
		add("kind", r.say(kind))
	}
	add("fallback", r.fallback(n))
	r.question(n, add)
	if f := n.Freeze; f != nil && n.Phase != Resolved {
		add("freeze", r.say("freeze", "name", f.Name, "time", r.both(f.Until)))
	}
	if n.Step > 0 && n.Phase != Resolved {
		add("step", r.say("step", "n", strconv.Itoa(n.Step+1)))
	}
	add("evidence", n.Evidence)
	return out
}

// question says what is to be approved, and by whom.
func (r reader) question(n Notice, add func(label, value string)) {
	q := n.Question
	if q == nil || n.Phase == Resolved {
		return
	}
	key, until := "question.issue", ""
	if q.Deploy {
		key = "question.deploy"
		if !q.Version.NotAfter.IsZero() {
			key, until = "question.candidate", r.both(q.Version.NotAfter)
		}
	}
	add("question", r.say(key, "fingerprint", q.Version.Fingerprint.Short(), "time", until))
	var who []string
	for _, role := range q.By {
		if key := "role." + role; r.has(key) {
			role = r.say(key)
		}
		who = append(who, role)
	}
	add("approvers", r.say("approvers", "who", strings.Join(who, ", "), "n", strconv.Itoa(q.Of), "got", strconv.Itoa(q.Got)))
	add("requester", q.Requester)
	add("denied", q.Denied)
}

// fallback says that another CA is tried now.
func (r reader) fallback(n Notice) string {
	f := n.Fallback
	switch {
	case f == nil || n.Phase == Resolved:
		return ""
	case f.Failed == 0:
		return r.say("fallback.room", "from", f.From, "to", f.To)
	}
	return r.say("fallback", "from", f.From, "to", f.To, "n", strconv.Itoa(f.Failed))
}

func (r reader) severity(s Severity) string {
	if key := "severity." + string(s); r.has(key) {
		return r.say(key)
	}
	return string(s)
}

func (r reader) names(names []string) string {
	if more := len(names) - maxNames; more > 0 {
		return strings.Join(names[:maxNames], ", ") + " " + r.say("more", "n", strconv.Itoa(more))
	}
	return strings.Join(names, ", ")
}

func (r reader) buttons(n Notice) map[Action]string {
	out := map[Action]string{}
	if n.Phase == Resolved {
		return out
	}
	for _, a := range Actions {
		refused := (a == ActAccept || a == ActDecline) != (n.Reason == Handover) || a == ActRenew && !n.Managed || a == ActAcknowledge && n.Phase == Acknowledged ||
			(a == ActApprove || a == ActDeny) && n.Reason != ApprovalNeeded || a == ActAckAll && n.Reason != Gathered
		if offered := slices.Contains(n.Actions, a) || a == ActMore && slices.Contains(n.Actions, ActSnooze); offered && !refused {
			out[a] = r.say("button." + string(a))
		}
	}
	return out
}
