// Package lifecycle is the brain: from the time, the state of one certificate
// and its policy it decides the next step and names the reason. It is pure: no
// Temporal, no clock, no randomness, no input or output. workflows call it and
// do what it says; nothing else decides.
package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// Spec is what people asked for.
type Spec struct {
	Name        string          `json:"name"`
	Names       []string        `json:"names"`
	Managed     bool            `json:"managed"`
	Environment string          `json:"environment,omitempty"`
	Owner       string          `json:"owner,omitempty"`
	Team        string          `json:"team,omitempty"`
	Note        string          `json:"note,omitempty"` // what people should know about it
	CA          string          `json:"ca,omitempty"`
	FallbackCAs []string        `json:"fallbackCAs,omitempty"` // tried in this order when CA keeps failing; empty: the policy's
	KeyType     cert.KeyType    `json:"keyType,omitempty"`
	ReuseKey    bool            `json:"reuseKey,omitempty"`
	Profile     string          `json:"profile,omitempty"`
	Challenge   string          `json:"challenge,omitempty"` // how names are proven; empty: as is usual for the CA
	DNS         string          `json:"dns,omitempty"`       // the DNS provider of that
	Supplied    bool            `json:"supplied,omitempty"`  // people order and bring the versions
	CSR         *cert.CSR       `json:"csr,omitempty"`       // the request for a key that stays on its host; none: keys are made here
	Targets     []string        `json:"targets,omitempty"`
	Endpoints   []cert.Endpoint `json:"endpoints,omitempty"`
	// AcceptIrreversible: what targets have need not come back where it cannot.
	AcceptIrreversible bool   `json:"acceptIrreversible,omitempty"`
	Policy             Policy `json:"policy"`
	PolicyHash         string `json:"policyHash"`
}

// State is everything the entity knows; it is also the argument of its next
// run, so it stores instants and survives a JSON round trip unchanged.
type State struct {
	Spec       Spec      `json:"spec"`
	EnrolledAt time.Time `json:"enrolledAt"`
	EnrolledBy string    `json:"enrolledBy,omitempty"`
	Import     *Import   `json:"import,omitempty"` // enrolled with others, by a file

	Live     cert.Version `json:"live,omitzero"`     // proven, or seen where only watched
	LiveAt   time.Time    `json:"liveAt,omitzero"`   // since when
	Previous cert.Version `json:"previous,omitzero"` // the one before
	Window   *cert.Window `json:"window,omitempty"`  // the CA's suggestion for Live

	Installed []Installed `json:"installed,omitempty"`
	Sight     Sight       `json:"sight,omitzero"`
	Renewal   Renewal     `json:"renewal,omitzero"`
	Alerts    []Alert     `json:"alerts,omitempty"`
	Rollout   *Rollout    `json:"rollout,omitempty"` // the latest that ended

	Approval  *Approval `json:"approval,omitempty"`  // that people are asked for, or gave
	ChangedBy string    `json:"changedBy,omitempty"` // who replaced the spec last

	Paused   *Pause  `json:"paused,omitempty"`
	Thawed   *Thawed `json:"thawed,omitempty"`   // a freeze that does not hold it
	Held     *Order  `json:"held,omitempty"`     // a human rolled back: automation keeps its hands off
	RollBack *Order  `json:"rollBack,omitempty"` // asked for and not yet begun
	Renew    *Order  `json:"renew,omitempty"`    // asked for and not yet begun
	Deploy   *Order  `json:"deploy,omitempty"`   // asked for and not yet begun
	Look     *Order  `json:"look,omitempty"`     // asked for and not yet begun
	Retire   *Order  `json:"retire,omitempty"`
	Handed   *Order  `json:"handed,omitempty"` // how it came to whoever owns it, if somebody gave or took it

	Revoke      *Revocation       `json:"revoke,omitempty"`      // asked for and not yet done
	Revocations []cert.Revocation `json:"revocations,omitempty"` // done, the latest

	Flights []Flight `json:"flights,omitempty"`
	// TellsDrift: what takes the place of a version of ours that needs no
	// replacement is told, not adopted. Runs begun by older releases adopt it.
	TellsDrift bool `json:"tellsDrift,omitempty"`

	// Restored is when it was begun again from what the store keeps; zero: never.
	Restored time.Time `json:"restored,omitzero"`
	// Stale tells that what is served may be newer than Live, for nobody has seen
	// every place since it was restored.
	Stale bool `json:"stale,omitempty"`
}

// Installed is what one target has.
type Installed struct {
	Target      string           `json:"target"`
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"`
	At          time.Time        `json:"at,omitzero"`
	Host        string           `json:"host,omitempty"`   // whose worker reaches it; empty: that of the certificate
	Behind      string           `json:"behind,omitempty"` // why it could not be reached; empty if it was
	Since       time.Time        `json:"since,omitzero"`   // behind since
	Ends        time.Time        `json:"ends,omitzero"`    // behind: when what it has expires, as far as known
	RetryAt     time.Time        `json:"retryAt,omitzero"`
}

