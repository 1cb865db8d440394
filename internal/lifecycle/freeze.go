package lifecycle

import (
	"slices"
	"strings"
	"time"
)

// Deed is what a freeze stops, or people approve.
type Deed string

// The deeds.
const (
	DoIssue  Deed = "issue"
	DoDeploy Deed = "deploy"
)

// Day is one end of a freeze as people write it.
type Day string

// Freeze is a time in which nothing is changed: from one day until another, once
// ("2026-12-20"), every year ("12-20") or every week ("fri"); with a time of day
// ("fri 17:00") from or until then, without one the day counts whole.
type Freeze struct {
	Name     string `mapstructure:"name" json:"name"`
	From     Day    `mapstructure:"from" json:"from"`
	Until    Day    `mapstructure:"until" json:"until"`
	TimeZone string `mapstructure:"timezone" json:"timezone"`     // IANA name
	Stops    []Deed `mapstructure:"stops" json:"stops,omitempty"` // empty: both
}

// Frozen is a freeze as it holds at an instant, or several in a row.
type Frozen struct {
	Names []string  `json:"names"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Name names the freezes.
func (f Frozen) Name() string { return strings.Join(f.Names, ", ") }

// forEver is how long freezes in a row may last before they count as never ending.
const forEver = 3 * 365 * 24 * time.Hour

func (f Frozen) endless() bool { return f.Until.Sub(f.From) >= forEver }

// FreezeYields reports whether freezes end at the last safe moment, so that no
// certificate lapses for one.
func (p Policy) FreezeYields() bool { return p.Yields == nil || *p.Yields }

// frozen gives the freeze that stops any of some things at an instant. Freezes
// with no room between them count as one.
func (p Policy) frozen(at time.Time, room time.Duration, stops ...Deed) (Frozen, bool) {
	var out Frozen
	for _, f := range p.Freezes {
		if !f.stops(stops) {
			continue
		}
		for _, o := range f.near(at) {
			if !at.Before(o.from) && at.Before(o.until) {
				out.join(f.Name, o)
			}
		}
	}
	if len(out.Names) == 0 {
		return out, false
	}
	for grown := true; grown && !out.endless(); {
		grown = false
		for _, f := range p.Freezes {
			if !f.stops(stops) {
				continue
			}
			for _, o := range append(f.near(out.From), f.near(out.Until)...) {
				if !apart(out.Until, o.from, room) && !apart(o.until, out.From, room) && out.join(f.Name, o) {
					grown = true
				}
			}
		}
	}
	return out, true
}

// apart reports whether something fits between an end and a beginning.
func apart(end, begin time.Time, room time.Duration) bool {
	gap := begin.Sub(end)
	return gap > 0 && gap >= room
}

// join takes a stretch in; false if it was part of it.
func (f *Frozen) join(name string, o stretch) bool {
	if len(f.Names) > 0 && !o.from.Before(f.From) && !o.until.After(f.Until) {
		return false
	}
	if len(f.Names) == 0 || o.from.Before(f.From) {
		f.From = o.from
	}
	f.Until = latest(f.Until, o.until)
	if !slices.Contains(f.Names, name) {
		f.Names = append(f.Names, name)
	}
	return true
}

func (f Freeze) stops(any []Deed) bool {
	return len(f.Stops) == 0 || slices.ContainsFunc(any, func(s Deed) bool { return slices.Contains(f.Stops, s) })
}

// stretch is one occurrence of a freeze, without its end.
type stretch struct{ from, until time.Time }

// near lists the occurrences around an instant: the one that holds then, if any,
// and those before and after it.
func (f Freeze) near(at time.Time) []stretch {
	from, until, zone, err := f.read()
	if err != nil {
		return nil // a valid policy has none
	}
	local := at.In(zone)
	var out []stretch
	switch from.kind {
	case dated:
		out = append(out, stretch{from.begins(from.year, zone), until.ends(until.year, zone)})
	case yearly:
		for year := local.Year() - 2; year <= local.Year()+1; year++ {
			o := stretch{from.begins(year, zone), until.ends(year, zone)}
			if !o.until.After(o.from) {
				o.until = until.ends(year+1, zone)
			}
			out = append(out, o)
		}
	case weekly:
		first := local.Day() - int(local.Weekday()-from.weekday)
		long := (int(until.weekday-from.weekday) + 7) % 7
		for week := -2; week <= 1; week++ {
			from.month, from.day = local.Month(), first+7*week
			until.month, until.day = local.Month(), from.day+long
			o := stretch{from.begins(local.Year(), zone), until.ends(local.Year(), zone)}
			if !o.until.After(o.from) {
				until.day += 7
				o.until = until.ends(local.Year(), zone)
			}
			out = append(out, o)
		}
	}
	return out
}
