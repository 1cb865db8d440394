package app

import (
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Whom says who would be told of a severity now, step by step, and how. Its JSON
// is a contract with scripts.
type Whom struct {
	Severity alert.Severity `json:"severity"`
	Route    string         `json:"route,omitempty"` // where the configuration has it; empty: none matches
	Match    string         `json:"match,omitempty"`
	Steps    []WhomStep     `json:"steps"`
}

// WhomStep is one step of the policy's escalation.
type WhomStep struct {
	After string        `json:"after,omitempty"` // since the step before, as the policy has it
	Roles []people.Role `json:"roles"`
	Reach alert.Reach   `json:"reach"`
	To    []WhomTo      `json:"to"` // empty: the step is passed over at once
}

// WhomTo is one message.
type WhomTo struct {
	Who     string   `json:"who"`
	Role    string   `json:"role"`
	Channel string   `json:"channel"`
	Kind    string   `json:"kind"`
	Address string   `json:"address"`
	Spare   []string `json:"spare,omitempty"` // channels that are tried if it fails
	Copy    bool     `json:"copy,omitempty"`
	Aside   string   `json:"aside,omitempty"` // why the route is not followed
}

// WhomOf asks the configuration who would be told of a certificate if an alert
// of each severity fired now and nobody answered. Nothing is sent.
func WhomOf(c config.Config, s lifecycle.Spec, severities []alert.Severity, now time.Time) []Whom {
	b := Book(c)
	var out []Whom
	for _, severity := range severities {
		in := activities.AddressInput{
			Question: people.Question{Owner: s.Owner, Team: s.Team, At: now},
			About:    alert.Traits{Severity: severity, Environment: s.Environment, Certificate: s.Name, Names: s.Names},
		}
		w := Whom{Severity: severity, Steps: []WhomStep{}}
		w.Route, w.Match = b.Route(in)
		steps := s.Policy.Ladder(string(severity)).Steps
		for i, rung := range steps {
			in.Roles, in.Reach, in.Last = rung.Roles, rung.Reach, i == len(steps)-1
			step := WhomStep{Roles: rung.Roles, Reach: rung.Reach, To: []WhomTo{}}
			if !rung.After.IsZero() {
				step.After = rung.After.String()
			}
			for _, d := range b.Deliveries(in) {
				step.To = append(step.To, whomTo(d))
				in.Used = append(in.Used, d.Way.Kind)
			}
			w.Steps = append(w.Steps, step)
		}
		out = append(out, w)
	}
	return out
}

func whomTo(d activities.Delivery) WhomTo {
	to := WhomTo{
		Who: d.To.ID, Role: string(d.To.Role), Channel: d.Way.Channel, Kind: d.Way.Kind, Address: d.Way.Address, Copy: d.Copy, Aside: d.Aside,
	}
	for _, o := range d.Others {
		to.Spare = append(to.Spare, o.Channel)
	}
	return to
}
