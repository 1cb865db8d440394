// Package alert says what a human is told: the reasons for which a certificate
// needs somebody, how urgent each is, the Notice that carries every fact, and
// its rendering to text in the reader's language. It is pure; lifecycle decides
// when a notice is due, channels deliver it.
package alert

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Severity orders notices; P1 pages.
type Severity string

// The severities, most urgent first.
const (
	P1 Severity = "P1"
	P2 Severity = "P2"
	P3 Severity = "P3"
	P4 Severity = "P4"
)

// MoreUrgentThan compares; an empty severity is the least urgent.
func (s Severity) MoreUrgentThan(other Severity) bool { return s.rank() < other.rank() }

func (s Severity) rank() int {
	switch s {
	case P1, P2, P3, P4:
		return int(s[1] - '0')
	}
	return 9
}

// Reason is a condition that a human must see. The strings are a stable
// contract: they stand in the journal, in metrics and in search attributes.
type Reason string

// The reasons.
const (
	// Expiring: a threshold was crossed without a proven replacement.
	Expiring Reason = "expiring"
	// SupplyNeeded: somebody has to order the next version and bring it.
	SupplyNeeded Reason = "supply-needed"
	// RenewalFailing: an attempt failed and more will follow.
	RenewalFailing Reason = "renewal-failing"
	// AttemptsSpent: all attempts failed; nothing automatic follows.
	AttemptsSpent Reason = "attempts-spent"
	// CAUnavailable: the CA is down or asks to wait; it costs no attempt.
	CAUnavailable Reason = "ca-unavailable"
	// CAOutage: a CA is down for all of its certificates; told once, about the CA.
	CAOutage Reason = "ca-outage"
	// MassRenewal: a CA wants very many certificates renewed at once; told once, about the CA.
	MassRenewal Reason = "mass-renewal"
	// ChannelFailing: a channel delivers nothing to anybody; told once, by another.
	ChannelFailing Reason = "channel-failing"
	// ChannelDoubtful: nobody answered a channel's proof of life.
	ChannelDoubtful Reason = "channel-doubtful"
	// ProofOfLife: a channel asks whether anybody reads it; no trouble.
	ProofOfLife Reason = "proof-of-life"
	// AddressBroken: an address leads nowhere.
	AddressBroken Reason = "address-broken"
	// TargetBehind: a target could not be reached and still has an older version.
	TargetBehind Reason = "target-behind"
	// Drifted: a place has something else than what was deployed there.
	Drifted Reason = "drifted"
	// RollbackUnproven: the previous version could not be shown to be back.
	RollbackUnproven Reason = "rollback-unproven"
	// RevocationFailing: a version that shall be revoked is not.
	RevocationFailing Reason = "revocation-failing"
	// ApprovalNeeded: people have to decide before something is issued or deployed.
	ApprovalNeeded Reason = "approval-needed"
	// Frozen: a freeze would hold the renewal back past the last safe moment.
	Frozen Reason = "frozen"
	// ConfigurationRefused: a worker does not take the file of its configuration; told about the worker.
	ConfigurationRefused Reason = "configuration-refused"
	// Handover: somebody leaves certificates behind; told about that person.
	Handover Reason = "handover"
	// Unenrolled: certificates were found that nobody enrolled; told about the source that was looked at.
	Unenrolled Reason = "unenrolled"
	// SourceIncomplete: a source of the inventory did not complete a run for too long; told about the source.
	SourceIncomplete Reason = "source-incomplete"
	// RenewalStuck: what renews certificates elsewhere (cert-manager, AWS) does not get on; told about the source.
	RenewalStuck Reason = "renewal-stuck"
	// Unguarded: certificates are enrolled, and their workflow was ended or cannot go on; told about them together.
	Unguarded Reason = "unguarded"
	// StoreBehind: the store lacks versions that are live; told about their certificates together.
	StoreBehind Reason = "store-behind"
	// CanaryFailing: the canary certificate could not be renewed; told about the CA that was asked.
	CanaryFailing Reason = "canary-failing"
	// Unseen: no place could be observed for too long.
	Unseen Reason = "unseen"
)

// Imported is the reason of a Summary. It is no condition of one certificate,
// so Reasons does not list it.
const Imported Reason = "imported"

// Gathered is the reason of a Summary of alerts that came together; like
// Imported, it is no condition of one certificate.
const Gathered Reason = "gathered"

// WeeklyDigest is the reason of a Weekly; no condition either.
const WeeklyDigest Reason = "weekly"

