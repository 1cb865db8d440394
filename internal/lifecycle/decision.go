package lifecycle

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// StepKind is what to do.
type StepKind string

// The steps.
const (
	StepWait     StepKind = "wait"     // until Decision.Due, or until something happens
	StepLook     StepKind = "look"     // observe every endpoint and target
	StepTell     StepKind = "tell"     // send a notice of Alert to Roles
	StepEdit     StepKind = "edit"     // bring sent messages of Alert up to date
	StepReport   StepKind = "report"   // tell the import how this one stands; Alert, if any, waits for its summary
	StepClose    StepKind = "close"    // the alert is resolved by Alert.Evidence
	StepRun      StepKind = "run"      // start the child that renews, deploys or rolls back
	StepApproval StepKind = "approval" // people are asked to approve, or the policy decides: Step.Approval is how it stands then
	StepRevoke   StepKind = "revoke"   // have the CA revoke Step.Revoke
	StepFinish   StepKind = "finish"   // retired: the entity ends
)

// Reason names why a step was decided; a stable contract, shown to humans.
type Reason string

// The reasons of steps.
const (
	RetireAsked         Reason = "retire-asked"
	RetireWaits         Reason = "retire-waits-for-what-is-under-way"
	FirstLook           Reason = "first-look"
	LookAsked           Reason = "look-asked"
	LookBeforeTelling   Reason = "look-before-telling"
	LookRoutine         Reason = "look-routine"
	EvidenceFound       Reason = "evidence-found"
	RollBackAsked       Reason = "roll-back-asked"
	DeployAsked         Reason = "deploy-asked"
	RevokeAsked         Reason = "revoke-asked"
	RenewAsked          Reason = "renew-asked"
	FirstIssuance       Reason = "first-issuance"
	RenewalDue          Reason = "renewal-due"
	WindowReached       Reason = "ca-window-reached"
	RetryDue            Reason = "retry-due"
	WaitOver            Reason = "ca-wait-over"
	FreezeYields        Reason = "freeze-yields"
	ApprovalAsked       Reason = "approval-needed"
	ApprovalUnanswered  Reason = "approval-unanswered"
	ApprovalMoot        Reason = "approval-not-needed"
	NextCAAfterFailures Reason = "next-ca-after-failures"
	NextCAToBeSafe      Reason = "next-ca-to-be-safe"
	NamesNotCovered     Reason = "names-not-covered"
	BehindRetryDue      Reason = "behind-retry-due"
	ThresholdCrossed    Reason = "threshold-crossed"
	ConditionRaised     Reason = "condition-raised"
	StepUnanswered      Reason = "step-unanswered"
	AckLapsed           Reason = "acknowledgement-lapsed"
	SnoozeEnded         Reason = "snooze-ended"
	QuietHoursOver      Reason = "quiet-hours-over"
	RepeatUnanswered    Reason = "repeat-unanswered"
	NobodyReached       Reason = "nobody-reached"
	MessagesOutdated    Reason = "messages-outdated"
	ImportAsks          Reason = "import-asks"
	SummaryMissed       Reason = "summary-missed"
	InboxMissed         Reason = "inbox-missed"
	HandedOver          Reason = "handed-over"
	UntilThreshold      Reason = "until-threshold"
	UntilRenewal        Reason = "until-renewal"
	UntilWindow         Reason = "until-ca-window"
	UntilRetry          Reason = "until-retry"
	UntilCARoom         Reason = "until-ca-has-room"
	UntilCABack         Reason = "until-ca-is-back"
	UntilNextCA         Reason = "until-next-ca"
	UntilBehindRetry    Reason = "until-behind-retry"
	UntilSupply         Reason = "until-supply-is-needed"
	UntilRevoke         Reason = "until-revocation"
	UntilEscalation     Reason = "until-escalation"
	UntilSummary        Reason = "until-summary"
	UntilInbox          Reason = "until-inbox"
	UntilAckLapses      Reason = "until-acknowledgement-lapses"
	UntilSnoozeEnds     Reason = "until-snooze-ends"
	UntilQuietHoursEnd  Reason = "until-quiet-hours-end"
	UntilPauseEnds      Reason = "until-pause-ends"
	UntilFreezeEnds     Reason = "until-freeze-ends"
	UntilAsked          Reason = "until-approval-is-asked"
	UntilPolicyDecides  Reason = "until-policy-decides"
	UntilFreezeYields   Reason = "until-freeze-yields"
	UntilLastSafeMoment Reason = "until-last-safe-moment"
	UntilLook           Reason = "until-look"
	UntilUnseenTooLong  Reason = "until-unseen-too-long"
	UntilBackstop       Reason = "until-backstop"
)

