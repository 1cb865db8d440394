package alert

import "strconv"

// Tally is what became of an answer to many alerts at once.
type Tally struct {
	Taken   int    `json:"taken"`
	Had     int    `json:"had,omitempty"`     // somebody else had them
	Over    int    `json:"over,omitempty"`    // nobody is needed any more
	Refused int    `json:"refused,omitempty"` // who answered may not, or the alert is another by now
	Failed  int    `json:"failed,omitempty"`  // nothing answered for the certificate
	May     string `json:"may,omitempty"`     // who may, of the first that was forbidden
}

// Add counts others in.
func (t *Tally) Add(o Tally) {
	t.Taken, t.Had, t.Over, t.Refused, t.Failed = t.Taken+o.Taken, t.Had+o.Had, t.Over+o.Over, t.Refused+o.Refused, t.Failed+o.Failed
	if t.May == "" {
		t.May = o.May
	}
}

// Whole is how many alerts there were.
func (t Tally) Whole() int { return t.Taken + t.Had + t.Over + t.Refused + t.Failed }

// Say tells it to whoever answered.
func (t Tally) Say(language string) string {
	w := wordsFor(language)
	n := strconv.Itoa
	out := w.say("tally.taken", "n", n(t.Taken), "whole", n(t.Whole()))
	for _, part := range []struct {
		key string
		n   int
	}{{"had", t.Had}, {"over", t.Over}, {"refused", t.Refused}, {"failed", t.Failed}} {
		if part.n > 0 {
			out += " " + w.say("tally."+part.key, "n", n(part.n))
		}
	}
	if t.May != "" {
		out += " " + w.say("tally.may", "who", Clean(t.May))
	}
	return out
}

// TallyLater tells that an answer to many alerts was taken and is still being
// given to each.
func TallyLater(language string) string { return wordsFor(language).say("tally.later") }
