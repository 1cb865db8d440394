package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func (c *cli) route() *cobra.Command {
	var s lifecycle.Spec
	var severities []string
	var policy string
	cmd := &cobra.Command{
		Use: "route [NAME] [--severity P1,P2]", Short: "Show who would be told now, and by which channels",
		Long: `Show who would be told now of a certificate, step by step, and by which channels and
addresses, if an alert fired and nobody answered. Nothing is sent: alert test does that.

With a NAME it is that certificate, with its own policy, which needs the engine and a
worker. Without, it is one that the flags describe, so that a configuration can be
tried before a worker reads it; that needs neither. People, channels and routes are
those of the configuration that this command reads. docs/routing.md is about routes.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			which, err := severitiesOf(severities)
			if err != nil {
				return err
			}
			if err := c.load(); err != nil {
				return err
			}
			if len(c.config.Channels) == 0 {
				return usage("the configuration that is read here has no channels; name the worker's by --config")
			}
			if len(args) == 0 {
				err = c.described(&s, policy)
			} else {
				err = c.asked(cmd, &s, args[0])
			}
			if err != nil {
				return err
			}
			return c.printWhom(s, app.WhomOf(c.config, s, which, c.now()))
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&severities, "severity", nil, "P1, P2, P3 or P4, several separated by commas (default all)")
	f.StringVar(&s.Name, "certificate", "", "`name` of a certificate that need not exist")
	f.StringSliceVar(&s.Names, "names", nil, "DNS `names` of it")
	f.StringVar(&s.Owner, "owner", "", "`id` of its owner")
	f.StringVar(&s.Team, "team", "", "`id` of its team")
	f.StringVar(&s.Environment, "env", "", "its environment")
	f.StringVar(&policy, "policy", "", "`name` of its policy (default that of its environment)")
	return cmd
}

func severitiesOf(texts []string) ([]alert.Severity, error) {
	if len(texts) == 0 {
		return alert.Severities, nil
	}
	var out []alert.Severity
	for _, t := range texts {
		s := alert.Severity(strings.ToUpper(t))
		if !slices.Contains(alert.Severities, s) {
			return nil, usage("--severity %q is not known; use P1, P2, P3 or P4", t)
		}
		out = append(out, s)
	}
	return out, nil
}

// described completes a certificate that the flags describe.
func (c *cli) described(s *lifecycle.Spec, policy string) error {
	d := c.config.Directory()
	if _, ok := d.Person(s.Owner); s.Owner != "" && !ok {
		return usage("--owner: %q is nobody in the directory", s.Owner)
	}
	if _, ok := d.Team(s.Team); s.Team != "" && !ok {
		return usage("--team: %q is not in the directory", s.Team)
	}
	s.Policy = c.config.PolicyFor(s.Environment)
	if policy != "" {
		p, ok := c.config.Policy(policy)
		if !ok {
			return usage("--policy: %q is not configured", policy)
		}
		s.Policy = p
	}
	return nil
}

// asked asks for the certificate of a name.
func (c *cli) asked(cmd *cobra.Command, s *lifecycle.Spec, name string) error {
	for _, f := range []string{"certificate", "names", "owner", "team", "env", "policy"} {
		if cmd.Flags().Changed(f) {
			return usage("--%s describes a certificate; leave it out, or leave out the name %s", f, name)
		}
	}
	name, err := certificateName(name)
	if err != nil {
		return err
	}
	status, err := c.ask(cmd.Context(), name)
	if err == nil {
		*s = status.State.Spec
	}
	return err
}

// routeView is the JSON of route; its names are a contract with scripts.
type routeView struct {
	Certificate string     `json:"certificate,omitempty"`
	Policy      string     `json:"policy"`
	Whom        []app.Whom `json:"whom"`
}

func (c *cli) printWhom(s lifecycle.Spec, all []app.Whom) error {
	if !c.text() {
		return c.result(routeView{s.Name, s.Policy.Name, all})
	}
	for i, w := range all {
		if i > 0 {
			c.say("")
		}
		c.say("%s  policy %s, %s", c.paint(urgency(w.Severity), string(w.Severity)), clean(s.Policy.Name, 0), clean(routeInWords(w), 0))
		t := table{head: []string{"STEP", "WHO", "BY", "AT", "IF THAT FAILS"}}
		for k, step := range w.Steps {
			addStep(&t, k, step)
		}
		if err := t.write(c.out, "  ", c.paint); err != nil {
			return err
		}
	}
	return nil
}

func addStep(t *table, k int, step app.WhomStep) {
	when := "at once"
	if k > 0 {
		when = "after " + step.After
	}
	if len(step.To) == 0 {
		t.add(when, "nobody is "+rolesOf(step)+": passed over", "", "", "")
	}
	for _, to := range step.To {
		who := to.Who + " (" + to.Role + ")"
		if to.Copy {
			who = "a copy"
		}
		spare := strings.Join(to.Spare, ", ")
		if to.Aside != "" {
			spare += " [" + to.Aside + "]"
		}
		t.add(when, clean(who, 0), clean(to.Channel, 0), clean(to.Address, 0), clean(strings.TrimSpace(spare), 0))
		when = ""
	}
}

func rolesOf(step app.WhomStep) string {
	var out []string
	for _, r := range step.Roles {
		out = append(out, string(r))
	}
	return strings.Join(out, " or ")
}

func routeInWords(w app.Whom) string {
	if w.Route == "" {
		return "no route"
	}
	return w.Route + " (" + w.Match + ")"
}

// whomInWords says in one line who is told by what.
func whomInWords(w app.Whom) string {
	var steps []string
	for _, step := range w.Steps {
		var to []string
		ways := map[string][]string{}
		for _, t := range step.To {
			if ways[t.Who] == nil {
				to = append(to, t.Who)
			}
			ways[t.Who] = append(ways[t.Who], t.Channel)
		}
		for i, who := range to {
			to[i] = who + " by " + strings.Join(ways[who], " and ")
		}
		if len(to) > 0 {
			steps = append(steps, strings.Join(to, ", "))
		}
	}
	text := strings.Join(steps, "; then ")
	if w.Route != "" {
		text += "  [" + routeInWords(w) + "]"
	}
	return text
}