// Renewed is the reason of a notice that a renewal went well; no condition
// either. Version and Replacement are what is served now.
const Renewed Reason = "renewed"

// Reasons lists them.
var Reasons = []Reason{Expiring, SupplyNeeded, RenewalFailing, AttemptsSpent, CAUnavailable, CAOutage, MassRenewal, ChannelFailing, ChannelDoubtful, ProofOfLife, AddressBroken, TargetBehind, Drifted, RollbackUnproven, RevocationFailing, ApprovalNeeded, Frozen, Unseen, ConfigurationRefused, Handover, Unenrolled, SourceIncomplete, RenewalStuck, Unguarded, StoreBehind, CanaryFailing}

// OfChannel reports whether it is about a channel and not about a certificate.
func (r Reason) OfChannel() bool {
	return r == ChannelFailing || r == ChannelDoubtful || r == ProofOfLife || r == AddressBroken
}

// OfNone reports whether it is about something else than one certificate or a CA:
// a channel, a worker, a person, a source.
func (r Reason) OfNone() bool {
	return r.OfChannel() || r == ConfigurationRefused || r == Handover || r == Unenrolled || r == SourceIncomplete || r == RenewalStuck || r == Unguarded || r == StoreBehind || r == CanaryFailing
}

// ID names one alert: there is one per certificate, version and reason.
func ID(certificate string, version cert.Fingerprint, reason Reason) string {
	v := version.Short()
	if v == "" {
		v = "none"
	}
	return certificate + "/" + v + "/" + string(reason)
}

// Phase says which kind of news a notice is.
type Phase string

// The phases.
const (
	Firing       Phase = "firing"       // something needs somebody
	Changed      Phase = "changed"      // same alert, new facts (a later attempt failed): existing messages are edited
	Acknowledged Phase = "acknowledged" // somebody has it: existing messages are edited
	Snoozed      Phase = "snoozed"
	Resolved     Phase = "resolved" // evidence closed it: existing messages are edited and their thread told
)

// Reach says how loudly a notice is sent.
type Reach string

// The reaches.
const (
	// Quiet: one channel that does not interrupt (the team's Slack channel, a mail).
	Quiet Reach = "quiet"
	// Direct: one channel that reaches the person, of a kind not yet used in this round if there is one.
	Direct Reach = "direct"
	// Wide: two kinds of channel in parallel.
	Wide Reach = "wide"
	// PageAll: every kind of channel the person has, in parallel.
	PageAll Reach = "page"
)

// Action is something the reader may do from the message.
type Action string

// The actions; the strings are the Slack action IDs and the CLI verbs.
const (
	ActAcknowledge Action = "acknowledge"
	ActSnooze      Action = "snooze"
	ActRenew       Action = "renew-now"
	ActCheck       Action = "observe-now"
	ActTakeOver    Action = "take-over"
	ActReassign    Action = "reassign"
	ActApprove     Action = "approve"
	ActDeny        Action = "deny"
	ActAccept      Action = "accept"          // a handover
	ActDecline     Action = "decline"         // a handover
	ActMore        Action = "more"            // asks for a form in which to answer
	ActAckAll      Action = "acknowledge-all" // of a message about many alerts
)

// NextStep tells what the system itself will do next; rendered per language.
type NextStep struct {
	Kind string    `json:"kind"` // renew, retry, escalate, repeat, none, observe, wait-ca
	At   time.Time `json:"at,omitzero"`
	Who  string    `json:"who,omitempty"` // role told next, for escalate
}

// Place is one target or endpoint and what it serves.
type Place struct {
	Where       string           `json:"where"`
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"`
	NotAfter    time.Time        `json:"notAfter,omitzero"`
	Err         string           `json:"err,omitempty"`
}

// Try is one attempt, told in a page.
type Try struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"` // short reason code
	Cause   string    `json:"cause"`   // the exact error text
}

// Fallback tells that another CA is tried than before.
type Fallback struct {
	From   string `json:"from"` // configured name
	To     string `json:"to"`
	Failed int    `json:"failed"` // in a row at From; 0: it had no room in time
}

// Freeze is a time in which the policy has nothing begin.
type Freeze struct {
	Name  string    `json:"name"`
	Until time.Time `json:"until"`
}

// Question is what people are to approve.
type Question struct {
	Deploy    bool         `json:"deploy,omitempty"`    // that Version is deployed; else that a new one is issued
	Version   cert.Version `json:"version,omitzero"`    // of one that is not the candidate only the fingerprint
	Requester string       `json:"requester,omitempty"` // who asked for it, and may not approve
	By        []string     `json:"by"`                  // the roles that may
	Got       int          `json:"got,omitempty"`       // approvals that are there,
	Of        int          `json:"of"`                  // of so many
	Denied    string       `json:"denied,omitempty"`    // by whom and why, before it was asked again
	Standing  string       `json:"standing,omitempty"`  // changes when something else is asked
}

