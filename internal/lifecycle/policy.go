package lifecycle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Policy says when people are told, who, how loudly, and how renewal is tried.
// A certificate carries the snapshot it was enrolled with.
type Policy struct {
	Name string `mapstructure:"name" json:"name"`
	// Thresholds by time left, the longest first.
	Thresholds []Threshold `mapstructure:"thresholds" json:"thresholds"`
	// Inform is how many of the first thresholds only inform when the certificate is managed.
	Inform int `mapstructure:"inform" json:"inform"`
	// Escalations by name: "inform", "P4".."P1", "failing", "behind".
	Escalations []Escalation `mapstructure:"escalations" json:"escalations"`
	// AckFor is how long an acknowledgement lasts at most.
	AckFor Span `mapstructure:"ack_for" json:"ackFor"`
	// RenewLeft is the time left at which renewal begins where the CA suggests no
	// window; RenewLeftShort counts for lifetimes under ten days.
	RenewLeft      Span `mapstructure:"renew_left" json:"renewLeft"`
	RenewLeftShort Span `mapstructure:"renew_left_short" json:"renewLeftShort"`
	// LastSafe is the time left at which it is too late to be calm.
	LastSafe    Span `mapstructure:"last_safe" json:"lastSafe"`
	MaxAttempts int  `mapstructure:"max_attempts" json:"maxAttempts"`
	// AttemptTimeout bounds one attempt.
	AttemptTimeout Span `mapstructure:"attempt_timeout" json:"attemptTimeout"`
	// RetryEvery paces what costs no attempt: a CA that is down, a target that is behind.
	RetryEvery Span `mapstructure:"retry_every" json:"retryEvery"`
	// ObserveEvery paces the look at what is served.
	ObserveEvery Span `mapstructure:"observe_every" json:"observeEvery"`
	// UnseenAfter is how long nothing may be seen before a human is told.
	UnseenAfter Span `mapstructure:"unseen_after" json:"unseenAfter"`
	// UrgentLeft is the time left under which escalations repeat at UrgentRepeat.
	UrgentLeft Span `mapstructure:"urgent_left" json:"urgentLeft"`
	// ProofTimeout is how long a reload may take to show on the wire.
	ProofTimeout Span `mapstructure:"proof_timeout" json:"proofTimeout"`
}

// Threshold is a time left that counts, and how urgent it is.
type Threshold struct {
	Left     Span           `mapstructure:"left" json:"left"`
	Severity alert.Severity `mapstructure:"severity" json:"severity"`
}

// Escalation says who is told, in order. The clock of each step starts when it
// was decided to tell the one before.
type Escalation struct {
	Name  string `mapstructure:"name" json:"name"`
	Steps []Rung `mapstructure:"steps" json:"steps"`
	// Repeat starts again at the first step this long after the last; zero: never.
	Repeat       Span `mapstructure:"repeat" json:"repeat"`
	UrgentRepeat Span `mapstructure:"urgent_repeat" json:"urgentRepeat"`
}

// Rung is one step of an escalation.
type Rung struct {
	After Span          `mapstructure:"after" json:"after"` // since the step before
	Roles []people.Role `mapstructure:"notify" json:"notify"`
	Reach alert.Reach   `mapstructure:"reach" json:"reach"`
}

// Names of the escalations that are not a severity.
const (
	EscalateInform  = "inform"
	EscalateFailing = "failing"
	EscalateBehind  = "behind"
)

func span(text string) Span {
	s, err := ParseSpan(text)
	if err != nil {
		panic(err)
	}
	return s
}

// Default is the policy of somebody who configured none.
func Default() Policy {
	owner, team, manager, onCall := people.Owner, people.TeamAll, people.Manager, people.OnCall
	return Policy{
		Name: "default",
		Thresholds: []Threshold{
			{span("min(30d,1/3)"), alert.P4},
			{span("min(15d,1/6)"), alert.P3},
			{span("min(7d,1/12)"), alert.P2},
			{span("min(3d,1/30)"), alert.P1},
			{span("min(1d,1/90)"), alert.P1},
		},
		Inform: 2,
		Escalations: []Escalation{
			{Name: EscalateInform, Steps: []Rung{{Roles: []people.Role{owner}, Reach: alert.Quiet}}},
			{Name: "P4", Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Direct},
				{After: span("min(3d,1/30)"), Roles: []people.Role{team}, Reach: alert.Direct},
				{After: span("min(3d,1/30)"), Roles: []people.Role{manager}, Reach: alert.Direct},
			}},
			{Name: "P3", Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Direct},
				{After: span("min(1d,1/90)"), Roles: []people.Role{team}, Reach: alert.Direct},
				{After: span("min(2d,1/45)"), Roles: []people.Role{manager}, Reach: alert.Direct},
				{After: span("min(2d,1/45)"), Roles: []people.Role{onCall}, Reach: alert.Direct},
			}},
			{Name: "P2", Steps: []Rung{
				{Roles: []people.Role{owner, team}, Reach: alert.Wide},
				{After: span("min(6h,1/360)"), Roles: []people.Role{manager}, Reach: alert.Wide},
				{After: span("min(6h,1/360)"), Roles: []people.Role{onCall}, Reach: alert.PageAll},
			}, Repeat: span("min(1d,1/90)")},
			{Name: "P1", Steps: []Rung{
				{Roles: []people.Role{owner, manager, onCall}, Reach: alert.PageAll},
				{After: span("min(1h,1/2160)"), Roles: []people.Role{team}, Reach: alert.Wide},
			}, Repeat: span("min(1d,1/90)"), UrgentRepeat: span("min(1h,1/2160)")},
			{Name: EscalateFailing, Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Wide},
				{After: span("min(1d,1/90)"), Roles: []people.Role{team}, Reach: alert.Direct},
			}},
			{Name: EscalateBehind, Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Direct},
				{After: span("min(1d,1/90)"), Roles: []people.Role{team}, Reach: alert.Direct},
			}},
		},
		AckFor:         span("24h"),
		RenewLeft:      span("1/3"),
		RenewLeftShort: span("1/2"),
		LastSafe:       span("1/10"),
		MaxAttempts:    8,
		AttemptTimeout: span("min(2h,1/20)"),
		RetryEvery:     span("min(1h,1/2160)"),
		ObserveEvery:   span("min(1d,1/30)"),
		UnseenAfter:    span("min(2d,1/15)"),
		UrgentLeft:     span("min(3d,1/30)"),
		ProofTimeout:   span("30s"),
	}
}

