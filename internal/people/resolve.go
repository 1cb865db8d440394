package people

import (
	"maps"
	"slices"
	"time"
)

// Resolve gives who is to be told, in the order of the roles asked for and each
// only once, under the first role that led there. It is empty when no role
// leads to anybody; the caller then goes on to its next step.
func (d Directory) Resolve(q Question) []Contact {
	var out []Contact
	for _, role := range q.Roles {
		for _, c := range d.fill(role, q) {
			if !slices.ContainsFunc(out, func(o Contact) bool { return o.ID == c.ID }) {
				out = append(out, c)
			}
		}
	}
	return out
}

// CatchAllContacts gives who is told when roles lead nowhere: the catch-all team
// and who is on call there. When everybody is away, they are told all the same:
// somebody must be. Of a valid directory it is never empty.
func (d Directory) CatchAllContacts(at time.Time) []Contact {
	q := Question{Roles: []Role{TeamAll, OnCall}, Team: d.CatchAll, At: at}
	if found := d.Resolve(q); len(found) > 0 {
		return found
	}
	here := d
	here.People = slices.Clone(d.People)
	for i := range here.People {
		here.People[i].Away = false
	}
	return here.Resolve(q)
}

func (d Directory) fill(role Role, q Question) []Contact {
	team := d.teamOf(q)
	switch role {
	case Owner:
		return d.persons(q.At, role, team, q.Owner)
	case TeamAll:
		if c, ok := team.contact(q.At, role); ok {
			return []Contact{c}
		}
		return d.persons(q.At, role, team, team.Members...)
	case Manager:
		return d.persons(q.At, role, team, team.Manager)
	case OnCall:
		if first := d.onCall(team, q.At); len(first) > 0 {
			return first
		}
		catchAll, _ := d.Team(d.CatchAll)
		return d.onCall(catchAll, q.At)
	}
	return nil
}

// TeamFor gives the ID of the team that a certificate belongs to: its own or the
// first of its owner, where that is in the directory; else the catch-all.
func (d Directory) TeamFor(owner, team string) string {
	if t := d.teamOf(Question{Owner: owner, Team: team}); t.ID != "" {
		return t.ID
	}
	return d.CatchAll
}

// teamOf gives the certificate's team or, if it names none, the first team that
// its owner is a member of; an empty team, with nobody in it, if there is none.
func (d Directory) teamOf(q Question) Team {
	if q.Team != "" {
		team, _ := d.Team(q.Team)
		return team
	}
	i := slices.IndexFunc(d.Teams, func(t Team) bool { return slices.Contains(t.Members, q.Owner) })
	if i < 0 || q.Owner == "" {
		return Team{}
	}
	return d.Teams[i]
}

// TeamOf gives the team that a certificate counts as one of; see Question.Team.
func (d Directory) TeamOf(q Question) Team { return d.teamOf(q) }

func (d Directory) onCall(team Team, at time.Time) []Contact {
	for _, id := range team.inLine(at) {
		if c := d.persons(at, OnCall, team, id); len(c) > 0 {
			return c
		}
	}
	return nil
}

// persons gives those who exist, are not away and have an address. What they do
// not say about language, time zone and quiet hours is their team's.
func (d Directory) persons(at time.Time, role Role, team Team, ids ...string) []Contact {
	var out []Contact
	for _, id := range ids {
		p, ok := d.Person(id)
		if !ok || p.Away || !p.reach().any() {
			continue
		}
		c := p.reach().contact(p.ID, p.Name, role)
		c.Language, c.TimeZone = p.Language, p.TimeZone
		if c.Language == "" {
			c.Language = team.Language
		}
		if c.TimeZone == "" {
			c.TimeZone = team.TimeZone
		}
		quiet := p.Quiet
		if len(quiet) == 0 {
			quiet = team.Quiet
		}
		c.QuietUntil = quietUntil(quiet, c.TimeZone, at)
		out = append(out, c)
	}
	return out
}

func (t Team) contact(at time.Time, role Role) (Contact, bool) {
	if !t.reach().any() {
		return Contact{}, false
	}
	c := t.reach().contact(t.ID, t.Name, role)
	c.Language, c.TimeZone = t.Language, t.TimeZone
	c.QuietUntil = quietUntil(t.Quiet, t.TimeZone, at)
	return c, true
}

// reach is every way that is configured to somebody.
type reach struct {
	slack, email, phone string
	addresses           map[string]string
	channels            []string
}

func (p Person) reach() reach { return reach{p.Slack, p.Email, p.Phone, p.Addresses, p.Channels} }
func (t Team) reach() reach   { return reach{t.Slack, t.Email, t.Phone, t.Addresses, t.Channels} }

func (r reach) any() bool {
	return r.slack != "" || r.email != "" || r.phone != "" || len(r.addresses) > 0 || len(r.channels) > 0
}

func (r reach) contact(id, name string, role Role) Contact {
	if name == "" {
		name = id
	}
	c := Contact{ID: id, Name: name, Role: role, Address: map[string]string{"console": id}}
	for kind, address := range map[string]string{"slack": r.slack, "email": r.email, "sms": r.phone} {
		if address != "" {
			c.Address[kind] = address
		}
	}
	if len(r.addresses)+len(r.channels) > 0 {
		c.Channels = map[string]string{}
	}
	for _, channel := range r.channels { // one destination, whoever reads there
		c.Channels[channel] = channel
	}
	maps.Copy(c.Channels, r.addresses)
	return c
}

// Readers lists the ids of people and teams that read a channel with a
// destination of its own.
func (d Directory) Readers(channel string) (out []string) {
	for _, p := range d.People {
		if slices.Contains(p.Channels, channel) {
			out = append(out, p.ID)
		}
	}
	for _, t := range d.Teams {
		if slices.Contains(t.Channels, channel) {
			out = append(out, t.ID)
		}
	}
	return out
}
