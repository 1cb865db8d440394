package main

import (
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// foreseenView is one thing that will happen. The JSON names are a contract with
// scripts; kind, why, reason and severity are stable codes.
type foreseenView struct {
	lifecycle.Foreseen
	What string `json:"what"`
}

func (c *cli) foreseen(events []lifecycle.Foreseen, p lifecycle.Policy) []foreseenView {
	out := []foreseenView{}
	for _, e := range events {
		out = append(out, foreseenView{e, c.happens(e, p)})
	}
	return out
}

// happens says in words what a forecast says by codes.
func (c *cli) happens(e lifecycle.Foreseen, p lifecycle.Policy) string {
	text := string(e.Kind)
	switch e.Kind {
	case lifecycle.ForeseeTell:
		text = fmt.Sprintf("%s %s to %s", e.Severity, e.Reason, rolesInWords(e.Roles))
		if e.Reach == alert.PageAll {
			text += ", paged"
		}
	case lifecycle.ForeseeRun:
		text = c.runInWords(e, p)
	case lifecycle.ForeseeClose:
		text = fmt.Sprintf("%s is over", e.Reason)
	case lifecycle.ForeseeLastSafe:
		text = "the last safe moment"
	case lifecycle.ForeseeEnd:
		text = "the certificate ends"
	case lifecycle.ForeseeFinish:
		text = "nobody guards it any more"
	}
	if e.Times > 1 {
		text += fmt.Sprintf(", and again every %s until %s", lifecycle.FormatDuration(e.Every), c.when(e.Last))
	}
	return text
}

func (c *cli) runInWords(e lifecycle.Foreseen, p lifecycle.Policy) string {
	switch {
	case e.Purpose == lifecycle.ForDeploy && !e.NotAfter.IsZero():
		return "every target has the live version again"
	case e.Purpose == lifecycle.ForDeploy:
		return "the targets that are behind are tried again"
	case e.Purpose == lifecycle.ForRollBack:
		return "an earlier version is deployed again"
	case !e.NotAfter.IsZero():
		return "renewed, until " + c.when(e.NotAfter)
	}
	return fmt.Sprintf("attempt %d of %d to renew", e.Attempt, p.MaxAttempts)
}

func rolesInWords(roles []people.Role) string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
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