// WithDefaults fills what was left out; a named escalation replaces the default of that name.
func (p Policy) WithDefaults() Policy {
	d := Default()
	if len(p.Thresholds) == 0 {
		p.Thresholds, p.Inform = d.Thresholds, max(p.Inform, d.Inform)
	}
	for _, e := range d.Escalations {
		if _, ok := p.escalation(e.Name); !ok {
			p.Escalations = append(slices.Clip(p.Escalations), e)
		}
	}
	for _, f := range []struct{ have, def *Span }{
		{&p.AckFor, &d.AckFor}, {&p.RenewLeft, &d.RenewLeft}, {&p.RenewLeftShort, &d.RenewLeftShort},
		{&p.LastSafe, &d.LastSafe}, {&p.AttemptTimeout, &d.AttemptTimeout}, {&p.RetryEvery, &d.RetryEvery},
		{&p.ObserveEvery, &d.ObserveEvery}, {&p.UnseenAfter, &d.UnseenAfter}, {&p.UrgentLeft, &d.UrgentLeft},
		{&p.ProofTimeout, &d.ProofTimeout},
	} {
		if f.have.IsZero() {
			*f.have = *f.def
		}
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = d.MaxAttempts
	}
	return p
}

func (p Policy) escalation(name string) (Escalation, bool) {
	i := slices.IndexFunc(p.Escalations, func(e Escalation) bool { return e.Name == name })
	if i < 0 {
		return Escalation{}, false
	}
	return p.Escalations[i], true
}

// Hash identifies the content of a policy, whatever its name.
func (p Policy) Hash() string {
	p.Name = ""
	b, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// Validate tells everything that is wrong with a policy whose defaults are
// filled in, each with the field's path.
func (p Policy) Validate() error {
	var errs []error
	bad := func(path, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	if p.Name == "" {
		bad("name", "a policy needs a name")
	}
	const year = 365 * 24 * 3600e9
	for i, t := range p.Thresholds {
		path := fmt.Sprintf("thresholds[%d]", i)
		if t.Left.IsZero() {
			bad(path+".left", "must be longer than zero; expiry itself always counts")
		}
		if !slices.Contains([]alert.Severity{alert.P1, alert.P2, alert.P3, alert.P4}, t.Severity) {
			bad(path+".severity", "%q is not one of P1, P2, P3, P4", t.Severity)
		}
		if i > 0 && t.Left.Of(year) >= p.Thresholds[i-1].Left.Of(year) {
			bad(path+".left", "%s is not shorter than %s before it; list the longest first", t.Left, p.Thresholds[i-1].Left)
		}
		if i > 0 && p.Thresholds[i-1].Severity.MoreUrgentThan(t.Severity) {
			bad(path+".severity", "%s is less urgent than %s before it", t.Severity, p.Thresholds[i-1].Severity)
		}
	}
	if p.Inform < 0 || p.Inform > len(p.Thresholds) {
		bad("inform", "%d is not between 0 and the %d thresholds", p.Inform, len(p.Thresholds))
	}
	known := []string{EscalateInform, "P4", "P3", "P2", "P1", EscalateFailing, EscalateBehind}
	for i, e := range p.Escalations {
		path := fmt.Sprintf("escalations[%d]", i)
		if !slices.Contains(known, e.Name) {
			bad(path+".name", "%q is not one of %v", e.Name, known)
		}
		if len(e.Steps) == 0 {
			bad(path+".steps", "somebody must be told")
		}
		for j, s := range e.Steps {
			if len(s.Roles) == 0 {
				bad(fmt.Sprintf("%s.steps[%d].notify", path, j), "name at least one of %v", people.Roles)
			}
			for _, r := range s.Roles {
				if !slices.Contains(people.Roles, r) {
					bad(fmt.Sprintf("%s.steps[%d].notify", path, j), "role %q is not one of %v", r, people.Roles)
				}
			}
			if !slices.Contains([]alert.Reach{alert.Quiet, alert.Direct, alert.Wide, alert.PageAll}, s.Reach) {
				bad(fmt.Sprintf("%s.steps[%d].reach", path, j), "%q is not one of quiet, direct, wide, page", s.Reach)
			}
		}
	}
	if p.MaxAttempts < 1 || p.MaxAttempts > 50 {
		bad("max_attempts", "%d is not between 1 and 50", p.MaxAttempts)
	}
	if p.LastSafe.Of(year) >= p.RenewLeft.Of(year) {
		bad("last_safe", "%s is not shorter than renew_left %s: the last safe moment comes after renewal begins", p.LastSafe, p.RenewLeft)
	}
	return errors.Join(errs...)
}