// Where names the target, and the host where it lives.
func (i Installed) Where() string {
	if i.Host != "" {
		return i.Target + " on host " + i.Host
	}
	return i.Target
}

// Sight is the latest look at the world.
type Sight struct {
	At           time.Time          `json:"at,omitzero"`          // when the look ended
	SeenAt       time.Time          `json:"seenAt,omitzero"`      // when every place was last seen with a certificate for the names
	AstraySince  time.Time          `json:"astraySince,omitzero"` // some place has shown another version than Live since
	Observations []cert.Observation `json:"observations,omitempty"`
	// Elsewhere are places that nobody named and that a source of the inventory knows:
	// they had Live once, and have another version now.
	Elsewhere []cert.Observation `json:"elsewhere,omitempty"`
}

// Renewal is how the replacement of Live is going.
type Renewal struct {
	Attempts  []Attempt `json:"attempts,omitempty"`
	RetryAt   time.Time `json:"retryAt,omitzero"`   // nothing is started before by the rules
	NotBefore time.Time `json:"notBefore,omitzero"` // the word of Spec.CA: nothing is ordered before, whoever asks
	Words     []Word    `json:"words,omitempty"`    // the words of other CAs
	Moved     *Moved    `json:"moved,omitempty"`    // to the CA whose turn it is; nil: it is that of Spec.CA
	Tried     []string  `json:"tried,omitempty"`    // CAs that had their turn and failed
	DownSince time.Time `json:"downSince,omitzero"` // the CA has been unavailable since
	// FailingSince is when the first of the attempts in a row ended without success.
	FailingSince time.Time    `json:"failingSince,omitzero"`
	Candidate    cert.Version `json:"candidate,omitzero"` // issued, not yet proven
	// Supplied is what people brought and is not yet live.
	Supplied   cert.Fingerprint `json:"supplied,omitempty"`
	NewKey     bool             `json:"newKey,omitempty"`   // others may know the key: whatever the spec says, it is not kept
	Reissue    bool             `json:"reissue,omitempty"`  // Live is, or is to be, revoked: it is due at once
	Discard    bool             `json:"discard,omitempty"`  // the next attempt uses no candidate
	Awaits     *Awaits          `json:"awaits,omitempty"`   // a word of the CA's account
	Asked      *Order           `json:"asked,omitempty"`    // by hand; its first run issues, its second deploys
	Unproven   string           `json:"unproven,omitempty"` // why a target is in doubt; empty if none is
	UnprovenAt time.Time        `json:"unprovenAt,omitzero"`
	Renewed    time.Time        `json:"renewed,omitzero"` // the last success, to keep renewals apart
}

// Awaits is what a renewal waits for that is no fault of its own: room in the
// budget of the CA's account, or the end of an outage. The account's workflow
// wakes it; RetryAt is when it goes on without.
type Awaits struct {
	CA     string    `json:"ca"`
	Outage bool      `json:"outage,omitempty"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // as far as can be foreseen
	Why    string    `json:"why,omitempty"`
}

// Attempt is one run of the renewal.
type Attempt struct {
	At      time.Time   `json:"at"`
	Outcome OutcomeKind `json:"outcome"`
	Cause   string      `json:"cause,omitempty"`
	Counts  bool        `json:"counts"`
	CA      string      `json:"ca,omitempty"` // that it was about
	// Elsewhere tells that another CA need not fail in the same way.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// Pause stops renewal, and nothing else, until an instant.
type Pause struct {
	Order
	Until time.Time `json:"until"`
}

// Order is something a human asked for.
type Order struct {
	By          string           `json:"by"`
	Via         string           `json:"via,omitempty"`
	At          time.Time        `json:"at"`
	Note        string           `json:"note,omitempty"`
	New         bool             `json:"new,omitempty"`         // renew: discard the candidate
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"` // roll-back, deploy: this version
	Targets     []string         `json:"targets,omitempty"`     // deploy: on these
	Override    bool             `json:"override,omitempty"`    // renew, deploy: in spite of a freeze
}

// Status is where an alert stands.
type Status string

