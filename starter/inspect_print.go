package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const yearMonth = "2006-01"

// What people are shown at most of one chain, and of one file.
const (
	mostFindings = 20
	mostSubjects = 8
)

func (c *cli) printInspections(views []inspectView) error {
	for i, v := range views {
		if i > 0 {
			c.say("")
		}
		if v.Error != "" {
			c.say("%s", c.paint(red, clean(v.Error, 0)))
			continue
		}
		if err := c.printInspection(v); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) printInspection(v inspectView) error {
	for i, s := range worth(v.Subjects) {
		if i > 0 {
			c.say("")
		}
		if err := c.printSubject(s); err != nil {
			return err
		}
	}
	if n := len(v.Subjects) - len(worth(v.Subjects)); n > 0 {
		c.say("\nand %d more, with less or nothing wrong", n)
	}
	c.printFindings(v.Findings)
	if v.Enroll == "" {
		return nil
	}
	c.say("\n%s", c.paint(bold, "The coming year, if it is only watched and nobody answers or replaces it:"))
	if err := c.printYear(v.Watched); err != nil {
		return err
	}
	c.say("\n%s", c.paint(bold, "The coming year, if Neverlapse renews it (enroll --manage):"))
	if err := c.printYear(v.Renewed); err != nil {
		return err
	}
	c.say("\n%s\n  %s", c.paint(bold, "Watch it:"), clean(v.Enroll, 0))
	return nil
}

// worth are the subjects to show: of very many, those with the worst findings.
func worth(all []subjectView) []subjectView {
	if len(all) <= mostSubjects {
		return all
	}
	grave := map[cert.Gravity]int{cert.Error: 0, cert.Warning: 1, cert.Note: 2, "": 3}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b subjectView) int { return grave[cert.Worst(a.Findings)] - grave[cert.Worst(b.Findings)] })
	return out[:mostSubjects]
}

func (c *cli) printSubject(s subjectView) error {
	leaf := s.Chain[0]
	where := clean(some(s.Where), 0)
	if s.Format != "" {
		where += " holds, as " + s.Format + ","
	} else {
		where += " serves"
	}
	left := c.paint(leftHue(s.DaysLeft, s.Findings), c.leftInWords(leaf.NotAfter))
	c.say("%s %s: %s", where, c.paint(bold, clean(leaf.Subject, 64)), left)
	c.fact("names", "%s", some(s.Names))
	c.fact("valid", "%s to %s", c.when(leaf.NotBefore), c.when(leaf.NotAfter))
	c.fact("serial", "%s, SHA-256 %s", leaf.Serial, leaf.Fingerprint)
	t := table{head: []string{"CHAIN", "SUBJECT", "ISSUED BY", "LEFT", "UNTIL", "KEY", "SIGNED"}}
	for i, l := range s.Chain[:min(len(s.Chain), mostFindings)] {
		t.add(fmt.Sprint(i+1), clean(l.Subject, 40), clean(l.Issuer, 40), c.left(l.NotAfter), c.when(l.NotAfter), clean(l.KeyAlgorithm, 16), clean(l.Signature, 20))
	}
	if err := t.write(c.out, "  ", c.paint); err != nil {
		return err
	}
	if n := len(s.Chain) - mostFindings; n > 0 {
		c.say("  and %d more", n)
	}
	if cert.Worst(s.Findings) == "" {
		c.say("  %s", c.paint(green, "nothing is wrong with it"))
	}
	c.printFindings(s.Findings)
	return nil
}

// leftHue is the colour of how long is left.
func leftHue(days int, findings []cert.Finding) string {
	for _, f := range findings {
		switch f.Code {
		case cert.Expired:
			return red
		case cert.Expiring:
			if days < 7 {
				return red
			}
			return yellow
		}
	}
	return green
}

func (c *cli) printFindings(findings []cert.Finding) {
	hues, told := map[cert.Gravity]string{cert.Error: red, cert.Warning: yellow}, map[cert.FindingCode]bool{}
	for i, f := range findings {
		if i == mostFindings {
			c.say("\n  and %d more", len(findings)-i)
			return
		}
		c.say("\n  %s %s: %s", c.paint(hues[f.Severity], strings.ToUpper(string(f.Severity))), f.Code, clean(f.What, 0))
		if !told[f.Code] {
			c.say("    why   %s", f.Why)
			c.say("    mend  %s", f.Remedy)
		}
		told[f.Code] = true
	}
}

// printYear is a small calendar: a line for each thing that happens, and one
// for the months between in which nothing does.
func (c *cli) printYear(events []foreseenView) error {
	t := table{head: []string{"MONTH", "AT", "WHAT"}}
	now := c.now().In(c.zone)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, c.zone)
	last := month.AddDate(1, 0, 0)
	for !month.After(last) {
		label, next := month.Format(yearMonth), month.AddDate(0, 1, 0)
		for ; len(events) > 0 && events[0].At.Before(next); label = "" {
			t.add(label, c.when(events[0].At), clean(events[0].What, 0))
			t.color(2, events[0].hue())
			events = events[1:]
		}
		if label != "" {
			for !next.After(last) && (len(events) == 0 || !events[0].At.Before(next.AddDate(0, 1, 0))) {
				next = next.AddDate(0, 1, 0)
			}
			nothing := "nothing"
			if end := next.AddDate(0, 0, -1).Format(yearMonth); end != label {
				nothing += " until the end of " + end
			}
			t.add(label, nothing, "")
		}
		month = next
	}
	return t.write(c.out, "  ", c.paint)
}
