package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// details says in plain words where the certificate stands, what happens next and why.
func (c *certificate) details(now time.Time, d lifecycle.Decision) string {
	s := c.State
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("### %s is %s", code(s.Spec.Name), d.Attributes.State)
	line("")
	line("%s", standing(now, s))
	line("")
	line("- **Next:** %s", nextInWords(d))
	line("- **Why:** %s", whyInWords(d))
	if m := s.Renewal.Moved; m != nil {
		line("- since %s: %s", clock(m.At), code(movedInWords(*m)))
	}
	if w := s.Renewal.Awaits; w != nil {
		line("- waits for CA %s since %s, until %s as far as can be foreseen: %s", code(w.CA), clock(w.Since), clock(w.Until), code(w.Why))
	}
	if s.Window != nil {
		line("- %s", code(windowInWords(*s.Window, lifecycle.PlanOf(s.Live, s.Window, s.Spec.Policy))))
	}
	for _, a := range s.Alerts {
		if !a.Open() {
			continue
		}
		line("- **%s %s**, %s since %s%s", a.Severity, a.Reason, a.Status, clock(a.FiredAt), answerInWords(a))
		if a.Cause != "" {
			line("  - cause: %s", code(a.Cause))
		}
		for _, f := range a.Failed {
			line("  - not delivered: %s", code(f))
		}
	}
	if p := s.Paused; p != nil && now.Before(p.Until) {
		line("- paused by %s until %s: %s", code(p.By), clock(p.Until), code(p.Note))
	}
	if a := s.Approval; a != nil {
		line("- %s: %s", code(asked(*a)), code(approvalInWords(*a)))
	}
	if f := lifecycle.FrozenUntil(now, s); f != nil {
		line("- frozen until %s: %s", clock(f.Until), code(f.Name()))
	}
	if t := s.Thawed; t != nil && now.Before(t.Until) {
		line("- freeze %s, until %s, was overridden by %s at %s: %s", code(t.Name()), clock(t.Until), code(t.By), clock(t.At), code(t.Note))
	}
	if s.Held != nil {
		line("- rolled back by %s: automation waits for `neverlapse resume %s`", code(s.Held.By), s.Spec.Name)
	}
	for _, t := range s.Renewal.Attempts {
		line("- attempt at %s: %s %s", clock(t.At), t.Outcome, code(t.Cause))
	}
	if r := s.Rollout; r != nil && (r.Failed > 0 || r.Batches > 1) {
		line("- %s", rolloutInWords(*r))
		for _, t := range rolloutLines(*r) {
			line("  %s", t)
		}
	}
	for _, o := range s.Sight.Observations {
		if o.Seen() {
			line("- %s has %s until %s", code(o.Where()), code(o.Version.Fingerprint.Short()), clock(o.Version.NotAfter))
		} else {
			line("- %s: %s", code(o.Where()), code(o.Err))
		}
	}
	if n := len(c.Unread); n > 1 || !c.recordAt.IsZero() {
		line("- %d journal entries are not written yet", n)
	}
	return b.String()
}

// standing is the first thing that a reader wants to know.
func standing(now time.Time, s lifecycle.State) string {
	live := s.Live
	switch {
	case live.Fingerprint == "" && s.Spec.Managed:
		return "No certificate was issued yet."
	case live.Fingerprint == "":
		return "No certificate was seen yet."
	case !now.Before(live.NotAfter):
		return fmt.Sprintf("%s by %s **expired at %s**.", code(live.Fingerprint.Short()), code(live.Issuer), clock(live.NotAfter))
	}
	return fmt.Sprintf("%s by %s, valid until **%s** (%s at %s).", code(live.Fingerprint.Short()), code(live.Issuer), clock(live.NotAfter), cert.LeftUntil(now, live.NotAfter), clock(now))
}

// code quotes a text that came from outside on one line, so that it cannot
// become markup.
func code(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(alert.Clean(s), "`", "'"))
	if s == "" {
		return "-"
	}
	return "`" + s + "`"
}

func answerInWords(a lifecycle.Alert) string {
	switch {
	case a.Answer == nil && a.NextAt.IsZero():
		return ""
	case a.Answer == nil:
		return "; the next notice follows at " + clock(a.NextAt)
	case !a.SnoozedUntil.IsZero():
		return "; snoozed by " + code(a.Answer.By) + " until " + clock(a.SnoozedUntil)
	}
	return "; " + code(a.Answer.By) + " has it until " + clock(a.Answer.Until)
}

func approvalInWords(a lifecycle.Approval) string {
	switch {
	case !a.Granted.IsZero():
		return "approved by " + a.Votes[len(a.Votes)-1].By + " at " + clock(a.Granted)
	case a.Denied != nil:
		return "denied by " + a.Denied.By + " at " + clock(a.Denied.At) + ": " + a.Denied.Note
	}
	return "waits for approval since " + clock(a.AskedAt) + ", asked for by " + orNobody(a.Requester)
}
