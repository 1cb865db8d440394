package activities

import "slices"

// hush keeps from interrupting those who are in quiet hours, if these end before
// the notice may not wait any more: they are told by what does not interrupt or,
// if that was done or there is nothing of the kind, not now. What was meant to be
// quiet and can be is told as ever.
func (a *Activities) hush(in AddressInput, all []Delivery) []Delivery {
	copies := slices.DeleteFunc(slices.Clone(all), func(d Delivery) bool { return !d.Copy })
	all = slices.DeleteFunc(slices.Clone(all), func(d Delivery) bool { return d.Copy })
	if in.Again { // only to those for whom it waited, unless others fill the roles now
		waited := slices.DeleteFunc(slices.Clone(all), func(d Delivery) bool { return !slices.Contains(in.To, d.To.ID) })
		if len(waited) > 0 {
			all = waited
		}
		copies = nil
	}
	var out []Delivery
	seen := map[string]bool{}
	for _, d := range all {
		until := d.To.QuietUntil
		loud := slices.ContainsFunc(all, func(o Delivery) bool { return o.To.ID == d.To.ID && a.interrupts(o.Way) })
		switch ways := a.gentle(d.To.ID, all); {
		case until.IsZero() || until.After(in.MayWait):
			out = append(out, d)
		case !loud && !in.Again:
			d.Others = slices.DeleteFunc(slices.Clone(d.Others), a.interrupts)
			out = append(out, d)
		case seen[d.To.ID]:
		case len(ways) == 0 || in.Again:
			out = append(out, Delivery{To: d.To, Hushed: until})
		default:
			out = append(out, Delivery{To: d.To, Way: ways[0], Others: ways[1:], Gather: d.Gather, Aside: d.Aside, Hushed: until})
		}
		seen[d.To.ID] = true
	}
	return append(out, copies...)
}

// gentle lists the ways to a contact that do not interrupt.
func (a *Activities) gentle(contact string, all []Delivery) []Way {
	var out []Way
	for _, d := range all {
		if d.To.ID != contact {
			continue
		}
		for _, w := range append([]Way{d.Way}, d.Others...) {
			if !a.interrupts(w) && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// interrupts tells of a way that it interrupts, or that nobody may look there.
func (a *Activities) interrupts(w Way) bool {
	all := a.Channels()
	i := slices.IndexFunc(all, func(c Channeled) bool { return c.Name == w.Channel })
	return i < 0 || all[i].Interrupts || all[i].LastResort
}
