package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// showScan writes a report: record by record, so that memory does not grow with
// what is written.
func (c *cli) showScan(r *scanReport) error {
	switch c.output.value {
	case "json":
		return c.scanDocument(r)
	case "jsonl":
		for _, x := range r.records {
			if err := c.result(c.recordView(x)); err != nil {
				return err
			}
		}
		for _, u := range r.unread {
			if err := c.result(unreadOf(u)); err != nil {
				return err
			}
		}
		return c.result(r.summary)
	}
	return c.printScan(r)
}

// scanDocument writes a scanView.
func (c *cli) scanDocument(r *scanReport) error {
	var err error
	write := func(text string) {
		if err == nil {
			_, err = io.WriteString(c.out, text)
		}
	}
	list := func(name string, n int, item func(i int) any) {
		write("\"" + name + "\": [\n")
		for i := range n {
			if i > 0 {
				write(",\n")
			}
			if err == nil {
				err = c.result(item(i))
			}
		}
		write("],\n")
	}
	write("{\n")
	list("certificates", len(r.records), func(i int) any { return c.recordView(r.records[i]) })
	list("unread", len(r.unread), func(i int) any { return unreadOf(r.unread[i]) })
	write("\"summary\": ")
	if err == nil {
		err = c.result(r.summary)
	}
	write("}\n")
	return err
}

// mostPlaces is how many places of one certificate are shown to people.
const mostPlaces = 5

func (c *cli) printScan(r *scanReport) error {
	if len(r.records) > 0 {
		t := table{head: []string{"LEFT", "SUBJECT", "ISSUED BY", "KEY", "PLACES", "FINDINGS"}}
		for _, x := range r.records {
			c.scanRow(&t, x)
		}
		if err := t.write(c.out, "", c.paint); err != nil {
			return err
		}
	}
	if len(r.unread) > 0 {
		c.say("\n%s", c.paint(bold, "Not read:"))
		for _, u := range r.unread {
			for _, f := range u.Findings {
				c.say("  %s: %s", clean(where(u.Place), 0), clean(f.What, 0))
			}
		}
	}
	c.explainCodes(r)
	c.say("\n%s", r.summary.sentence())
	return nil
}

func (c *cli) scanRow(t *table, x app.Record) {
	all := x.All()
	var codes []string
	for _, f := range all {
		codes = append(codes, string(f.Code))
	}
	subject := "-"
	if len(x.Chain) > 0 {
		subject = clean(x.Chain[0].Subject, 40)
	}
	for i, p := range x.Places[:min(len(x.Places), mostPlaces)] {
		place := clean(where(p.Place), 60)
		if i > 0 {
			t.add("", "", "", "", place, "")
			continue
		}
		t.add(c.left(x.Version.NotAfter), subject, clean(x.Version.Issuer, 30), clean(x.Version.KeyAlgorithm, 12), place, clean(strings.Join(codes, ", "), 0))
		t.color(0, leftHue(cert.DaysLeft(c.now(), x.Version.NotAfter), all))
		t.color(5, map[cert.Gravity]string{cert.Error: red, cert.Warning: yellow}[cert.Worst(all)])
	}
	if more := len(x.Places) - mostPlaces; more > 0 {
		t.add("", "", "", "", fmt.Sprintf("and %d more", more), "")
	}
}

// where names a place for people.
func where(p app.Place) string {
	text := p.Where
	if p.Address != "" && !strings.Contains(p.Where, p.Address) {
		text += " (" + p.Address + ")"
	}
	if p.Alias != "" {
		text += " (" + p.Alias + ")"
	}
	if p.OtherKey {
		text += ", to clients that want another type of key"
	}
	return text
}

// explainCodes says what the codes mean, with an example of each.
func (c *cli) explainCodes(r *scanReport) {
	count, example := map[cert.FindingCode]int{}, map[cert.FindingCode]string{}
	for _, x := range r.records {
		for _, f := range x.All() {
			if count[f.Code]++; count[f.Code] == 1 {
				example[f.Code] = fmt.Sprintf("%s: %s", where(x.Places[0].Place), f.What)
			}
		}
	}
	for _, f := range cert.Findings {
		if n := count[f.Code]; n > 0 && f.Severity != cert.Note {
			hue := map[cert.Gravity]string{cert.Error: red, cert.Warning: yellow}[f.Severity]
			c.say("\n%s %s: %s", c.paint(hue, strings.ToUpper(string(f.Severity))), f.Code, numbered(n, "certificate"))
			c.say("  seen  %s", clean(example[f.Code], 200))
			c.say("  why   %s\n  mend  %s", f.Why, f.Remedy)
		}
	}
}

func (s summaryView) sentence() string {
	text := fmt.Sprintf("%s at %s", numbered(s.Certificates, "certificate"), numbered(s.Places, "place"))
	if s.Hidden > 0 {
		text += fmt.Sprintf(" (%d not shown)", s.Hidden)
	}
	text += fmt.Sprintf("; %s and %s in %.1f s", numbered(s.Endpoints, "endpoint"), numbered(s.Files, "file"), s.Took)
	if s.Unchanged > 0 {
		text += fmt.Sprintf(", %d of them unchanged", s.Unchanged)
	}
	if s.Unread > 0 {
		text += fmt.Sprintf("; %d not read", s.Unread)
	}
	if s.Silent > 0 {
		text += fmt.Sprintf("; nothing answered at %d addresses", s.Silent)
	}
	return text + "."
}
