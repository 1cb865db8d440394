package lifecycle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	// Workdays moves what can wait to an earlier day; without them every day is one.
	Workdays Workdays `mapstructure:"workdays" json:"workdays,omitzero"`
	// Escalations by name: "inform", "P4".."P1", "failing", "behind".
	Escalations []Escalation `mapstructure:"escalations" json:"escalations"`
	// AckFor is how long an acknowledgement lasts at most.
	AckFor Span `mapstructure:"ack_for" json:"ackFor"`
	// RenewLeft is the time left at which renewal begins where the CA suggests no
	// window; RenewLeftShort counts for lifetimes under ten days.
	RenewLeft      Span `mapstructure:"renew_left" json:"renewLeft"`
	RenewLeftShort Span `mapstructure:"renew_left_short" json:"renewLeftShort"`
	// Lead is the time left at which somebody is told to order, where people
	// order and supply the versions.
	Lead Span `mapstructure:"lead" json:"lead,omitzero"`
	// LastSafe is the time left at which it is too late to be calm.
	LastSafe    Span `mapstructure:"last_safe" json:"lastSafe"`
	MaxAttempts int  `mapstructure:"max_attempts" json:"maxAttempts"`
	// FallbackCAs are tried in this order when the CA of a certificate that names
	// no others keeps failing; each after FallbackAfter failures in a row.
	FallbackCAs   []string `mapstructure:"fallback_cas" json:"fallbackCAs,omitempty"`
	FallbackAfter int      `mapstructure:"fallback_after" json:"fallbackAfter,omitempty"`
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
	// Rollout orders the targets; without one all go at once.
	Rollout RolloutPolicy `mapstructure:"rollout" json:"rollout,omitzero"`
	// Freezes are times in which nothing is begun; Yields, unless it is false, has
	// them end at a certificate's last safe moment.
	Freezes []Freeze `mapstructure:"freezes" json:"freezes,omitempty"`
	Yields  *bool    `mapstructure:"freeze_yields" json:"freezeYields,omitempty"`
	// Approval says what is done only when people approve.
	Approval ApprovalPolicy `mapstructure:"approval" json:"approval,omitzero"`
	// NotifySuccess is told, once and quietly, of each renewal that is proven.
	NotifySuccess []people.Role `mapstructure:"notify_success" json:"notifySuccess,omitempty"`
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
	// Repeat starts again at the first step, this long after that was last told
	// but not before the last step was; zero: never.
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
	EscalateInform   = "inform"
	EscalateFailing  = "failing"
	EscalateBehind   = "behind"
	EscalateApproval = "approval"
)

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
		{&p.LastSafe, &d.LastSafe}, {&p.Lead, &d.Lead}, {&p.AttemptTimeout, &d.AttemptTimeout}, {&p.RetryEvery, &d.RetryEvery},
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

// Ladder is the escalation of a severity or another name, for whoever shows it.
func (p Policy) Ladder(name string) Escalation { return p.ladder(name) }

// ladder is the escalation of a name, of the default policy where this one has none.
func (p Policy) ladder(name string) Escalation {
	if e, ok := p.escalation(name); ok && len(e.Steps) > 0 {
		return e
	}
	if name == EscalateApproval {
		return p.approvalLadder()
	}
	e, _ := Default().escalation(name)
	return e
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
