package people

import (
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"time"
)

var (
	idPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	slackPattern = regexp.MustCompile(`^[UWCGD][A-Z0-9]+$`)
	phonePattern = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

	pagerDutyPattern = regexp.MustCompile(`^[A-Z0-9]{4,30}$`)
)

// Validate refuses a directory in which somebody could not be found or told.
// All that is wrong is joined into one error; each line begins with the path of
// the field, like people[2].timezone, and ends with how to mend it.
func (d Directory) Validate() error {
	c := check{directory: d, holder: map[string]string{}}
	for i, p := range d.People {
		at := fmt.Sprintf("people[%d]", i)
		c.id(at, p.ID)
		c.reach(at, p.reach())
		if p.PagerDuty != "" && !pagerDutyPattern.MatchString(p.PagerDuty) {
			c.failf("%s.pagerduty: %q is not a PagerDuty user ID; copy the ID (P...) from the address of the user's page", at, p.PagerDuty)
		}
		c.zone(at, p.TimeZone)
		c.quiet(at, p.Quiet, p.TimeZone)
	}
	for i, t := range d.Teams {
		at := fmt.Sprintf("teams[%d]", i)
		c.id(at, t.ID)
		c.reach(at, t.reach())
		c.zone(at, t.TimeZone)
		c.quiet(at, t.Quiet, t.TimeZone)
		for j, m := range t.Members {
			c.person(fmt.Sprintf("%s.members[%d]", at, j), m)
		}
		if t.Manager != "" {
			c.person(at+".manager", t.Manager)
		}
		for j, s := range t.OnCall {
			c.person(fmt.Sprintf("%s.on_call[%d].person", at, j), s.Person)
		}
		c.rota(at+".rota", t)
	}
	c.catchAll()
	if err := d.Permissions.Validate(); err != nil {
		c.errs = append(c.errs, err)
	}
	return errors.Join(c.errs...)
}

// check gathers what is wrong with a directory.
type check struct {
	directory Directory
	holder    map[string]string // id -> path of the entry that has it
	errs      []error
}

func (c *check) failf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// id holds persons and teams to one set of ids: a message is addressed by either.
func (c *check) id(at, id string) {
	if !idPattern.MatchString(id) {
		c.failf("%s.id: %q is not an id; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", at, id)
		return
	}
	if first, taken := c.holder[id]; taken {
		c.failf("%s.id: %q is %s's id already; give every person and team an id of its own", at, id, first)
		return
	}
	c.holder[id] = at
}

func (c *check) reach(at string, r reach) {
	slack, email := r.slack, r.email
	if r.phone != "" && !phonePattern.MatchString(r.phone) {
		c.failf("%s.phone: %q is not a telephone number; write it like +821012345678, with the country and without blanks", at, r.phone)
	}
	for _, channel := range slices.Sorted(maps.Keys(r.addresses)) {
		if r.addresses[channel] == "" {
			c.failf("%s.addresses.%s: is empty; write the address there or remove the line", at, channel)
		}
		if slices.Contains(r.channels, channel) {
			c.failf("%s.addresses.%s: stands in %s.channels, too; keep one", at, channel, at)
		}
	}
	if slack != "" && !slackPattern.MatchString(slack) {
		c.failf("%s.slack: %q is not a Slack ID; copy the ID of the member (U...) or channel (C...) from its details in Slack, not its name", at, slack)
	}
	if email == "" {
		return
	}
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
		c.failf("%s.email: %q is not an e-mail address; write it like minji@example.com, without a name", at, email)
	}
}

func (c *check) zone(at, zone string) {
	if zone == "" {
		return
	}
	if _, err := Zone(zone); err != nil {
		c.failf("%s.timezone: %w", at, err)
	}
}

func (c *check) person(at, id string) {
	if _, ok := c.directory.Person(id); !ok {
		c.failf("%s: nobody has the id %q; add the person under people or correct the id", at, id)
	}
}

func (c *check) catchAll() {
	id := c.directory.CatchAll
	if id == "" {
		c.failf("catch_all: no team is named; name the team that is told when nobody else can be")
		return
	}
	if _, ok := c.directory.Team(id); !ok {
		c.failf("catch_all: no team has the id %q; add it under teams or correct the id", id)
		return
	}
	if len(c.directory.CatchAllContacts(time.Time{})) == 0 {
		c.failf("catch_all: nobody can be told through team %q; give it slack, email, phone or channels, or a member who has one", id)
	}
}