// Decision is what the brain says at one wake. It is recorded whole, so that
// later rules do not change what a running entity did.
type Decision struct {
	Step       Step       `json:"step"`
	Reason     Reason     `json:"reason"`
	Due        time.Time  `json:"due,omitzero"` // for StepWait: when to ask again
	Next       Event      `json:"next,omitzero"`
	Attributes Attributes `json:"attributes"`
	// Then is what follows if nothing happens meanwhile; nil: ask again.
	Then *Decision `json:"then,omitempty"`
}

// Step is one thing to do.
type Step struct {
	Kind  StepKind      `json:"kind"`
	Alert *Alert        `json:"alert,omitempty"` // as it stands after the step
	Roles []people.Role `json:"roles,omitempty"`
	Reach alert.Reach   `json:"reach,omitempty"`
	// Last tells that nobody comes after these roles, so an empty answer goes to the catch-all.
	Last bool `json:"last,omitempty"`
	// Alone tells that no inbox is trusted with it: one was, and said nothing.
	Alone bool        `json:"alone,omitempty"`
	Next  people.Role `json:"next,omitempty"` // who is told after these, if nobody answers
	Run   *Run        `json:"run,omitempty"`
	// Approval is how it stands after the step; nil: none is needed any more.
	Approval *Approval `json:"approval,omitempty"`
	// MayWait is until when quiet hours may keep it from interrupting; zero: they
	// do not count. Again are those whose quiet hours are over.
	MayWait time.Time `json:"mayWait,omitzero"`
	Again   []string  `json:"again,omitempty"`
	// Revoke is the order, as it stands before the step.
	Revoke *Revocation `json:"revoke,omitempty"`
	// Standing is what the import is told; nil if no threshold was passed.
	Standing *Standing `json:"standing,omitempty"`
}

// Purpose says what a run is for.
type Purpose string

// The purposes.
const (
	ForRenewal  Purpose = "renew"
	ForDeploy   Purpose = "deploy"
	ForRollBack Purpose = "roll-back"
)

// Run is an order to the child workflow.
type Run struct {
	Purpose  Purpose          `json:"purpose"`
	Replaces cert.Fingerprint `json:"replaces,omitempty"`
	Version  cert.Fingerprint `json:"version,omitempty"` // deploy and roll-back: this one
	CA       string           `json:"ca,omitempty"`      // renew: whose turn it is
	Moved    *Moved           `json:"moved,omitempty"`   // renew: it is another one than before
	Leaves   string           `json:"leaves,omitempty"`  // the CA whose account need not wake it any more
	Targets  []string         `json:"targets,omitempty"`
	Attempt  int              `json:"attempt"` // counts from 1
	Discard  bool             `json:"discard,omitempty"`
	NewKey   bool             `json:"newKey,omitempty"` // the key is not kept, whatever the spec says
	ByHand   string           `json:"byHand,omitempty"` // who asked; empty if the rules did
	// Part tells that only some targets get the version, which is not the live one.
	Part bool `json:"part,omitempty"`
	// Hold has the run end when a version is issued: it may not be deployed yet.
	Hold bool `json:"hold,omitempty"`
	// Only is the version that people approved: no other one is deployed.
	Only cert.Fingerprint `json:"only,omitempty"`
	// Yields is the freeze that the policy has yield for this run.
	Yields *Frozen `json:"yields,omitempty"`
	// SafeBy is the last safe moment of what is replaced; InWindow tells that the
	// CA's renewal window has begun, Canary that an outage ends if the CA answers.
	SafeBy   time.Time     `json:"safeBy,omitzero"`
	InWindow bool          `json:"inWindow,omitempty"`
	Canary   bool          `json:"canary,omitempty"`
	Timeout  time.Duration `json:"timeout"`
	Proof    time.Duration `json:"proof"`
	// Batches is the plan of the rollout, empty if all targets go at once; MayFail
	// is how many may fail before it is undone.
	Batches []Batch `json:"batches,omitempty"`
	MayFail int     `json:"mayFail,omitempty"`
}

// Event is something that will be due.
type Event struct {
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
	Alert  string    `json:"alert,omitempty"`
}

