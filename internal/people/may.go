package people

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Verb is something that people ask of a certificate; the strings are the names
// of its updates.
type Verb string

// Verbs that are answers to an alert. Whatever else there is operates.
const (
	Acknowledge Verb = "acknowledge"
	Snooze      Verb = "snooze"
	Check       Verb = "observe-now"
	TakeOver    Verb = "take-over"
	Reassign    Verb = "reassign"
	Renew       Verb = "renew-now"
	Approve     Verb = "approve"
	Deny        Verb = "deny"
	Enroll      Verb = "enroll" // as of the owner and the team that it is to have
	SetSpec     Verb = "set-spec"
	Triage      Verb = "triage" // of what nobody enrolled
)

var answers = []Verb{Acknowledge, Snooze, Check, TakeOver, Reassign}

// Words of Permissions, for those who stand in some relation to a certificate.
const (
	TheOwner     = "owner"
	TheTeam      = "team"      // members, manager and whoever is or stands in on call
	TheOperators = "operators" // the same of the catch-all team
	TheDirectory = "directory" // everybody in it
	Anyone       = "anyone"    // and strangers for whom Slack or PagerDuty vouches
)

var (
	relations = []string{TheOwner, TheTeam, TheOperators, TheDirectory, Anyone}
	usual     = []string{TheOwner, TheTeam, TheOperators}
)

// Permissions say who may answer the alerts of a certificate, and who may
// operate it. An empty list is owner, team and operators. Where a list comes to
// nobody, as that of the owner does for what has none, the operators may.
type Permissions struct {
	Answer  []string `mapstructure:"answer" json:"answer,omitempty"`
	Operate []string `mapstructure:"operate" json:"operate,omitempty"`
	// Decode is who may read in clear text what Temporal keeps encrypted; empty:
	// nobody. That names no certificate, so it takes operators and the directory only.
	Decode []string `mapstructure:"decode" json:"decode,omitempty"`
}

func (p Permissions) of(v Verb) []string {
	list := p.Operate
	if slices.Contains(answers, v) {
		list = p.Answer
	}
	if len(list) == 0 {
		return usual
	}
	return list
}

// Validate refuses words that mean nobody; the error has the path of each.
func (p Permissions) Validate() error {
	var errs []error
	for _, list := range []struct {
		name  string
		words []string
	}{{"answer", p.Answer}, {"operate", p.Operate}} {
		for i, w := range list.words {
			if !slices.Contains(relations, w) {
				errs = append(errs, fmt.Errorf("permissions.%s[%d]: %q is nobody; use %s", list.name, i, w, strings.Join(relations, ", ")))
			}
		}
	}
	for i, w := range p.Decode {
		if w != TheOperators && w != TheDirectory {
			errs = append(errs, fmt.Errorf("permissions.decode[%d]: %q is nobody; use %s, %s", i, w, TheOperators, TheDirectory))
		}
	}
	return errors.Join(errs...)
}

// MayDecode tells whether a person may read in clear text what Temporal keeps
// encrypted: nil, or a Forbidden.
func (d Directory) MayDecode(who string) error {
	asked := Asked{Verb: "decode", Certificate: "what Temporal keeps encrypted"}
	may := d.who(d.Permissions.Decode, asked)
	if _, known := d.Person(who); known && slices.Contains(may, who) {
		return nil
	}
	return Forbidden{Who: who, Asked: asked, May: may}
}

// Asked is what somebody wants to do to which certificate.
type Asked struct {
	Verb        Verb
	Certificate string
	Owner       string // person ID, may be empty
	Team        string // team ID, may be empty
}

// Forbidden is why somebody may not.
type Forbidden struct {
	Who string
	Asked
	May []string // IDs of people who may
}

func (f Forbidden) Error() string {
	return fmt.Sprintf("%s may not %s %s; %s may (permissions in the worker's configuration)", f.Who, f.Verb, f.Certificate, f.Whom())
}

