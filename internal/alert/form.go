package alert

import (
	"strings"
	"time"
)

// FormWord is what a form says in which somebody answers an alert.
type FormWord string

// The words, beside those of FormDo.
const (
	FormTitle   FormWord = "title"
	FormSubmit  FormWord = "submit"
	FormClose   FormWord = "close" // and nothing was done
	FormEnd     FormWord = "end"   // of what was to be said
	FormWhat    FormWord = "what"
	FormUntil   FormWord = "until"
	FormLatest  FormWord = "until.hint" // time
	FormFor     FormWord = "for"
	FormMost    FormWord = "for.most" // time
	FormHour    FormWord = "for.hours.one"
	FormHours   FormWord = "for.hours" // n
	FormOwner   FormWord = "owner"
	FormTeam    FormWord = "team"
	FormStays   FormWord = "stays"
	FormTyped   FormWord = "typed.hint" // n
	FormNote    FormWord = "note"
	WrongChoice FormWord = "wrong.choice"
	WrongUntil  FormWord = "wrong.until"
	WrongPast   FormWord = "wrong.past"
	WrongLate   FormWord = "wrong.late" // time
	WrongTo     FormWord = "wrong.to"
	WrongWho    FormWord = "wrong.unknown"
	WrongNear   FormWord = "wrong.near"    // near
	WrongMany   FormWord = "wrong.several" // near
)

// FormDo is the word for an action as a choice.
func FormDo(a Action) FormWord { return FormWord("do." + string(a)) }

// Say gives the word in a language; pairs are name, value, name, value, and are
// cleaned.
func (w FormWord) Say(language string, pairs ...string) string {
	for i := 1; i < len(pairs); i += 2 {
		pairs[i] = Clean(pairs[i])
	}
	return wordsFor(language).say("form."+string(w), pairs...)
}

// FormActions lists what may be chosen in a form, in order.
var FormActions = []Action{ActAcknowledge, ActSnooze, ActTakeOver, ActReassign, ActApprove, ActDeny}

// InZone shows an instant in an IANA zone and in UTC, as messages do.
func InZone(t time.Time, timezone string) string { return reader{zone: zone(timezone)}.both(t) }

// Within keeps a text to so many UTF-16 units, as chat clients count them.
func Within(s string, limit int) string {
	units := 0
	var kept strings.Builder
	for _, r := range s {
		width := 1
		if r > 0xffff {
			width = 2
		}
		if units += width; units > limit {
			head := []rune(kept.String())
			return string(head[:len(head)-1]) + "…"
		}
		kept.WriteRune(r)
	}
	return s
}
