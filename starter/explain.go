package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// explainView is the JSON of explain; its names are a contract with scripts.
type explainView struct {
	Name     string         `json:"name"`
	State    string         `json:"state"`
	Severity string         `json:"severity,omitempty"`
	Managed  bool           `json:"managed"`
	NotAfter time.Time      `json:"notAfter,omitzero"`
	DaysLeft *int           `json:"daysLeft,omitempty"`
	Because  []groundView   `json:"because"`
	Failing  []foreseenView `json:"ifNothingChanges"`  // nobody answers, and what fails goes on failing
	Well     []foreseenView `json:"ifAttemptsSucceed"` // managed: the next attempt succeeds, and so on
	Moves    []moveView     `json:"moves"`
	Whom     []app.Whom     `json:"whom,omitempty"` // by severity, if the configuration here has channels
	Link     string         `json:"link,omitempty"`

	standing string
}

type groundView struct {
	lifecycle.Ground
	What string `json:"what"`
}

type moveView struct {
	lifecycle.Move
	What string `json:"what"`
}

func (c *cli) explainNamed() *cobra.Command {
	return c.onName("explain", "", "Say why a certificate is in its state, what comes next, and what would change it",
		`Say why a certificate is in its state; what comes next, instant by instant: who is
told if nobody answers, when attempts follow, what happens if they go on failing and
if they succeed; and what would change it, each with the command to type.

What comes next is not described but decided: the rules that guard the certificate
are run forward over its present state. Roles are shown with the people of the
configuration that this command reads, if it names any; where it has channels, too,
the way to each of them is shown by severity (route shows every step).`,
		func(cmd *cobra.Command, name string) error {
			s, err := c.ask(cmd.Context(), name)
			if err != nil {
				return err
			}
			c.running(cmd.Context(), &s)
			v := c.explainView(s)
			if !c.text() {
				return c.result(v)
			}
			return c.printExplain(v)
		})
}

func (c *cli) explainView(s workflows.Status) explainView {
	now, st := c.now().UTC(), s.State
	v := explainView{
		Name: st.Spec.Name, State: s.Summary.State, Severity: s.Summary.Severity, Managed: st.Spec.Managed,
		Because: []groundView{}, Well: []foreseenView{}, Moves: []moveView{}, Link: c.link(st.Spec.Name), standing: c.standing(c.view(s)),
	}
	if l := st.Live; l.Fingerprint != "" {
		days := cert.DaysLeft(now, l.NotAfter)
		v.NotAfter, v.DaysLeft = l.NotAfter, &days
	}
	for _, g := range lifecycle.Grounds(now, st) {
		text := c.groundInWords(g)
		if g.Code == lifecycle.BecauseUnderWay && s.Running != nil {
			text += "; " + c.rolloutInWords(*s.Running)
		}
		v.Because = append(v.Because, groundView{g, text})
	}
	v.Failing = c.ahead(now, st, lifecycle.AllFail)
	if st.Spec.Managed {
		v.Well = c.ahead(now, st, lifecycle.AllSucceed)
	}
	for _, m := range lifecycle.Moves(now, st) {
		v.Moves = append(v.Moves, moveView{m, c.moveInWords(m)})
	}
	if len(c.config.Channels) > 0 {
		v.Whom = app.WhomOf(c.config, st.Spec, alert.Severities, now)
	}
	return v
}

// ahead asks the brain what follows, until a little after the certificate's
// end; where attempts succeed, for as long as one lasts.
func (c *cli) ahead(now time.Time, s lifecycle.State, fate lifecycle.Fate) []foreseenView {
	lifetime := lifecycle.PlanOf(s.Live, s.Window, s.Spec.Policy).Lifetime
	if s.Live.Fingerprint == "" {
		lifetime = 90 * 24 * time.Hour
	}
	until := s.Live.NotAfter.Add(lifetime / 90)
	if fate == lifecycle.AllSucceed || s.Live.Fingerprint == "" {
		until = now.Add(lifetime)
	}
	if soon := now.Add(lifetime / 90); until.Before(soon) {
		until = soon
	}
	events, _ := lifecycle.Forecast(now, until, s, lifecycle.Assume{Fate: fate, Vacant: c.vacant(now, s.Spec)})
	return c.foreseen(events, s.Spec)
}

// who answers to a role, as far as the configuration here says; known is false
// if it names nobody at all. Quiet hours count that end by mayWait.
func (c *cli) who(now time.Time, r people.Role, s lifecycle.Spec, mayWait time.Time) (ids []string, known bool) {
	d := c.config.Directory()
	for _, contact := range d.Resolve(people.Question{Roles: []people.Role{r}, Owner: s.Owner, Team: s.Team, At: now}) {
		id := contact.ID
		if until := contact.QuietUntil; !until.IsZero() && !until.After(mayWait) {
			id += ", in quiet hours until " + c.when(until)
		}
		ids = append(ids, id)
	}
	return ids, len(d.People) > 0
}

func (c *cli) vacant(now time.Time, s lifecycle.Spec) []people.Role {
	return slices.DeleteFunc(slices.Clone(people.Roles), func(r people.Role) bool {
		ids, known := c.who(now, r, s, time.Time{})
		return len(ids) > 0 || !known && (r != people.Owner || s.Owner != "")
	})
}
