package alert

import (
	"slices"
	"strconv"
)

// places says what each place serves.
func (r reader) places(n Notice) []string {
	var out []string
	for i, p := range n.Places {
		if i == maxPlaces {
			return append(out, r.say("more", "n", strconv.Itoa(len(n.Places)-i)))
		}
		out = append(out, r.place(p, n))
	}
	return out
}

func (r reader) place(p Place, n Notice) string {
	key, until := "place.other", ""
	switch p.Fingerprint {
	case "":
		key = "place.unseen"
	case n.Replacement.Fingerprint:
		key = "place.replacement"
	case n.Version.Fingerprint:
		key = "place.old"
	default:
		if n.Version.Fingerprint == "" && n.Replacement.Fingerprint == "" { // there is none that it should be
			key = "place.found"
		}
	}
	switch {
	case p.Err != "":
		key = "place.error"
	case !p.NotAfter.IsZero():
		until = r.both(p.NotAfter)
	case p.Fingerprint != "":
		key += ".undated"
	}
	print := p.Fingerprint.Short()
	if n.Reason == Unenrolled { // it is what triage calls it, maybe a serial
		print = string(p.Fingerprint)
	}
	return r.say(key, "where", p.Where, "fingerprint", print, "time", until, "error", p.Err)
}

// tried lists the attempts, the latest last; of many only the latest.
func (r reader) tried(n Notice) []string {
	var out []string
	skip := max(0, len(n.Tried)-maxTried)
	if skip > 0 {
		out = append(out, r.say("earlier", "n", strconv.Itoa(skip)))
	}
	for _, t := range n.Tried[skip:] {
		key := "try"
		if t.Cause == "" {
			key = "try.bare"
		}
		out = append(out, r.say(key, "time", r.both(t.At), "outcome", t.Outcome, "cause", t.Cause))
	}
	return out
}

// next says what Neverlapse itself will do; of a kind this release does not
// know, only when.
func (r reader) next(n Notice) string {
	if n.Next.Kind == "" {
		return ""
	}
	kind := n.Next.Kind
	if !slices.Contains(nextKinds, kind) {
		kind = "other"
	}
	who := n.Next.Who
	if key := "role." + who; r.has(key) {
		who = r.say(key)
	} else if who == "" {
		who = r.say("role.next")
	}
	return r.say("next."+kind, "at", r.at(n.Next.At), "who", who, "kind", n.Next.Kind)
}

// answer says who did what about the alert, by which channel and until when.
func (r reader) answer(n Notice) string {
	if n.Answer == nil {
		return ""
	}
	a := *n.Answer
	key := "answer." + string(n.Phase)
	if !r.has(key) {
		key = "answer.other"
	}
	until := ""
	if a.Until.IsZero() {
		key += ".open"
	} else {
		until = r.both(a.Until)
	}
	out := r.say(key, "who", a.By, "via", a.Via, "at", r.both(a.At), "until", until)
	if a.Note != "" {
		out += " " + r.say("note", "note", a.Note)
	}
	return out
}
