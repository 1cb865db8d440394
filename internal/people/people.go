// Package people says who the humans are and who fills a role for a
// certificate at a given time. It is pure; config reads and validates it,
// activities ask it. It sends nothing, and it is told what time it is.
package people

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Role is what a policy names instead of a person.
type Role string

// The roles, in the order in which they are usually told.
const (
	Owner   Role = "owner"
	TeamAll Role = "team"
	Manager Role = "manager"
	OnCall  Role = "on-call"
)

// Roles lists them.
var Roles = []Role{Owner, TeamAll, Manager, OnCall}

// Person can be told, and can answer.
type Person struct {
	ID    string `mapstructure:"id" json:"id"` // stable, lower case: "minji"
	Name  string `mapstructure:"name" json:"name"`
	Email string `mapstructure:"email" json:"email,omitempty"`
	Slack string `mapstructure:"slack" json:"slack,omitempty"` // Slack user ID: U012ABC
	Phone string `mapstructure:"phone" json:"phone,omitempty"` // for text messages; E.164: +821012345678
	// PagerDuty is the ID of the user there (PABC123), by which answers from there are attributed.
	PagerDuty string `mapstructure:"pagerduty" json:"pagerduty,omitempty"`
	// Addresses are those that only one configured channel knows, by its name.
	Addresses map[string]string `mapstructure:"addresses" json:"addresses,omitempty"`
	// Channels are configured channels with a destination of their own that the person reads.
	Channels []string `mapstructure:"channels" json:"channels,omitempty"`
	Language string   `mapstructure:"language" json:"language,omitempty"`
	TimeZone string   `mapstructure:"timezone" json:"timezone,omitempty"` // IANA name
	Away     bool     `mapstructure:"away" json:"away,omitempty"`         // told nothing; the next in line is
	// Quiet are hours in which nothing interrupts that can wait; empty: the team's.
	Quiet []Quiet `mapstructure:"quiet" json:"quiet,omitempty"`
}

// Team owns certificates together.
type Team struct {
	ID      string   `mapstructure:"id" json:"id"`
	Name    string   `mapstructure:"name" json:"name"`
	Members []string `mapstructure:"members" json:"members,omitempty"`
	Manager string   `mapstructure:"manager" json:"manager,omitempty"`
	OnCall  []Shift  `mapstructure:"on_call" json:"onCall,omitempty"`
	Rota    *Rota    `mapstructure:"rota" json:"rota,omitempty"`   // who is on call in turn, before OnCall
	Slack   string   `mapstructure:"slack" json:"slack,omitempty"` // Slack channel ID: C012ABC
	Email   string   `mapstructure:"email" json:"email,omitempty"` // list address
	Phone   string   `mapstructure:"phone" json:"phone,omitempty"` // of whoever has the duty telephone
	// Addresses and Channels are as in Person.
	Addresses map[string]string `mapstructure:"addresses" json:"addresses,omitempty"`
	Channels  []string          `mapstructure:"channels" json:"channels,omitempty"`
	Language  string            `mapstructure:"language" json:"language,omitempty"`
	TimeZone  string            `mapstructure:"timezone" json:"timezone,omitempty"`
	Quiet     []Quiet           `mapstructure:"quiet" json:"quiet,omitempty"`
}

// Shift is one place in a team's on-call list. The first listed person who can
// be told is on call; the others stand in, in the order listed. Who is first
// changes with the configuration, not with the clock.
type Shift struct {
	Person string `mapstructure:"person" json:"person"`
}

// Directory is everybody. CatchAll is a team that is told when a role leads
// nowhere; a valid directory always has one.
type Directory struct {
	People   []Person `mapstructure:"people" json:"people"`
	Teams    []Team   `mapstructure:"teams" json:"teams"`
	CatchAll string   `mapstructure:"catch_all" json:"catchAll"`
	// Permissions say who may do what.
	Permissions Permissions `mapstructure:"permissions" json:"permissions,omitzero"`
}

// Contact is somebody, or some group, that can be told.
type Contact struct {
	ID       string `json:"id"` // person or team ID
	Name     string `json:"name"`
	Role     Role   `json:"role"`
	Language string `json:"language,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
	// QuietUntil is when the quiet hours end that hold when it was asked; zero: none hold.
	QuietUntil time.Time         `json:"quietUntil,omitzero"`
	Address    map[string]string `json:"address"` // kind of channel -> address; never empty
	// Channels are addresses in one configured channel, by its name. They count before Address.
	Channels map[string]string `json:"channels,omitempty"`
}

// Question asks who fills roles for one certificate.
type Question struct {
	Roles []Role    `json:"roles"`
	Owner string    `json:"owner"` // person ID, may be empty
	Team  string    `json:"team"`  // team ID, may be empty
	At    time.Time `json:"at"`
}

// Person gives the person of an ID, or false.
func (d Directory) Person(id string) (Person, bool) {
	i := slices.IndexFunc(d.People, func(p Person) bool { return p.ID == id })
	if i < 0 || id == "" {
		return Person{}, false
	}
	return d.People[i], true
}

// Team gives the team of an ID, or false.
func (d Directory) Team(id string) (Team, bool) {
	i := slices.IndexFunc(d.Teams, func(t Team) bool { return t.ID == id })
	if i < 0 || id == "" {
		return Team{}, false
	}
	return d.Teams[i], true
}

// BySlack gives the person with a Slack user ID, or false.
func (d Directory) BySlack(user string) (Person, bool) {
	i := slices.IndexFunc(d.People, func(p Person) bool { return p.Slack == user })
	if i < 0 || user == "" {
		return Person{}, false
	}
	return d.People[i], true
}

// ByPagerDuty gives the person with a PagerDuty user ID, or false.
func (d Directory) ByPagerDuty(user string) (Person, bool) {
	i := slices.IndexFunc(d.People, func(p Person) bool { return p.PagerDuty == user })
	if i < 0 || user == "" {
		return Person{}, false
	}
	return d.People[i], true
}

// Knows reports whether an address is somebody's.
func (d Directory) Knows(address string) bool {
	has := func(email, slack, phone string, more map[string]string) bool {
		if strings.EqualFold(email, address) || slack == address || phone == address {
			return address != ""
		}
		return slices.Contains(slices.Collect(maps.Values(more)), address)
	}
	return slices.ContainsFunc(d.People, func(p Person) bool { return has(p.Email, p.Slack, p.Phone, p.Addresses) }) ||
		slices.ContainsFunc(d.Teams, func(t Team) bool { return has(t.Email, t.Slack, t.Phone, t.Addresses) })
}
