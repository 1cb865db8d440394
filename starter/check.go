package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// lookPatience is how long a look at every place takes at most.
const lookPatience = 150 * time.Second

// checkView is the JSON of check; its names are a contract with scripts.
type checkView struct {
	Name   string      `json:"name"`
	Waited bool        `json:"waited"`
	SeenAt time.Time   `json:"observedAt,omitzero"`
	Places []placeView `json:"places"`
}

func (c *cli) check() *cobra.Command {
	wait := true
	cmd := c.onName("check", " [--wait=false]", "Look at every place at once",
		`Ask for a look at every place of a certificate and show what each one serves.
It waits until the look has ended, 150s at most unless --timeout says otherwise;
with --wait=false it only asks for the look. Trouble that it finds does not change
the exit code; the alerts of the certificate follow from it.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request("")
			if err != nil {
				return err
			}
			before, err := c.ask(cmd.Context(), name)
			if err != nil {
				return err
			}
			taken, err := call(cmd.Context(), c, workflows.ObserveNow, name, req)
			if err != nil {
				return err
			}
			if !wait {
				return c.answer(taken.Text, checkView{Name: name, Places: []placeView{}})
			}
			after, err := c.await(cmd.Context(), name, c.patience(lookPatience), func(s lifecycle.State) bool {
				return s.Look == nil && !flying(s, lifecycle.FlyLook) && s.Sight.At.After(before.State.Sight.At)
			})
			if err != nil {
				return err
			}
			return c.printCheck(c.view(after))
		})
	cmd.Flags().BoolVar(&wait, "wait", true, "wait for the look to end")
	return cmd
}

func (c *cli) printCheck(v view) error {
	if !c.text() {
		return c.result(checkView{v.Name, true, v.SeenAt, v.Places})
	}
	c.say("%s", clean(c.standing(v), 0))
	if len(v.Places) == 0 {
		c.say("no place is known; say one by: neverlapse enroll --update --cert-name %s --endpoint HOST:PORT", v.Name)
		return nil
	}
	return c.tableOfPlaces(v.Places)
}

// answer shows what a verb did: a sentence to people, a value to programs.
func (c *cli) answer(text string, v any) error {
	if !c.text() {
		return c.result(v)
	}
	c.say("%s", cleanLines(text))
	return nil
}

func flying(s lifecycle.State, kind lifecycle.FlightKind) bool {
	return slices.ContainsFunc(s.Flights, func(f lifecycle.Flight) bool { return f.Kind == kind })
}
