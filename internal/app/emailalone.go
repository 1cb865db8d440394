package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/people"
)

// urgent are the severities that e-mail alone must not carry: it is accepted
// long before it is read.
var urgent = []alert.Severity{alert.P1, alert.P2}

const emailRemedy = "mail wakes nobody; add a channel that interrupts (slack, sms, pagerduty, or a webhook with interrupts: true) and an address in it, or write accept_email_alone: true"

// emailAlone finds the teams that would be told of P1 or P2 by e-mail alone,
// whoever of them owns the certificate.
func emailAlone(b activities.Book, c config.Config) []error {
	var errs []error
	for i, t := range c.Teams {
		if err := emailAloneOf(b, c, fmt.Sprintf("teams[%d]", i), t); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func emailAloneOf(b activities.Book, c config.Config, at string, t people.Team) error {
	owners := t.Members
	if len(owners) == 0 {
		owners = []string{""}
	}
	for _, p := range c.Policies {
		for _, s := range urgent {
			for _, about := range kindsOf(c.Routes, s) {
				var ways []activities.Way
				for _, owner := range owners {
					ways = append(ways, climbed(b, p, people.Question{Owner: owner, Team: t.ID}, about)...)
				}
				if !onlyEmail(ways) {
					continue
				}
				if name, match := b.Route(activities.AddressInput{Question: people.Question{Team: t.ID}, About: about}); name != "" {
					return fmt.Errorf("%s: %s of team %q would be told by e-mail alone (%s) where it matches %s; %s", name, s, t.ID, addresses(ways), match, emailRemedy)
				}
				return fmt.Errorf("%s: %s of team %q would be told by e-mail alone (%s), by policy %q; %s", at, s, t.ID, addresses(ways), p.Name, emailRemedy)
			}
		}
	}
	return nil
}

// kindsOf lists notices of a severity, one for each way in which routes tell
// them apart.
func kindsOf(routes []alert.Route, s alert.Severity) []alert.Traits {
	environments, certificates := []string{""}, []string{""}
	for _, r := range routes {
		environments, certificates = append(environments, r.Match.Environment...), append(certificates, r.Match.Certificate...)
	}
	var out []alert.Traits
	for _, e := range environments {
		for _, name := range certificates {
			out = append(out, alert.Traits{Severity: s, Environment: e, Certificate: name})
		}
	}
	return out
}

// climbed gives the ways that are used first at every step of a ladder that
// nobody answers.
func climbed(b activities.Book, p lifecycle.Policy, q people.Question, about alert.Traits) []activities.Way {
	var out []activities.Way
	var used []string
	steps := p.Ladder(string(about.Severity)).Steps
	for k, rung := range steps {
		q.Roles = rung.Roles
		for _, d := range b.Deliveries(activities.AddressInput{Question: q, About: about, Reach: rung.Reach, Used: used, Last: k == len(steps)-1}) {
			out, used = append(out, d.Way), append(used, d.Way.Kind)
		}
	}
	return out
}

// onlyEmail reports whether somebody is told, and by nothing but e-mail. What is
// printed somewhere does not count.
func onlyEmail(ways []activities.Way) bool {
	mail := func(w activities.Way) bool { return w.Kind == notify.KindEmail }
	other := func(w activities.Way) bool { return !mail(w) && w.Kind != notify.KindConsole }
	return slices.ContainsFunc(ways, mail) && !slices.ContainsFunc(ways, other)
}

func addresses(ways []activities.Way) string {
	var out []string
	for _, w := range ways {
		if w.Kind == notify.KindEmail && !slices.Contains(out, w.Address) {
			out = append(out, w.Address)
		}
	}
	return strings.Join(out, ", ")
}

// admitUrgent refuses a certificate whose owner and team would be told of P1 or
// P2 by e-mail alone.
func (a *admission) admitUrgent(r activities.AdmitRequest, p lifecycle.Policy, bad func(string, ...any)) {
	c := a.config()
	if c.AcceptEmailAlone {
		return
	}
	b := present(Book(c))
	for _, s := range urgent {
		about := alert.Traits{Severity: s, Environment: r.Environment, Certificate: r.Name, Names: r.Names}
		if ways := climbed(b, p, people.Question{Owner: r.Owner, Team: r.Team}, about); onlyEmail(ways) {
			bad("owner, team: %s of %s would be told by e-mail alone (%s); %s", s, r.Name, addresses(ways), emailRemedy)
			return
		}
	}
}