// named is how many of those who may are named.
const named = 8

// Whom lists who may, for a reader.
func (f Forbidden) Whom() string {
	switch {
	case len(f.May) == 0:
		return "nobody"
	case len(f.May) > named:
		return fmt.Sprintf("%s and %d more", strings.Join(f.May[:named], ", "), len(f.May)-named)
	}
	return strings.Join(f.May, ", ")
}

// May tells whether somebody may do what is asked: nil, or a Forbidden. who is
// the ID of a person, "team:" and the ID of a team for whoever reads what is
// sent to it, or anything else for a stranger. Where there is no directory
// nobody can be told from another, and everybody may.
func (d Directory) May(who string, a Asked) error {
	if len(d.People) == 0 && len(d.Teams) == 0 {
		return nil
	}
	words := d.Permissions.of(a.Verb)
	_, known := d.Person(who)
	team, group := strings.CutPrefix(who, GroupMark)
	if _, there := d.Team(team); !there {
		group = false
	}
	switch {
	case known && (a.Verb == Approve || a.Verb == Deny): // the certificate's policy says who may
		return nil
	case slices.Contains(words, Anyone), slices.Contains(words, TheDirectory) && (known || group):
		return nil
	}
	if len(d.who(words, a)) == 0 { // what would be nobody's is not left to nobody
		words = append(slices.Clone(words), TheOperators)
	}
	if group && (slices.Contains(words, TheTeam) && team == d.teamOf(Question{Owner: a.Owner, Team: a.Team}).ID || slices.Contains(words, TheOperators) && team == d.CatchAll) {
		return nil
	}
	may := d.who(words, a)
	if known && slices.Contains(may, who) {
		return nil
	}
	return Forbidden{Who: who, Asked: a, May: may}
}

// GroupMark begins the name of a team where it stands in the place of a person.
const GroupMark = "team:"

// who lists those who are meant by words, each once: the owner first.
func (d Directory) who(words []string, a Asked) (out []string) {
	add := func(ids ...string) {
		for _, id := range ids {
			if _, ok := d.Person(id); ok && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	if slices.Contains(words, TheOwner) {
		add(a.Owner)
	}
	if slices.Contains(words, TheTeam) {
		add(d.belonging(d.teamOf(Question{Owner: a.Owner, Team: a.Team}))...)
	}
	if slices.Contains(words, TheOperators) {
		catchAll, _ := d.Team(d.CatchAll)
		add(d.belonging(catchAll)...)
	}
	if slices.Contains(words, TheDirectory) {
		add(d.everybody()...)
	}
	return out
}

// belonging lists who acts for a team. Where there is only one, everybody does.
func (d Directory) belonging(t Team) []string {
	if len(d.Teams) == 1 && t.ID == d.Teams[0].ID {
		return d.everybody()
	}
	out := slices.Clone(t.Members)
	out = append(out, t.Manager)
	for _, s := range t.OnCall {
		out = append(out, s.Person)
	}
	if t.Rota != nil {
		out = append(out, t.Rota.Members...)
		for _, o := range t.Rota.Overrides {
			out = append(out, o.Person)
		}
	}
	return out
}

func (d Directory) everybody() []string {
	out := make([]string, len(d.People))
	for i, p := range d.People {
		out[i] = p.ID
	}
	return out
}

// Receives tells why a certificate cannot be given to somebody; nil if it can.
// Either may be empty.
func (d Directory) Receives(owner, team string) error {
	var errs []error
	if _, ok := d.Person(owner); owner != "" && !ok {
		errs = append(errs, fmt.Errorf("owner: %q is nobody in the directory; add the person to people in the worker's configuration", owner))
	}
	if _, ok := d.Team(team); team != "" && !ok {
		errs = append(errs, fmt.Errorf("team: %q is not in the directory; add it to teams in the worker's configuration", team))
	}
	return errors.Join(errs...)
}
