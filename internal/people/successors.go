package people

import (
	"slices"
	"time"
)

// Successors lists who could look after what somebody leaves behind, the first
// first: of each of their teams the manager, who is on call and the members, then
// the same of the catch-all team. Only who can be told is listed, at whatever hour, and each once.
func (d Directory) Successors(leaves string, teams []string) []string {
	var out []string
	for _, id := range append(slices.Clone(teams), d.CatchAll) {
		t, ok := d.Team(id)
		if !ok {
			continue
		}
		line := []string{t.Manager}
		for _, s := range t.OnCall {
			line = append(line, s.Person)
		}
		if t.Rota != nil {
			line = append(line, t.Rota.Members...)
		}
		for _, c := range d.persons(time.Time{}, Owner, t, append(line, t.Members...)...) {
			if c.ID != leaves && !slices.Contains(out, c.ID) {
				out = append(out, c.ID)
			}
		}
	}
	return out
}

// TeamsOf lists the teams that somebody is in: as a member first, then as the
// manager or on call.
func (d Directory) TeamsOf(person string) []string {
	var member, other []string
	for _, t := range d.Teams {
		onCall := slices.ContainsFunc(t.OnCall, func(s Shift) bool { return s.Person == person })
		switch {
		case slices.Contains(t.Members, person):
			member = append(member, t.ID)
		case t.Manager == person, onCall, t.Rota != nil && slices.Contains(t.Rota.Members, person):
			other = append(other, t.ID)
		}
	}
	return append(member, other...)
}
