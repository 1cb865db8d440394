package main

// mostAhead is how many things ahead people are shown; programs get all.
const mostAhead = 40

func (c *cli) printExplain(v explainView) error {
	c.say("%s", c.paint(stateHue(v.State, v.Severity), clean(v.standing, 0)))
	c.say("\n%s", c.paint(bold, "Why:"))
	for _, g := range v.Because {
		c.say("  - %s", c.paint(groundHue(g), clean(g.What, 0)))
	}
	failing := "What comes next if nobody answers or replaces it:"
	if v.Managed {
		failing = "What comes next if nobody answers and every attempt fails:"
	}
	c.say("\n%s", c.paint(bold, failing))
	if err := c.printAhead(v.Failing); err != nil {
		return err
	}
	if v.Managed {
		c.say("\n%s", c.paint(bold, "And if attempts succeed:"))
		if err := c.printAhead(v.Well); err != nil {
			return err
		}
	}
	if len(v.Whom) > 0 {
		c.say("\n%s", c.paint(bold, "By which channels, if it fired now and nobody answered:"))
		for _, w := range v.Whom {
			c.say("  %s  %s", c.paint(urgency(w.Severity), string(w.Severity)), clean(whomInWords(w), 0))
		}
	}
	c.say("\n%s", c.paint(bold, "What would change it:"))
	if !v.Managed {
		c.say("  replace the certificate where it is installed; a look finds it by itself")
	}
	for _, m := range v.Moves {
		c.say("  $ %s", clean(m.Command, 0))
		c.say("      %s", clean(m.What, 0))
	}
	c.say("\nHow it came to this: neverlapse history %s", v.Name)
	if v.Link != "" {
		c.say("To look at: %s", v.Link)
	}
	return nil
}

func (c *cli) printAhead(events []foreseenView) error {
	if len(events) == 0 {
		c.say("  nothing, as far as can be seen")
		return nil
	}
	t := table{head: []string{"AT", "LEFT", "WHAT"}}
	for _, e := range events[:min(len(events), mostAhead)] {
		t.add(c.when(e.At), e.left, clean(e.What, 0))
		t.color(2, e.hue())
	}
	if err := t.write(c.out, "  ", c.paint); err != nil {
		return err
	}
	if n := len(events) - mostAhead; n > 0 {
		c.say("  and %d more (-o json shows all)", n)
	}
	return nil
}

func groundHue(g groundView) string {
	if g.Severity != "" {
		return urgency(g.Severity)
	}
	return ""
}
