package lifecycle

import "time"

// Ownership says whose a certificate is.
type Ownership struct {
	Owner string `json:"owner,omitempty"` // person ID
	Team  string `json:"team,omitempty"`  // team ID
	// TeamAlone, in a change, says that no person owns it any more.
	TeamAlone bool `json:"teamAlone,omitempty"`
}

// Ownership says whose it is.
func (s Spec) Ownership() Ownership { return Ownership{Owner: s.Owner, Team: s.Team} }

func (o Ownership) String() string {
	switch {
	case o.Owner == "" && o.Team == "":
		return "nobody"
	case o.Owner == "":
		return "team " + o.Team
	case o.Team == "":
		return o.Owner
	}
	return o.Owner + " (team " + o.Team + ")"
}

// over gives what comes of a change: what it leaves out stays as it was.
func (o Ownership) over(old Ownership) Ownership {
	if o.Owner == "" && !o.TeamAlone {
		o.Owner = old.Owner
	}
	if o.Team == "" {
		o.Team = old.Team
	}
	o.TeamAlone = false
	return o
}

// Passed refuses whoever was found to be allowed by an ownership that is not
// any more; nil if it is.
func (s *State) Passed(seen Ownership) error {
	switch now := s.Spec.Ownership(); {
	case now == seen:
		return nil
	case s.Handed == nil:
		return refuse("%s is %s's now; look again", s.Spec.Name, now)
	default:
		return refuse("%s was first: gave %s to %s by %s at %s; look again", s.Handed.By, s.Spec.Name, now, s.Handed.Via, s.Handed.At.UTC().Format(time.RFC3339))
	}
}

// CheckReassign tells why a certificate cannot be given to others; nil if it can.
func (s *State) CheckReassign(to Ownership, in Answered) error {
	if in.By == "" {
		return refuse("giving a certificate to others needs a name: who does?")
	}
	if to == (Ownership{}) {
		return refuse("to whom? name an owner, a team or both")
	}
	if to.TeamAlone && (to.Owner != "" || to.over(s.Spec.Ownership()).Team == "") {
		return refuse("a team alone is to own it: name the team, and no owner")
	}
	if now := s.Spec.Ownership(); to.over(now) == now {
		return refuse("%s is %s's already", s.Spec.Name, now)
	}
	return s.overtaken(in)
}

// Reassign gives the certificate to others. They are told of every open alert
// from the first step on, whatever those before had answered. It gives these.
func (s *State) Reassign(now time.Time, to Ownership, in Answered) []Alert {
	s.hand(now, to, in)
	var told []Alert
	for i := range s.Alerts {
		a := &s.Alerts[i]
		if !a.Open() {
			continue
		}
		a.Status, a.Answer, a.SnoozedUntil, a.Held = Firing, nil, time.Time{}, ""
		a.Step, a.Used, a.LapAt, a.NextAt, a.Handed, a.Rouse = 0, nil, time.Time{}, now, true, nil
		a.Unreached = false
		a.Round++
		a.Edit = a.phase()
		told = append(told, *a)
	}
	return told
}

func (s *State) hand(now time.Time, to Ownership, in Answered) {
	to = to.over(s.Spec.Ownership())
	s.Spec.Owner, s.Spec.Team = to.Owner, to.Team
	s.Handed = &Order{By: in.By, Via: in.Via, Note: in.Note, At: now}
}

// CheckTakeOver tells why somebody cannot take the certificate over; nil if
// they can.
func (s *State) CheckTakeOver(in Answered) error {
	if in.By == "" {
		return refuse("taking over needs a name: who does?")
	}
	if s.Spec.Owner == in.By && len(s.meant("")) == 0 {
		return refuse("%s is %s's already, and no alert fires", s.Spec.Name, in.By)
	}
	return s.overtaken(in)
}

// TakeOver makes whoever answers the owner, and acknowledges every open alert
// in their name. It gives these.
func (s *State) TakeOver(now time.Time, in Answered) []Alert {
	if s.Spec.Owner != in.By {
		s.hand(now, Ownership{Owner: in.By}, in)
	}
	in.Alert = ""
	return s.Acknowledge(now, in)
}
