package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func (c *cli) status() *cobra.Command {
	return c.onName("status", "", "Show where a certificate stands, what is next and why",
		`Show where a certificate stands: what is next and why, open alerts and who has
them, attempts to renew, what each place serves, and the calendar ahead; and how lately
and how completely the sources of the inventory were gone through. Times are in this
machine's zone and in UTC.`,
		func(cmd *cobra.Command, name string) error {
			s, err := c.ask(cmd.Context(), name)
			if err != nil {
				return err
			}
			c.running(cmd.Context(), &s)
			v := c.view(s)
			if !c.text() {
				return c.result(v)
			}
			defer c.remarkUndelivered(cmd.Context(), name)
			defer c.remarkSources(cmd.Context())
			return c.printStatus(v)
		})
}

// fact writes one labelled line; nothing if there is no fact.
func (c *cli) fact(label, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		c.say("  %-13s %s", label, clean(text, 0))
	}
}

func (c *cli) printStatus(v view) error {
	c.say("%s", c.paint(stateHue(v.State, v.Severity), clean(c.standing(v), 0)))
	c.printFacts(v)
	c.say("")
	switch {
	case len(v.UnderWay) > 0:
		for _, f := range v.UnderWay {
			c.say("Now:  %s, for %s", flights[f.Kind], since(f.Since, c.now()))
		}
	case v.Next == nil:
		c.say("Next: routine looks only")
	}
	if v.Next != nil {
		c.say("Next: %s: %s", c.when(v.Next.At), v.Next.What)
		if v.Next.Why != "" {
			c.say("Why:  %s", clean(v.Next.Why, 0))
		}
	}
	c.printAlerts(v.Alerts)
	for _, print := range []func(view) error{c.printRollout, c.printAttempts, c.printBehind, c.printPlaces, c.printUpcoming} {
		if err := print(v); err != nil {
			return err
		}
	}
	if v.Link != "" {
		c.say("\nTo look at: %s", v.Link)
	}
	return nil
}

func (c *cli) printFacts(v view) {
	c.fact("names", "%s", strings.Join(v.Names, ", "))
	if l := v.Certificate; l != nil {
		c.fact("certificate", "%s by %s, %s, serial %s", l.Fingerprint.Short(), l.Issuer, l.KeyAlgorithm, l.Serial)
		c.fact("valid until", "%s", c.when(l.NotAfter))
	} else {
		c.fact("certificate", "none is known yet")
	}
	if k := v.KeptKey; k != nil {
		text := "stays on its host; requested with %s, SHA-256 %s"
		if l := v.Certificate; l != nil && l.KeptKey != "" && l.KeptKey != k.SHA256 {
			text += ", from the next renewal on"
		}
		c.fact("key", text, k.Algorithm, cert.Fingerprint(k.SHA256).Short())
	}
	if l := v.Candidate; l != nil {
		c.fact("candidate", "%s, issued and not yet proven, until %s", l.Fingerprint.Short(), c.when(l.NotAfter))
	}
	if l := v.Previous; l != nil {
		c.fact("previous", "%s by %s, until %s", l.Fingerprint.Short(), l.Issuer, c.when(l.NotAfter))
	}
	if !v.RenewAt.IsZero() {
		c.fact("renewal", "%s; last safe moment %s", c.when(v.RenewAt), c.when(v.LastSafe))
	}
	if w := v.Window; w != nil {
		c.fact("CA's window", "%s", c.window(*w))
	}
	c.fact("owner", "%s", strings.Join(belongs(v), ", "))
	if v.Accepted {
		c.fact("accepted", "what a target has need not come back where it cannot be read (--accept-irreversible)")
	}
	c.fact("policy", "%s", v.Policy)
	c.fact("note", "%s", v.Note)
	if p := v.Paused; p != nil {
		c.fact("paused", "until %s by %s: %s", c.when(p.Until), p.By, p.Note)
	}
	if a := v.Approval; a != nil {
		c.fact("approval", "%s", c.approvalInWords(*a))
	}
	if f := v.Frozen; f != nil {
		c.fact("frozen", "until %s by freeze %s of its policy", c.when(f.Until), f.Freeze)
	}
	if o := v.Overridden; o != nil {
		c.fact("overridden", "%s", strings.TrimSuffix(fmt.Sprintf("the freeze until %s by %s at %s: %s", c.when(o.Until), o.By, c.when(o.At), o.Note), ": "))
	}
	if h := v.Held; h != nil {
		c.fact("held", "rolled back by %s at %s; automation waits for: neverlapse resume %s", h.By, c.when(h.At), v.Name)
	}
	c.printRevoked(v)
}

func (c *cli) printRevoked(v view) {
	if r := v.Revoke; r != nil {
		c.fact("to revoke", "%s (%s), asked for by %s%s", short(r.Fingerprint), r.Reason, r.By, strings.TrimSuffix("; "+r.Cause, "; "))
	}
	for _, r := range v.Revoked {
		c.fact("revoked", "%s at %s by %s (%s)", short(r.Fingerprint), c.when(r.At), r.By, r.Reason)
	}
}

