package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/inventory"
)

// rowOutcome is what became of a row; a contract with scripts.
type rowOutcome string

const (
	rowEnrolled    rowOutcome = "enrolled"
	rowChanged     rowOutcome = "changed"
	rowUnchanged   rowOutcome = "unchanged"
	rowWouldEnroll rowOutcome = "would-enroll"
	rowWouldChange rowOutcome = "would-change"
	rowRefused     rowOutcome = "refused"
)

// rowOutcomes in the order in which they are summed up.
var rowOutcomes = []rowOutcome{rowEnrolled, rowWouldEnroll, rowChanged, rowWouldChange, rowUnchanged, rowRefused}

func (o rowOutcome) inWords() string {
	if rest, ok := strings.CutPrefix(string(o), "would-"); ok {
		return "to " + rest
	}
	return string(o)
}

// rowView is the result of one row. The JSON names are a contract with scripts.
type rowView struct {
	Line     int        `json:"line"`
	Outcome  rowOutcome `json:"outcome"` // enrolled, changed, unchanged, refused; would-enroll and would-change with --dry-run
	Name     string     `json:"name,omitempty"`
	Endpoint string     `json:"endpoint,omitempty"`
	NotAfter time.Time  `json:"notAfter,omitzero"`
	DaysLeft *int       `json:"daysLeft,omitempty"`
	Why      string     `json:"why,omitempty"` // it was refused, or what to know
}

func (b *bulk) viewOf(r inventory.Row) rowView {
	v := rowView{Line: r.Line, Name: r.Name, Endpoint: r.Text}
	if r.Err == nil {
		v.Endpoint = r.Endpoint.String()
	}
	return v
}

func (v rowView) refused(why error) rowView {
	v.Outcome, v.Why = rowRefused, strings.ReplaceAll(why.Error(), "\n", "; ")
	return v
}

func (b *bulk) served(v rowView, what cert.Version) rowView {
	if what.NotAfter.IsZero() {
		return v
	}
	days := cert.DaysLeft(b.now(), what.NotAfter)
	v.NotAfter, v.DaysLeft = what.NotAfter, &days
	return v
}

// printRow writes one result: a line of text, or of JSON.
func (b *bulk) printRow(v rowView) error {
	if !b.text() {
		return b.result(v)
	}
	text := fmt.Sprintf("%5d  %s  %-28s  %-26s", v.Line, b.paint(v.Outcome.color(), fmt.Sprintf("%-9s", v.Outcome.inWords())), clean(v.Name, 0), clean(v.Endpoint, 60))
	if !v.NotAfter.IsZero() {
		text += "  " + b.leftInWords(v.NotAfter)
	}
	if v.Why != "" {
		text += "  " + clean(v.Why, 0)
	}
	_, err := fmt.Fprintln(b.out, strings.TrimRight(text, " "))
	return err
}

func (o rowOutcome) color() string {
	switch o {
	case rowRefused:
		return red
	case rowEnrolled, rowWouldEnroll:
		return green
	case rowChanged, rowWouldChange:
		return yellow
	}
	return ""
}

// printRest writes what waited for rows that were never done; as JSON, everything.
func (b *bulk) printRest() error {
	rest := []rowView{}
	for _, v := range b.done[b.printed:] {
		if v != nil {
			rest = append(rest, *v)
		}
	}
	if b.output.value == "json" {
		return b.result(rest)
	}
	for _, v := range rest {
		if err := b.printRow(v); err != nil {
			return err
		}
	}
	return nil
}