// The statuses.
const (
	Firing       Status = "firing"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Alert is one condition that a human must see, and how telling goes.
type Alert struct {
	ID       string           `json:"id"`
	Reason   alert.Reason     `json:"reason"`
	Version  cert.Fingerprint `json:"version,omitempty"`
	Severity alert.Severity   `json:"severity"`
	Plan     string           `json:"plan"`  // name of the escalation it follows
	Level    int              `json:"level"` // index of the threshold; -1 where thresholds play no part
	Status   Status           `json:"status"`
	FiredAt  time.Time        `json:"firedAt"`
	Round    int              `json:"round"` // counts firings from 1: raised, back, or no longer quieted
	// Step is told next, at NextAt; a zero NextAt means nothing more is told
	// until the alert is raised.
	Step   int       `json:"step"`
	NextAt time.Time `json:"nextAt,omitzero"`
	Told   int       `json:"told"` // notices decided so far; makes each notice's key
	// LapAt is when step 0 was last told; zero while this round has told nobody.
	LapAt time.Time `json:"lapAt,omitzero"`

	// Held tells that the summary of the import with this ID tells it first; if
	// none does, it is told by itself at NextAt.
	Held string `json:"held,omitempty"`
	// Gathering tells that the last notice waits in the inboxes of those it is for.
	Gathering *Gathering `json:"gathering,omitempty"`
	Rouse     *Rouse     `json:"rouse,omitempty"` // people in quiet hours are told again
	// Handed tells that the certificate was given to others, who are told next.
	Handed       bool            `json:"handed,omitempty"`
	Cause        string          `json:"cause,omitempty"`
	Answer       *alert.Answer   `json:"answer,omitempty"`
	SnoozedUntil time.Time       `json:"snoozedUntil,omitzero"`
	Receipts     []alert.Receipt `json:"receipts,omitempty"`  // first message per recipient and channel
	Used         []string        `json:"used,omitempty"`      // kinds of channel used in this lap
	Failed       []string        `json:"failed,omitempty"`    // channels that refused the last notice, in words
	Unreached    bool            `json:"unreached,omitempty"` // the last notice reached nobody
	Edit         alert.Phase     `json:"edit,omitempty"`      // sent messages are to be brought up to date
	Evidence     string          `json:"evidence,omitempty"`
	ResolvedAt   time.Time       `json:"resolvedAt,omitzero"`
}

// Open reports whether the alert is unresolved.
func (a Alert) Open() bool { return a.Status != Resolved }

// FlightKind says what is under way.
type FlightKind string

// What can be under way. At most one child (FlyRenewal) at a time.
const (
	FlyLook    FlightKind = "look"
	FlyTell    FlightKind = "tell"
	FlyEdit    FlightKind = "edit"
	FlyRenewal FlightKind = "renewal"
	FlyRevoke  FlightKind = "revoke"
	FlyReport  FlightKind = "report"
)

// Flight is an action that was started and has not reported.
type Flight struct {
	Kind FlightKind `json:"kind"`
	ID   string     `json:"id,omitempty"` // alert ID, or the purpose of the run
	At   time.Time  `json:"at"`
}

func (s *State) flying(kind FlightKind, id string) bool {
	return slices.ContainsFunc(s.Flights, func(f Flight) bool { return f.Kind == kind && (id == "" || f.ID == id) })
}

// Land takes an action off the list of what is under way.
func (s *State) Land(kind FlightKind, id string) {
	s.Flights = slices.DeleteFunc(s.Flights, func(f Flight) bool { return f.Kind == kind && (id == "" || f.ID == id) })
}

// Alert finds an alert by its ID.
func (s *State) Alert(id string) *Alert {
	for i := range s.Alerts {
		if s.Alerts[i].ID == id {
			return &s.Alerts[i]
		}
	}
	return nil
}

// open finds the unresolved alert of a reason.
func (s *State) open(r alert.Reason) *Alert {
	for i := range s.Alerts {
		if s.Alerts[i].Reason == r && s.Alerts[i].Open() {
			return &s.Alerts[i]
		}
	}
	return nil
}

// openAbout finds the unresolved alert of a reason about a version.
func (s *State) openAbout(r alert.Reason, v cert.Fingerprint) *Alert {
	for i := range s.Alerts {
		if a := &s.Alerts[i]; a.Reason == r && a.Version == v && a.Open() {
			return a
		}
	}
	return nil
}

// about finds the open alert of a condition. What is about places goes on in
// one alert when the version moves; what is about replacing a version does not.
func (s *State) about(c condition) *Alert {
	switch c.reason {
	case alert.Expiring, alert.SupplyNeeded, alert.RenewalFailing, alert.AttemptsSpent:
		return s.openAbout(c.reason, c.version)
	}
	return s.open(c.reason)
}

// Place finds what a target has.
func (s *State) Place(target string) *Installed {
	for i := range s.Installed {
		if s.Installed[i].Target == target {
			return &s.Installed[i]
		}
	}
	return nil
}

// Clone copies the state so that the copy can be changed freely.
func (s State) Clone() State {
	s.Installed = slices.Clone(s.Installed)
	s.Sight.Observations = slices.Clone(s.Sight.Observations)
	s.Renewal.Attempts = slices.Clone(s.Renewal.Attempts)
	s.Renewal.Words, s.Renewal.Tried = slices.Clone(s.Renewal.Words), slices.Clone(s.Renewal.Tried)
	s.Alerts = slices.Clone(s.Alerts)
	for i := range s.Alerts {
		a := &s.Alerts[i]
		a.Receipts, a.Used, a.Failed = slices.Clone(a.Receipts), slices.Clone(a.Used), slices.Clone(a.Failed)
		a.Gathering = a.Gathering.clone()
	}
	s.Flights = slices.Clone(s.Flights)
	s.Revocations = slices.Clone(s.Revocations)
	s.Rollout = s.Rollout.clone()
	if s.Approval != nil {
		a := *s.Approval
		s.Approval = &a
	}
	if s.Thawed != nil {
		t := *s.Thawed
		s.Thawed = &t
	}
	if s.Import != nil {
		i := *s.Import
		s.Import = &i
	}
	return s
}
