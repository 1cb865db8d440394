package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// foreseenView is one thing that will happen. The JSON names are a contract with
// scripts; kind, why, reason and severity are stable codes.
type foreseenView struct {
	lifecycle.Foreseen
	What string `json:"what"`
	left string
}

func (c *cli) foreseen(events []lifecycle.Foreseen, s lifecycle.Spec) []foreseenView {
	out := []foreseenView{}
	for _, e := range events {
		v := foreseenView{Foreseen: e, What: c.happens(e, s), left: "-"}
		if !e.Ends.IsZero() {
			v.left = cert.LeftUntil(e.At, e.Ends).Short()
		}
		out = append(out, v)
	}
	return out
}

// happens says in words what a forecast says by codes.
func (c *cli) happens(e lifecycle.Foreseen, s lifecycle.Spec) string {
	text := string(e.Kind)
	switch e.Kind {
	case lifecycle.ForeseeTell:
		text = fmt.Sprintf("%s %s to %s", e.Severity, e.Reason, c.rolesInWords(e, s))
		if e.Reach == alert.PageAll {
			text += ", paged"
		}
		text += earlier(e.Earlier)
	case lifecycle.ForeseeRun:
		text = c.runInWords(e, s)
	case lifecycle.ForeseeClose:
		text = fmt.Sprintf("%s is over", e.Reason)
	case lifecycle.ForeseeApproval:
		text = "people are asked to approve it"
		switch e.Why {
		case lifecycle.ApprovalUnanswered:
			text = "nobody decided, so the policy does"
		case lifecycle.ApprovalMoot:
			text = "nothing waits for approval any more"
		}
	case lifecycle.ForeseeRevoke:
		text = "the CA is asked to revoke a version"
	case lifecycle.ForeseeLastSafe:
		text = "the last safe moment"
	case lifecycle.ForeseeEnd:
		text = "the certificate ends"
	case lifecycle.ForeseeFinish:
		text = "nobody guards it any more"
	}
	switch {
	case e.Times == 2:
		text += ", and again at " + c.when(e.Last)
	case e.Times > 2:
		text += fmt.Sprintf(", and again every %s until %s", roughly(e.Every), c.when(e.Last))
	}
	return text
}

// roughly leaves out what nobody sets a clock by.
func roughly(d time.Duration) string {
	switch {
	case d > time.Hour:
		d = d.Round(5 * time.Minute)
	case d > time.Minute:
		d = d.Round(10 * time.Second)
	}
	return lifecycle.FormatDuration(max(d.Round(time.Second), time.Second))
}

func (c *cli) runInWords(e lifecycle.Foreseen, s lifecycle.Spec) string {
	at := ""
	if e.CA != "" {
		at = " by " + e.CA
	}
	switch {
	case e.Purpose == lifecycle.ForDeploy && !e.NotAfter.IsZero():
		return "every target has the live version again"
	case e.Purpose == lifecycle.ForDeploy:
		return "the targets that are behind are tried again"
	case e.Purpose == lifecycle.ForRollBack:
		return "an earlier version is deployed again"
	case !e.NotAfter.IsZero():
		return "renewed" + at + ", until " + c.when(e.NotAfter)
	}
	return fmt.Sprintf("attempt %d of %d to renew", e.Attempt, s.MaxAttempts()) + at
}

// rolesInWords names the roles, and who fills them as far as that is known here.
func (c *cli) rolesInWords(e lifecycle.Foreseen, s lifecycle.Spec) string {
	out := make([]string, len(e.Roles))
	for i, r := range e.Roles {
		out[i] = string(r)
		ids, known := c.who(e.At, r, s, e.MayWait)
		switch {
		case len(ids) > 0:
			out[i] += " (" + strings.Join(ids, ", ") + ")"
		case known:
			out[i] += " (nobody)"
		}
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// hue is the colour of something that will happen.
func (e foreseenView) hue() string {
	switch {
	case e.Kind == lifecycle.ForeseeEnd:
		return red
	case e.Kind == lifecycle.ForeseeRun && !e.NotAfter.IsZero(), e.Kind == lifecycle.ForeseeClose:
		return green
	}
	return urgency(e.Severity)
}
