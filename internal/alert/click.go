package alert

// ClickWord is what somebody who pressed a button is told when the message
// itself does not show it.
type ClickWord string

// The words.
const (
	ClickRefused  ClickWord = "refused"  // the workflow said no; the cause says why
	ClickNoted    ClickWord = "noted"    // left as a signal
	ClickLate     ClickWord = "late"     // nobody answered in time
	ClickStranger ClickWord = "stranger" // only for people of the directory
)

// Say gives the word in a language; who and cause are cleaned and filled in.
func (w ClickWord) Say(language, who, cause string) string {
	return wordsFor(language).say("click."+string(w), "who", Clean(who), "cause", Clean(cause))
}
