package people

import "slices"

// Fills lists the roles that a person fills for a certificate, whether or not
// they can be told at the moment. A stranger fills none.
func (d Directory) Fills(who string, q Question) []Role {
	if _, ok := d.Person(who); !ok {
		return nil
	}
	team := d.teamOf(q)
	onCall := func(c Contact) bool { return c.ID == who }
	var out []Role
	for _, r := range []struct {
		role  Role
		fills bool
	}{
		{Owner, who == q.Owner},
		{TeamAll, slices.Contains(team.Members, who)},
		{Manager, who == team.Manager},
		{OnCall, slices.ContainsFunc(d.fill(OnCall, q), onCall)},
	} {
		if r.fills {
			out = append(out, r.role)
		}
	}
	return out
}
