package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// whats says in plain words what the brain calls by a reason code.
var whats = map[lifecycle.Reason]string{
	lifecycle.UntilThreshold:      "an expiry threshold is crossed",
	lifecycle.UntilRenewal:        "renewal begins",
	lifecycle.UntilRetry:          "the next attempt to renew begins",
	lifecycle.UntilNextCA:         "the next CA is tried",
	lifecycle.UntilBehindRetry:    "the targets that are behind are tried again",
	lifecycle.UntilSupply:         "somebody is told to order the next version",
	lifecycle.UntilRevoke:         "the CA is asked again to revoke",
	lifecycle.UntilEscalation:     "the next people are told, unless somebody answers",
	lifecycle.UntilSummary:        "it is told by itself, unless the summary of its import tells it",
	lifecycle.UntilInbox:          "it is told by itself, unless an inbox told it with others",
	lifecycle.UntilAckLapses:      "the acknowledgement lapses",
	lifecycle.UntilSnoozeEnds:     "the snooze ends",
	lifecycle.UntilQuietHoursEnd:  "quiet hours end: those in them are told again, unless somebody answers",
	lifecycle.UntilPauseEnds:      "the pause ends",
	lifecycle.UntilAsked:          "people are asked to approve the renewal",
	lifecycle.UntilPolicyDecides:  "the policy decides, if nobody did",
	lifecycle.UntilFreezeEnds:     "the freeze ends and the renewal begins",
	lifecycle.UntilFreezeYields:   "the last safe moment: the freeze yields and the renewal begins",
	lifecycle.UntilLastSafeMoment: "the last safe moment: automation resumes",
	lifecycle.UntilLook:           "a routine look at every place",
	lifecycle.UntilUnseenTooLong:  "nothing was seen for too long: people are told",
	lifecycle.UntilBackstop:       "a routine look at every place",
}

func what(r lifecycle.Reason) string {
	if w, ok := whats[r]; ok {
		return w
	}
	return strings.ReplaceAll(strings.TrimPrefix(string(r), "until-"), "-", " ")
}

func (c *cli) events(s workflows.Status) []eventView {
	out := []eventView{}
	for _, e := range s.Upcoming {
		v := eventView{At: e.At, Reason: e.Reason, What: what(e.Reason), Why: c.why(e, s), Alert: e.Alert}
		if level := threshold(e, s); level != "" {
			v.What += ": " + level
		}
		out = append(out, v)
	}
	return out
}

// threshold says how urgent a threshold is, and at how much time left.
func threshold(e lifecycle.Event, s workflows.Status) string {
	i := slices.IndexFunc(s.Plan.Thresholds, func(t lifecycle.Instant) bool { return t.At.Equal(e.At) })
	switch {
	case e.Reason != lifecycle.UntilThreshold || i < 0:
		return ""
	case i == len(s.Plan.Thresholds)-1:
		return "the certificate ends"
	}
	left := s.State.Live.NotAfter.Sub(e.At).Round(time.Minute)
	t := s.Plan.Thresholds[i]
	return fmt.Sprintf("%s, %s left%s", t.Severity, lifecycle.FormatDuration(left), earlier(t.Earlier))
}

// earlier says from where something was moved; empty if it was not.
func earlier(e *lifecycle.Earlier) string {
	switch {
	case e == nil:
		return ""
	case e.Because == lifecycle.MovedDayOff:
		return ", moved earlier from " + e.From.Format("Monday 2006-01-02")
	case e.Holiday != "":
		return ", moved earlier from " + e.From.Format(time.DateOnly) + ", a holiday: " + alert.Clean(e.Holiday)
	}
	return ", moved earlier from " + e.From.Format(time.DateOnly) + ", a holiday"
}

// why says from which fact an event follows; empty if its name says it all.
func (c *cli) why(e lifecycle.Event, s workflows.Status) string {
	st := s.State
	switch e.Reason {
	case lifecycle.UntilThreshold:
		return fmt.Sprintf("policy %q tells people so, as no replacement is proven", st.Spec.Policy.Name)
	case lifecycle.UntilRenewal:
		if w := st.Window; w != nil && s.Plan.WindowIgnored == "" {
			return fmt.Sprintf("the CA suggests to renew between %s and %s", c.when(w.Start), c.when(w.End))
		}
		return fmt.Sprintf("policy %q", st.Spec.Policy.Name)
	case lifecycle.UntilRetry:
		if n := len(st.Renewal.Attempts); n > 0 {
			return fmt.Sprintf("attempt %d ended: %s", n, outcome(st.Renewal.Attempts[n-1]))
		}
	case lifecycle.UntilBehindRetry:
		for _, i := range st.Installed {
			if i.Behind != "" {
				return "target " + i.Where() + ": " + i.Behind
			}
		}
	case lifecycle.UntilPauseEnds:
		if st.Paused != nil {
			return "paused by " + st.Paused.By + ": " + st.Paused.Note
		}
	case lifecycle.UntilAsked:
		return fmt.Sprintf("policy %q has people approve before anything is issued", st.Spec.Policy.Name)
	case lifecycle.UntilPolicyDecides:
		if a := st.Approval; a != nil {
			return "it waits for approval since " + c.when(a.AskedAt)
		}
	case lifecycle.UntilFreezeEnds, lifecycle.UntilFreezeYields:
		if f := lifecycle.FrozenUntil(s.At, st); f != nil {
			return fmt.Sprintf("freeze %s of policy %q lasts until %s", f.Name(), st.Spec.Policy.Name, c.when(f.Until))
		}
	case lifecycle.UntilLastSafeMoment:
		if st.Held != nil {
			return "rolled back by " + st.Held.By
		}
	}
	if a := st.Alert(e.Alert); a != nil {
		return whyAlert(*a)
	}
	return ""
}

func whyAlert(a lifecycle.Alert) string {
	switch {
	case a.Answer == nil:
		return fmt.Sprintf("nobody has answered %s %s", a.Severity, a.Reason)
	case !a.SnoozedUntil.IsZero():
		return fmt.Sprintf("%s snoozed %s %s", a.Answer.By, a.Severity, a.Reason)
	case a.Status == lifecycle.Acknowledged:
		return fmt.Sprintf("%s has %s %s", a.Answer.By, a.Severity, a.Reason)
	}
	return fmt.Sprintf("%s %s is open again", a.Severity, a.Reason)
}

func outcome(a lifecycle.Attempt) string {
	if a.Cause == "" {
		return string(a.Outcome)
	}
	return string(a.Outcome) + ": " + a.Cause
}

var flights = map[lifecycle.FlightKind]string{
	lifecycle.FlyLook: "a look at every place", lifecycle.FlyTell: "telling people", lifecycle.FlyEdit: "updating sent messages",
	lifecycle.FlyRenewal: "a renewal or deployment", lifecycle.FlyRevoke: "a revocation", lifecycle.FlyReport: "telling its import",
}

// standing says where a certificate stands, in one sentence.
func (c *cli) standing(v view) string {
	kind := "watched"
	if v.Managed {
		kind = "managed, renewed by " + inOrder(v.CA, v.FallbackCAs)
		if m := v.Moved; m != nil {
			kind += "; " + m.To + " is tried now instead of " + m.From
		}
	}
	state := v.State
	if state == "" {
		state = "being looked at for the first time"
	}
	out := fmt.Sprintf("%s is %s (%s)", v.Name, state, kind)
	if v.Certificate != nil {
		out += ", " + c.leftInWords(v.Certificate.NotAfter)
	}
	return out
}

func since(t, now time.Time) string {
	return lifecycle.FormatDuration(max(0, now.Sub(t)).Truncate(time.Second))
}
