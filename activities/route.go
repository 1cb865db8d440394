package activities

import (
	"fmt"
	"slices"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// routed is the route of one notice; the zero value prefers and adds nothing.
type routed struct {
	alert.Route
	name string // where the configuration has it
}

// route finds the route of a notice.
func (b Book) route(in AddressInput) routed {
	t := in.About
	t.Owner, t.Team = in.Owner, b.Directory.TeamOf(in.Question).ID
	i := alert.RouteFor(b.Routes, t)
	if i < 0 {
		return routed{}
	}
	return routed{b.Routes[i], fmt.Sprintf("routes[%d]", i)}
}

// Route says which route a notice takes, and what is meant by it; both are empty
// if it takes none.
func (b Book) Route(in AddressInput) (name, match string) {
	if r := b.route(in); r.name != "" {
		return r.name, r.Match.String()
	}
	return "", ""
}

// prefer takes the ways of the route's channels, in the route's order and those of
// kinds not yet used in this round before the others; rest are spare. Without
// any, all ways count and aside says so: a route silences nobody.
func (r routed) prefer(c people.Contact, ways []Way, used []string) (mine, rest []Way, aside string) {
	if len(r.Channels) == 0 || len(ways) == 0 {
		return ways, nil, ""
	}
	for _, w := range ways {
		if slices.Contains(r.Channels, w.Channel) {
			mine = append(mine, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(mine) == 0 {
		return ways, nil, fmt.Sprintf("%s has no channel that reaches %s", r.name, c.ID)
	}
	rank := func(w Way) int {
		at := slices.Index(r.Channels, w.Channel)
		if slices.Contains(used, w.Kind) {
			at += len(r.Channels)
		}
		return at
	}
	slices.SortStableFunc(mine, func(a, b Way) int { return rank(a) - rank(b) })
	return mine, rest, ""
}

// add moves what the route adds from the spare ways to those that are used.
func (r routed) add(first, others []Way) (more, left []Way) {
	for _, w := range others {
		if slices.Contains(r.Also, w.Channel) {
			first = append(first, w)
		} else {
			left = append(left, w)
		}
	}
	return first, left
}

// copyRole is what the destination of a copy is to a certificate.
const copyRole people.Role = "copy"

// copies gives what goes to the destinations of channels that the route adds
// and that none of those who are told reads.
func (b Book) copies(r routed, told []Delivery) []Delivery {
	if len(told) == 0 { // there is nothing to copy
		return nil
	}
	var out []Delivery
	for _, ch := range b.Channels {
		there := func(d Delivery) bool { return d.Way.Channel == ch.Name }
		if ch.Own && slices.Contains(r.Also, ch.Name) && !slices.ContainsFunc(told, there) {
			to := people.Contact{ID: ch.Name, Name: ch.Name, Role: copyRole, Address: map[string]string{}}
			out = append(out, Delivery{To: to, Way: Way{Channel: ch.Name, Kind: ch.Kind, Address: ch.Name}, Copy: true})
		}
	}
	return out
}