// Attributes are the search attributes; upserted only when they change.
type Attributes struct {
	State        string    `json:"state"`
	Severity     string    `json:"severity,omitempty"`
	Owner        string    `json:"owner,omitempty"`
	Team         string    `json:"team,omitempty"`
	Environment  string    `json:"environment,omitempty"`
	Issuer       string    `json:"issuer,omitempty"`
	Fingerprint  string    `json:"fingerprint,omitempty"`
	KeyAlgorithm string    `json:"keyAlgorithm,omitempty"`
	NotAfter     time.Time `json:"notAfter,omitzero"`
	NextStepAt   time.Time `json:"nextStepAt,omitzero"`
	Names        []string  `json:"names,omitempty"`
	Hosts        []string  `json:"hosts,omitempty"`
}

// OutcomeKind says how a run ended.
type OutcomeKind string

// The outcomes.
const (
	// Proven: every target has the version and every endpoint serves it.
	Proven OutcomeKind = "proven"
	// Behind: the same for every target that could be reached; others could not.
	Behind OutcomeKind = "behind"
	// CAUnavailable: the CA is down, or said when to come back. Costs no attempt.
	CAUnavailable OutcomeKind = "ca-unavailable"
	// StoreUnavailable: our own store is away, or the service that holds its key;
	// nothing is known of the CA or the targets by it. Costs no attempt.
	StoreUnavailable OutcomeKind = "store-unavailable"
	// ValidationFailed: the CA looked and refused.
	ValidationFailed OutcomeKind = "validation-failed"
	// ConfigurationRefused: what was asked cannot work until a human changes it.
	ConfigurationRefused OutcomeKind = "configuration-refused"
	// DeployFailed: a target failed after it was reached; it has its previous version back.
	DeployFailed OutcomeKind = "deploy-failed"
	// ProofFailed: the wire did not show the version; the previous one is back and proven.
	ProofFailed OutcomeKind = "proof-failed"
	// Unproven: the previous version could not be shown to be back, or putting
	// it back would not have helped; a target is in doubt.
	Unproven OutcomeKind = "rollback-unproven"
	// Waiting: the CA allows no order yet; nothing was asked of it. Costs no attempt.
	Waiting OutcomeKind = "waiting"
	// Unsettled: an order at another CA was finalized, and nobody can tell yet what
	// became of it; until then no second one is placed. Costs no attempt.
	Unsettled OutcomeKind = "order-unsettled"
	// Issued: a version is there and may not be deployed yet. Costs no attempt.
	Issued OutcomeKind = "issued"
	// Unreached: no target could be reached; the version waits. Costs no attempt.
	Unreached OutcomeKind = "unreached"
	// Unknown: the run ended without a word (timeout, termination). The world is asked.
	Unknown OutcomeKind = "unknown"
)

// Outcomes lists them all.
var Outcomes = []OutcomeKind{
	Proven, Behind, CAUnavailable, StoreUnavailable, ValidationFailed, ConfigurationRefused, DeployFailed, ProofFailed, Unproven, Waiting, Unsettled, Issued, Unreached, Unknown,
}

// Counts reports whether an outcome costs an attempt: only validation,
// configuration, deploy and proof failures do.
func (k OutcomeKind) Counts() bool {
	switch k {
	case ValidationFailed, ConfigurationRefused, DeployFailed, ProofFailed, Unproven:
		return true
	}
	return false
}

// away reports whether the CA could not be asked.
func (k OutcomeKind) away() bool { return k == CAUnavailable || k == Unsettled }

// mute reports whether an outcome says nothing about the CA and the targets.
func (k OutcomeKind) mute() bool { return k == Unknown || k == StoreUnavailable }

// Success reports whether the version is proven wherever it could be.
func (k OutcomeKind) Success() bool { return k == Proven || k == Behind }

// Outcome is what a run returns.
type Outcome struct {
	Kind         OutcomeKind
	Cause        string    // exact error text
	RetryAt      time.Time // not before; zero if nobody said
	CA           string    // that it is about; empty: the one that was asked
	Elsewhere    bool      // another CA need not fail in the same way
	Watched      bool      // the CA's account knows that the CA is unavailable, and wakes whom it keeps waiting
	Version      cert.Version
	Installed    []Installed
	Observations []cert.Observation
	ObservedAt   time.Time
	Rollout      *Rollout // nil if nothing was rolled out
}
