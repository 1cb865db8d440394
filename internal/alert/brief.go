package alert

import (
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// leastName is how much of a name is kept at least when it is shortened; below
// that the end of the line is given up instead.
const leastName = 12

// Brief tells a notice in one line that fits a small space, as a text message
// is: with its link if there is room, and if there is not enough even without
// it, with the name shortened in the middle ("api.fra..example.com"). fits says
// whether a line is short enough; it must take the empty one.
func Brief(n Notice, language string, fits func(string) bool) string {
	r := reader{words: wordsFor(language)}
	n = cleaned(n)
	name := n.Certificate
	if n.Summary != nil && len(n.Summary.Rows) > 0 {
		name = n.Summary.Rows[0].Certificate
	}
	line := r.brief(n, name)
	if whole := line + " " + n.Link; n.Link != "" && fits(whole) {
		return whole
	}
	for keep := len(name) - 1; !fits(line) && keep >= leastName; keep-- {
		line = r.brief(n, middle(name, keep))
	}
	for runes := []rune(line); !fits(line); line = string(runes) {
		runes = runes[:len(runes)-1]
	}
	return line
}

// middle keeps so many bytes of a name, and leaves its middle out.
func middle(name string, keep int) string {
	const gap = ".."
	keep -= len(gap)
	head, tail := (keep+1)/2, keep/2
	return strings.ToValidUTF8(name[:head], "") + gap + strings.ToValidUTF8(name[len(name)-tail:], "")
}

func (r reader) brief(n Notice, name string) string {
	version := n.Version
	key := "brief." + string(n.Reason)
	pairs := []string{"certificate", name, "reason", string(n.Reason)}
	switch {
	case n.Summary != nil:
		key = "brief.summary"
		if n.Reason == Gathered {
			key = "brief.digest"
		}
		pairs = append(pairs, "n", strconv.Itoa(n.Summary.Whole))
		if len(n.Summary.Rows) > 0 {
			version = cert.Version{NotAfter: n.Summary.Rows[0].NotAfter}
		}
	case !r.has(key):
		key = "brief.other"
	}
	if n.Weekly != nil {
		return r.weeklyHeadline(n.Weekly)
	}
	what := r.say(key, append(pairs, "short", r.expiry("short", version, n.At))...)
	phase, who := "brief."+string(n.Phase), ""
	if n.Answer != nil {
		who = n.Answer.By
	}
	if !r.has(phase) {
		phase = "brief.firing"
	}
	if n.Reason == Renewed && n.Summary == nil {
		phase = "brief.renewed.line"
	}
	line := r.say(phase, "severity", string(n.Severity), "what", what, "who", who, "certificate", name)
	switch {
	case n.Summary != nil && renewedOnly(n.Summary):
		line = r.say("digest.renewed", "n", strconv.Itoa(n.Summary.Whole))
	case n.Reason == Gathered && n.Phase == Resolved:
		line = r.say("digest.resolved", "n", strconv.Itoa(n.Summary.Whole))
	case n.Summary != nil && n.Phase != Resolved:
		line = what
	}
	if n.Test {
		line = r.say("subject.test", "subject", line)
	}
	return line
}
