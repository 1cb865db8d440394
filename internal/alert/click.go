package alert

import "strings"

// ClickWord is what somebody who pressed a button is told when the message
// itself does not show it.
type ClickWord string

// The words.
const (
	ClickRefused  ClickWord = "refused"  // the workflow said no; the cause says why
	ClickNoted    ClickWord = "noted"    // left as a signal
	ClickLate     ClickWord = "late"     // nobody answered in time
	ClickStranger ClickWord = "stranger" // who is not in the directory may not; cause lists who may
	ClickNotYours ClickWord = "notyours" // neither may everybody who is; the same
	ClickUnopened ClickWord = "unopened" // Slack would not show the form; the cause says why
)

// Say gives the word in a language; who and cause are cleaned and filled in.
func (w ClickWord) Say(language, who, cause string) string {
	return wordsFor(language).say("click."+string(w), "who", Clean(who), "cause", Clean(cause))
}

// ProbeAction is the button of the message with which somebody tries whether
// Slack works (neverlapse slack check). It belongs to no alert; its value is the
// language of the message.
const ProbeAction = "slack-check"

// ProbeWord is what that message says.
type ProbeWord string

// The words.
const (
	ProbeTitle    ProbeWord = "title"
	ProbeAsk      ProbeWord = "ask"      // before anybody pressed
	ProbeNoButton ProbeWord = "nobutton" // where clicks have no way back
	ProbeButton   ProbeWord = "button"
	ProbeKnown    ProbeWord = "known"    // who pressed is in the directory
	ProbeStranger ProbeWord = "stranger" // who pressed is not
	ProbeEnded    ProbeWord = "ended"    // nobody pressed in time
)

// Say gives the word in a language; who is cleaned and filled in.
func (w ProbeWord) Say(language, who string) string {
	return wordsFor(language).say("probe."+string(w), "who", Clean(who))
}

// probeMark begins the ID of the block that tells who pressed. Whichever process
// was given the click writes it; the one that asked reads it.
const probeMark = "neverlapse-check/"

// ProbeMark gives the block ID that tells which Slack user pressed.
func ProbeMark(user string) string { return probeMark + Clean(user) }

// ProbedBy reads a block ID; false if it is not one of ProbeMark.
func ProbedBy(blockID string) (user string, ok bool) { return strings.CutPrefix(blockID, probeMark) }
