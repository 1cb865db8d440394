package estate

import (
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Adoption is how a stray would be enrolled: called as its first name, watched
// where it was found, and of whom it was given to.
type Adoption struct {
	Name      string          `json:"name,omitempty"`
	Endpoints []cert.Endpoint `json:"endpoints,omitempty"` // none: it was found in files and the like only
	Owner     string          `json:"owner,omitempty"`     // person ID
	Team      string          `json:"team,omitempty"`      // team ID
}

// Adopt gives the adoption of a stray.
func (s Stray) Adopt(d people.Directory) *Adoption {
	out := Adoption{}
	if names := s.Record.Version.Names; len(names) > 0 {
		out.Name = strings.ToLower(strings.Replace(names[0], "*", "wildcard", 1))
	}
	for _, p := range s.Record.Places {
		if p.Endpoint.Host != "" && !slices.Contains(out.Endpoints, p.Endpoint) {
			out.Endpoints = append(out.Endpoints, p.Endpoint)
		}
	}
	out.Owner, out.Team = s.given(d)
	return &out
}

// given is to whom people gave it; what its places say of themselves is a hint only.
func (s Stray) given(d people.Directory) (owner, team string) {
	id, decided := s.Owner()
	if !decided {
		return "", ""
	}
	if _, ok := d.Team(id); ok {
		return "", id
	}
	return id, ""
}

// May tells whether somebody may decide about a stray: nil, or a people.Forbidden.
// Until it is given to somebody it is nobody's, and the operators may.
func (s Stray) May(d people.Directory, who string) error {
	owner, team := s.given(d)
	return d.May(who, people.Asked{Verb: people.Triage, Certificate: s.Record.Key.Short(), Owner: owner, Team: team})
}