func (c *cli) window(w windowView) string {
	text := fmt.Sprintf("%s to %s", c.when(w.Start), c.when(w.End))
	if w.Ignored != "" {
		text += "; ignored: it is " + w.Ignored
	}
	if w.Explanation != "" {
		text += "; the CA says why at " + w.Explanation
	}
	return text
}

func belongs(v view) []string {
	var out []string
	for _, p := range []struct{ kind, id string }{{"", v.Owner}, {"team ", v.Team}, {"environment ", v.Environment}} {
		if p.id != "" {
			out = append(out, p.kind+p.id)
		}
	}
	if v.Owner == "" && v.Team == "" {
		out = append([]string{"nobody in particular"}, out...)
	}
	return out
}

func (c *cli) printAlerts(alerts []alertView) {
	for _, a := range alerts {
		c.say("\n%s %s, %s, open since %s", c.paint(urgency(a.Severity), string(a.Severity)), clean(string(a.Reason), 0), a.Status, c.when(a.FiredAt))
		c.fact("alert", "%s", a.ID)
		c.fact("cause", "%s", a.Cause)
		if w := a.Answer; w != nil {
			verb := "has it until"
			if !a.SnoozedUntil.IsZero() {
				verb = "snoozed it until"
			}
			c.fact("answer", "%s", strings.TrimSuffix(fmt.Sprintf("%s (%s) %s %s: %s", w.By, w.Via, verb, c.when(w.Until), w.Note), ": "))
		}
		c.fact("told", "%s", strings.Join(a.Told, ", "))
		if !a.NextNoticeAt.IsZero() {
			c.fact("next notice", "%s", c.when(a.NextNoticeAt))
		}
		for _, f := range a.NotDelivered {
			c.fact("not delivered", "%s", f)
		}
	}
}

func (c *cli) printAttempts(v view) error {
	if len(v.Attempts) == 0 {
		return nil
	}
	t := table{head: []string{"ATTEMPT", "AT", "OUTCOME", "CAUSE"}}
	for _, a := range v.Attempts {
		t.add(fmt.Sprint(a.Number), c.when(a.At), clean(string(a.Outcome), 0), clean(a.Cause, 0))
	}
	c.say("")
	return t.write(c.out, "", c.paint)
}

func (c *cli) printBehind(v view) error {
	if len(v.Behind) == 0 {
		return nil
	}
	t := table{head: []string{"BEHIND", "SINCE", "AGAIN AT", "CAUSE"}}
	for _, b := range v.Behind {
		where := lifecycle.Installed{Target: b.Target, Host: b.Host}.Where()
		t.add(clean(where, 0), c.when(b.Since), c.when(b.RetryAt), clean(b.Cause, 0))
	}
	c.say("")
	return t.write(c.out, "", c.paint)
}

func (c *cli) printUpcoming(v view) error {
	if len(v.Upcoming) < 2 {
		return nil
	}
	t := table{head: []string{"UPCOMING", "WHAT"}}
	for _, e := range v.Upcoming {
		t.add(c.when(e.At), e.What)
	}
	c.say("")
	return t.write(c.out, "", c.paint)
}

func short(f cert.Fingerprint) string {
	if f == "" {
		return "-"
	}
	return clean(f.Short(), 0)
}

func (c *cli) approvalInWords(a approvalView) string {
	what := "of the next issuance"
	if a.Version != "" {
		what = "of deploying " + short(a.Version)
	}
	switch {
	case !a.Granted.IsZero():
		return fmt.Sprintf("%s given by %s at %s", what, voters(a.Votes), c.when(a.Granted))
	case a.Denied != nil:
		text := fmt.Sprintf("%s denied by %s at %s: %s", what, a.Denied.By, c.when(a.Denied.At), a.Denied.Note)
		if !a.AgainAt.IsZero() {
			text += "; people are asked again at " + c.when(a.AgainAt)
		}
		return text
	}
	roles := make([]string, len(a.By))
	for i, r := range a.By {
		roles[i] = string(r)
	}
	text := fmt.Sprintf("%s waits since %s for %s, %d of %d given", what, c.when(a.AskedAt), strings.Join(roles, " or "), len(a.Votes), a.Of)
	if a.Requester != "" {
		text += "; asked for by " + a.Requester
	}
	if a.Alone != "" {
		text += fmt.Sprintf("; if nobody decides, its policy does at %s: %s", c.when(a.DecidesAt), a.Alone)
	}
	return text + fmt.Sprintf("; decide by: neverlapse approve %[1]s, or neverlapse deny %[1]s --note TEXT", a.name)
}

func voters(votes []lifecycle.Order) string {
	out := make([]string, len(votes))
	for i, o := range votes {
		out[i] = o.By
	}
	return strings.Join(out, ", ")
}
