package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/people"
)

// reached refuses a configuration in which somebody who would be told is reached
// by none of its channels: the notice would pass them over without a word.
func reached(c config.Config) error {
	b := present(Book(c))
	if len(b.Channels) < len(c.Channels) || len(c.Channels) == 0 { // something else was said; or nothing is sent yet
		return nil
	}
	r := reachCheck{b, c, nil}
	r.catchAll()
	for i, t := range c.Teams {
		r.team(fmt.Sprintf("teams[%d]", i), t)
	}
	for i, route := range c.Routes {
		r.route(fmt.Sprintf("routes[%d]", i), route)
	}
	if len(r.errs) == 0 && !c.AcceptEmailAlone {
		r.errs = emailAlone(b, c)
	}
	return errors.Join(r.errs...)
}

// present is a book in which nobody is away: they come back without a change of
// anything else.
func present(b activities.Book) activities.Book {
	b.Directory.People = slices.Clone(b.Directory.People)
	for i := range b.Directory.People {
		b.Directory.People[i].Away = false
	}
	return b
}

type reachCheck struct {
	book   activities.Book
	config config.Config
	errs   []error
}

func (r *reachCheck) failf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

// by tells whether a channel that reaches somebody in particular reaches one of
// the contacts; where there is no such channel, any will do.
func (r *reachCheck) by(contacts []people.Contact) bool {
	real := slices.ContainsFunc(r.book.Channels, func(ch activities.Channeled) bool { return !ch.LastResort })
	return slices.ContainsFunc(contacts, func(c people.Contact) bool {
		return slices.ContainsFunc(r.book.Channels, func(ch activities.Channeled) bool {
			return ch.AddressFor(c) != "" && (!ch.LastResort || !real)
		})
	})
}

func (r *reachCheck) catchAll() {
	if !r.by(r.book.Directory.CatchAllContacts(time.Time{})) {
		r.failf("catch_all: no channel reaches team %q or who is on call there; %s", r.config.CatchAll, r.remedy("the team"))
	}
}

func (r *reachCheck) team(at string, t people.Team) {
	d := r.book.Directory
	all := d.Resolve(people.Question{Roles: []people.Role{people.TeamAll}, Team: t.ID})
	if len(all) > 0 && !r.by(all) && t.ID != r.config.CatchAll { // of the catch-all it was said
		r.failf("%s: no channel reaches the team; %s", at, r.remedy("it or its members"))
	}
	person := func(path, id string) {
		if id != "" && !r.by(d.Resolve(people.Question{Roles: []people.Role{people.Owner}, Owner: id})) {
			r.failf("%s: no channel reaches %q; %s", path, id, r.remedy("the person"))
		}
	}
	person(at+".manager", t.Manager)
	for i, s := range t.OnCall {
		person(fmt.Sprintf("%s.on_call[%d].person", at, i), s.Person)
	}
	if t.Rota == nil {
		return
	}
	for i, m := range t.Rota.Members {
		person(fmt.Sprintf("%s.rota.members[%d]", at, i), m)
	}
	for i, o := range t.Rota.Overrides {
		person(fmt.Sprintf("%s.rota.overrides[%d].person", at, i), o.Person)
	}
}

// route refuses channels that would be of no use in it.
func (r *reachCheck) route(at string, route alert.Route) {
	for _, l := range []struct {
		key  string
		list []string
	}{{"channels", route.Channels}, {"also", route.Also}} {
		for i, name := range l.list {
			here := fmt.Sprintf("%s.%s[%d]", at, l.key, i)
			k := slices.IndexFunc(r.book.Channels, func(ch activities.Channeled) bool { return ch.Name == name })
			switch ch := r.book.Channels[k]; {
			case l.key == "channels" && ch.LastResort:
				r.failf("%s: %s reaches nobody in particular; name a channel that people read, or write it under also", here, name)
			case l.key == "also" && ch.Own:
			case !r.anybody(ch):
				r.failf("%s: %s reaches nobody of the directory; give somebody %s, or remove it", here, name, needs(ch))
			}
		}
	}
}

func (r *reachCheck) anybody(ch activities.Channeled) bool {
	d := r.book.Directory
	var all []people.Contact
	for _, p := range d.People {
		all = append(all, d.Resolve(people.Question{Roles: []people.Role{people.Owner}, Owner: p.ID})...)
	}
	for _, t := range d.Teams {
		all = append(all, d.Resolve(people.Question{Roles: []people.Role{people.TeamAll}, Team: t.ID})...)
	}
	return slices.ContainsFunc(all, func(c people.Contact) bool { return ch.AddressFor(c) != "" })
}

// remedy says what would have somebody reached.
func (r *reachCheck) remedy(whom string) string {
	var out []string
	for _, ch := range r.book.Channels {
		if !ch.LastResort {
			out = append(out, needs(ch)+" for "+ch.Name)
		}
	}
	return fmt.Sprintf("give %s %s", whom, strings.Join(out, ", or "))
}

// needs says what has to stand at a person or team that a channel shall reach.
func needs(ch activities.Channeled) string {
	kind := ch.AddressOf
	if kind == "" {
		kind = ch.Kind
	}
	switch {
	case ch.Own:
		return fmt.Sprintf("channels: [%s]", ch.Name)
	case kind == "sms":
		return "phone"
	}
	return kind
}
