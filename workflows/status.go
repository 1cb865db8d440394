package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// Status is what the query tells: the state, and what comes next.
type Status struct {
	State    lifecycle.State      `json:"state"`
	Summary  lifecycle.Attributes `json:"summary"`
	Upcoming []lifecycle.Event    `json:"upcoming,omitempty"`
	Plan     lifecycle.Plan       `json:"plan"`
	Details  string               `json:"details"` // Markdown, as the Temporal Web UI shows it
	Unread   int                  `json:"unread"`  // journal entries not yet written
	Runs     int                  `json:"runs"`
	At       time.Time            `json:"at"` // of the latest decision
}

// The search attributes. Keywords hold ids, never addresses of people.
var (
	attrState       = temporal.NewSearchAttributeKeyKeyword("state")
	attrSeverity    = temporal.NewSearchAttributeKeyKeyword("severity")
	attrOwner       = temporal.NewSearchAttributeKeyKeyword("owner")
	attrTeam        = temporal.NewSearchAttributeKeyKeyword("team")
	attrEnvironment = temporal.NewSearchAttributeKeyKeyword("environment")
	attrIssuer      = temporal.NewSearchAttributeKeyKeyword("issuer")
	attrFingerprint = temporal.NewSearchAttributeKeyKeyword("fingerprint")
	attrAlgorithm   = temporal.NewSearchAttributeKeyKeyword("keyAlgorithm")
	attrNotAfter    = temporal.NewSearchAttributeKeyTime("notAfter")
	attrNextStep    = temporal.NewSearchAttributeKeyTime("nextStepAt")
	attrNames       = temporal.NewSearchAttributeKeyKeywordList("names")
	attrHosts       = temporal.NewSearchAttributeKeyKeywordList("hosts")
)

// attributeLimit is the width of a Keyword column in SQL visibility, less a margin.
const attributeLimit = 250

// SearchAttributes gives the typed form of what the brain says to search by.
func SearchAttributes(a lifecycle.Attributes) []temporal.SearchAttributeUpdate {
	var out []temporal.SearchAttributeUpdate
	for _, k := range []struct {
		key   temporal.SearchAttributeKeyKeyword
		value string
	}{
		{attrState, a.State}, {attrSeverity, a.Severity}, {attrOwner, a.Owner}, {attrTeam, a.Team},
		{attrEnvironment, a.Environment}, {attrIssuer, a.Issuer}, {attrFingerprint, a.Fingerprint}, {attrAlgorithm, a.KeyAlgorithm},
	} {
		if k.value == "" {
			out = append(out, k.key.ValueUnset())
		} else {
			out = append(out, k.key.ValueSet(cut(k.value)))
		}
	}
	for _, k := range []struct {
		key   temporal.SearchAttributeKeyTime
		value time.Time
	}{{attrNotAfter, a.NotAfter}, {attrNextStep, a.NextStepAt}} {
		if k.value.IsZero() {
			out = append(out, k.key.ValueUnset())
		} else {
			out = append(out, k.key.ValueSet(k.value))
		}
	}
	return append(out, attrNames.ValueSet(cutAll(a.Names)), attrHosts.ValueSet(cutAll(a.Hosts)))
}

func cut(s string) string {
	if len(s) > attributeLimit {
		s = s[:attributeLimit]
	}
	return strings.ToValidUTF8(s, "?")
}

func cutAll(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		out = append(out, cut(s))
	}
	return out
}

// show tells the Web UI and visibility where the certificate stands; what has
// not changed is not sent.
func (c *certificate) show(ctx workflow.Context, d lifecycle.Decision) {
	workflow.SetCurrentDetails(ctx, c.details(workflow.Now(ctx), d))
	c.last, c.lastAt = d, workflow.Now(ctx)
	if same(c.shown, d.Attributes) {
		return
	}
	place := c.shown.Fingerprint != d.Attributes.Fingerprint || c.shown.Names == nil
	c.shown = d.Attributes
	_ = workflow.UpsertTypedSearchAttributes(ctx, SearchAttributes(d.Attributes)...)
	if place {
		_ = workflow.UpsertMemo(ctx, map[string]any{"live": c.State.Live, "endpoints": c.State.Spec.Endpoints, "managed": c.State.Spec.Managed})
	}
}

func same(a, b lifecycle.Attributes) bool {
	return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b)
}

func (c *certificate) status() Status {
	s := c.State.Clone()
	out := Status{State: s, Summary: c.last.Attributes, Upcoming: lifecycle.Upcoming(c.lastAt, s), Details: c.details(c.lastAt, c.last), Unread: len(c.Unread), Runs: c.Runs, At: c.lastAt}
	if s.Live.Fingerprint != "" {
		out.Plan = lifecycle.PlanOf(s.Live, s.Window, s.Spec.Policy)
	}
	return out
}

// details says in plain words where the certificate stands, what happens next and why.
func (c *certificate) details(now time.Time, d lifecycle.Decision) string {
	s := c.State
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("### %s is %s", code(s.Spec.Name), d.Attributes.State)
	if s.Live.Fingerprint == "" {
		line("No certificate is known yet.")
	} else {
		line("%s by %s, valid until **%s** (%d days left).", code(s.Live.Fingerprint.Short()), code(s.Live.Issuer), clock(s.Live.NotAfter), cert.DaysLeft(now, s.Live.NotAfter))
	}
	line("")
	line("**Next:** %s", nextInWords(d))
	line("**Why:** %s", d.Reason)
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
	if s.Held != nil {
		line("- rolled back by %s: automation waits for `neverlapse resume %s`", code(s.Held.By), s.Spec.Name)
	}
	for _, t := range s.Renewal.Attempts {
		line("- attempt at %s: %s %s", clock(t.At), t.Outcome, code(t.Cause))
	}
	for _, o := range s.Sight.Observations {
		if o.Seen() {
			line("- %s has %s until %s", code(o.Where()), code(o.Version.Fingerprint.Short()), clock(o.Version.NotAfter))
		} else {
			line("- %s: %s", code(o.Where()), code(o.Err))
		}
	}
	return b.String()
}

// code quotes a text that came from outside, so that it cannot become markup.
func code(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '`' || r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
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

var inWords = map[lifecycle.Reason]string{
	lifecycle.UntilThreshold:      "a threshold is crossed",
	lifecycle.UntilRenewal:        "renewal begins",
	lifecycle.UntilRetry:          "the next attempt begins",
	lifecycle.UntilBehindRetry:    "the targets that are behind are tried again",
	lifecycle.UntilEscalation:     "the next notice is sent if nobody answers",
	lifecycle.UntilAckLapses:      "the acknowledgement lapses",
	lifecycle.UntilSnoozeEnds:     "the snooze ends",
	lifecycle.UntilPauseEnds:      "the pause ends",
	lifecycle.UntilLastSafeMoment: "the last safe moment: automation resumes",
	lifecycle.UntilLook:           "a routine look",
	lifecycle.UntilUnseenTooLong:  "nothing was seen for too long",
}

func nextInWords(d lifecycle.Decision) string {
	if d.Step.Kind != lifecycle.StepWait {
		return string(d.Step.Kind) + " now"
	}
	what, ok := inWords[d.Next.Reason]
	if !ok {
		what = string(d.Next.Reason)
	}
	return clock(d.Next.At) + ": " + what
}

// sleepSummary is what the Web UI shows beside the timer.
func sleepSummary(d lifecycle.Decision) string {
	what, ok := inWords[d.Reason]
	if !ok {
		what = string(d.Reason)
	}
	return "sleep until " + clock(d.Due) + ": " + what
}