// Answer is what somebody did about an alert.
type Answer struct {
	By    string    `json:"by"`
	Via   string    `json:"via"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	Note  string    `json:"note,omitempty"`
}

// Notice carries every fact a message may tell, once, without language. Texts
// in it that came from servers or users are hostile; rendering and channels
// escape them.
type Notice struct {
	// Key is the same for every delivery of one notice, over retries and restarts.
	Key         string       `json:"key"`
	AlertID     string       `json:"alertID"`
	Standing    string       `json:"standing,omitempty"` // changes when somebody answers or it grows more urgent
	Round       int          `json:"round,omitempty"`    // counts firings of the alert from 1
	Phase       Phase        `json:"phase"`
	Severity    Severity     `json:"severity"`
	Reason      Reason       `json:"reason"`
	Reach       Reach        `json:"reach"`
	Certificate string       `json:"certificate"`
	Names       []string     `json:"names"`
	Subject     string       `json:"subject,omitempty"` // what of it, where that is no version: an address of a channel
	Managed     bool         `json:"managed"`
	Environment string       `json:"environment,omitempty"`
	Owner       string       `json:"owner,omitempty"`
	Team        string       `json:"team,omitempty"`
	Version     cert.Version `json:"version,omitzero"` // the version in danger
	Replacement cert.Version `json:"replacement,omitzero"`
	At          time.Time    `json:"at"` // when it was decided to tell; days left are counted from here
	Places      []Place      `json:"places,omitempty"`
	Issued      int          `json:"issued,omitempty"` // Unenrolled: of how many it is only known that they were issued
	Cause       string       `json:"cause,omitempty"`  // last error, exact
	Tried       []Try        `json:"tried,omitempty"`
	Fallback    *Fallback    `json:"fallback,omitempty"`
	Question    *Question    `json:"question,omitempty"`
	Freeze      *Freeze      `json:"freeze,omitempty"` // that holds the renewal back now
	Next        NextStep     `json:"next"`
	Commands    []string     `json:"commands,omitempty"` // what to type, one command a line
	Answer      *Answer      `json:"answer,omitempty"`
	Evidence    string       `json:"evidence,omitempty"` // what closed it
	Retired     bool         `json:"retired,omitempty"`  // nobody guards the certificate any more; that closed it
	Step        int          `json:"step"`               // escalation step, from 0
	Actions     []Action     `json:"actions,omitempty"`
	Link        string       `json:"link,omitempty"` // where to see it whole
	Summary     *Summary     `json:"summary,omitempty"`
	Weekly      *Weekly      `json:"weekly,omitempty"`
	Test        bool         `json:"test,omitempty"` // somebody tries a channel; every text says so
}

// Message is a notice for one recipient by one channel.
type Message struct {
	Notice    Notice         `json:"notice"`
	To        people.Contact `json:"to"`
	Channel   string         `json:"channel"` // configured name
	Kind      string         `json:"kind"`    // kind of channel: slack, email, console
	Address   string         `json:"address"`
	DedupKey  string         `json:"dedupKey"`            // unique per notice, recipient and channel
	InReplyTo *Receipt       `json:"inReplyTo,omitempty"` // the first message of this alert there, if one was sent
	// Links answer in the name of the recipient. Who sends the message makes them,
	// so that none stands in a history.
	Links []Link `json:"-"`
}

// Receipt is a channel's word that it accepted a message. Accepted is not read.
type Receipt struct {
	Channel  string    `json:"channel"`
	Kind     string    `json:"kind"`
	To       string    `json:"to"`      // person or team ID
	Address  string    `json:"address"` // as sent to
	ID       string    `json:"id"`      // the channel's own ID of the message (Slack ts, Message-ID)
	Thread   string    `json:"thread,omitempty"`
	At       time.Time `json:"at"`
	DedupKey string    `json:"dedupKey"`
	// Digest names the message of an inbox in which the notice stands among others;
	// empty: the message is about it alone.
	Digest string `json:"digest,omitempty"`
	// Copy is of a notice that somebody else was told: it reached nobody.
	Copy bool `json:"copy,omitempty"`
	// Language and TimeZone are the recipient's, so that a later change reads like the message.
	Language string `json:"language,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}
