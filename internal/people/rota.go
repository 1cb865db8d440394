package people

import "time"

// usualTurn is how long a turn lasts where a rota does not say it.
const usualTurn = 7 * day

const day = 24 * time.Hour

// Rota says whose turn it is to be on call. Turns change hands by the clock on
// the wall: at the time of day of Start, whatever is done to the clocks.
type Rota struct {
	Members []string `mapstructure:"members" json:"members"` // ids of people, in the order of their turns
	// Start is when the first member's first turn begins; until then it is theirs, too.
	Start     LocalTime     `mapstructure:"start" json:"start"`
	Every     time.Duration `mapstructure:"every" json:"every,omitempty"`       // whole days; zero: a week
	TimeZone  string        `mapstructure:"timezone" json:"timezone,omitempty"` // IANA name; empty: the team's
	Overrides []Override    `mapstructure:"overrides" json:"overrides,omitempty"`
}

// Override puts somebody on call out of turn, from an instant until before another.
type Override struct {
	From   LocalTime `mapstructure:"from" json:"from"`
	Until  LocalTime `mapstructure:"until" json:"until"`
	Person string    `mapstructure:"person" json:"person"`
}

// Duty is whose turn it is, and until when.
type Duty struct {
	Person string
	Until  time.Time // the next hand-over
	Out    bool      // of turn, by an override
}

// DutyAt gives whose turn it is in a team at an instant, whether or not that
// person is away; false if the team has no rota that can be read.
func (t Team) DutyAt(at time.Time) (Duty, bool) {
	zone, ok := t.rotaZone()
	if !ok || t.Rota.Start.IsZero() || len(t.Rota.Members) == 0 {
		return Duty{}, false
	}
	r := t.Rota
	turn := r.turn(at, zone)
	out := Duty{Person: r.Members[turn%len(r.Members)], Until: r.begins(turn+1, zone)}
	for _, o := range r.Overrides {
		switch from, until := o.From.in(zone), o.Until.in(zone); {
		case !at.Before(from) && at.Before(until):
			return Duty{Person: o.Person, Until: until, Out: true}, true
		case at.Before(from) && from.Before(out.Until):
			out.Until = from
		}
	}
	return out, true
}

// inLine lists who is on call, the first first: whose turn it is, those whose
// turns come next, and the fixed list.
func (t Team) inLine(at time.Time) []string {
	var out []string
	if duty, ok := t.DutyAt(at); ok {
		zone, _ := t.rotaZone()
		members := t.Rota.Members
		next := t.Rota.turn(at, zone) % len(members)
		out = append(out, duty.Person)
		out = append(out, members[next:]...)
		out = append(out, members[:next]...)
	}
	for _, s := range t.OnCall {
		out = append(out, s.Person)
	}
	return out
}

func (t Team) rotaZone() (*time.Location, bool) {
	if t.Rota == nil {
		return nil, false
	}
	name := t.Rota.TimeZone
	if name == "" {
		name = t.TimeZone
	}
	zone, err := Zone(name)
	return zone, err == nil
}

func (r Rota) days() int {
	if r.Every < day {
		return int(usualTurn / day)
	}
	return int(r.Every / day)
}

// begins is when a turn begins; they count from 0.
func (r Rota) begins(turn int, zone *time.Location) time.Time {
	return LocalTime{r.Start.at.AddDate(0, 0, turn*r.days())}.in(zone)
}

// turn counts the hand-overs up to an instant.
func (r Rota) turn(at time.Time, zone *time.Location) int {
	if at.Before(r.begins(0, zone)) {
		return 0
	}
	_, offset := at.In(zone).Zone()
	shown := at.UTC().Add(time.Duration(offset) * time.Second)
	turn := int(shown.Sub(r.Start.at) / (time.Duration(r.days()) * day))
	for !at.Before(r.begins(turn+1, zone)) {
		turn++
	}
	for turn > 0 && at.Before(r.begins(turn, zone)) {
		turn--
	}
	return turn
}
