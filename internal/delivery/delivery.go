// Package delivery says what became of messages that did not arrive: the dead
// letters that stay until somebody sees them, the addresses that lead nowhere,
// and how a channel stands. It is pure; the store keeps its records, workflows
// and activities write them. It sends nothing.
package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// About says whose fault it is that a message did not arrive.
type About string

// What a failure may be about.
const (
	// Channel: it may be so for everybody (a revoked token, a server that is down).
	Channel About = "channel"
	// Address: this address leads nowhere; others are reached.
	Address About = "address"
	// Mailbox: the address is there and did not take this message: it is full, or
	// its rules refuse it.
	Mailbox About = "mailbox"
	// Message: the channel refuses what the message says.
	Message About = "message"
	// Worker: no worker was there to send it.
	Worker About = "worker"
	// Nobody: no channel leads to whoever was to be told.
	Nobody About = "nobody"
)

// Undelivered is a dead letter: a message that a channel finally refused, or,
// where Channel is empty, a notice that reached nobody.
type Undelivered struct {
	ID          string         `json:"id"` // the same however often it is recorded; see ID
	At          time.Time      `json:"at"`
	Certificate string         `json:"certificate"`
	Alert       string         `json:"alert,omitempty"`
	Severity    alert.Severity `json:"severity,omitempty"`
	Reason      alert.Reason   `json:"reason,omitempty"`
	To          string         `json:"to,omitempty"` // person or team
	Channel     string         `json:"channel,omitempty"`
	Kind        string         `json:"kind,omitempty"`
	Address     string         `json:"address,omitempty"`
	About       About          `json:"about"`
	Why         string         `json:"why"`
	Returned    bool           `json:"returned,omitempty"` // it was accepted, and came back later
	Instead     []string       `json:"instead,omitempty"`  // who got the notice all the same: "minji by mail"
	Seen        *Seen          `json:"seen,omitempty"`
}

// Seen says who took notice of a dead letter.
type Seen struct {
	By   string    `json:"by"`
	Via  string    `json:"via,omitempty"`
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"`
}

// ID names the dead letter of a message by its DedupKey, short enough to type.
func ID(dedupKey string) string {
	sum := sha256.Sum256([]byte(dedupKey))
	return hex.EncodeToString(sum[:6])
}

// ValidID reports whether a text can be such an ID.
func ValidID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == 12 && strings.ToLower(id) == id
}

// Broken is an address that leads nowhere. Messages go other ways until it is
// mended: a message is proven to arrive there, somebody says so, or the
// directory has another address.
type Broken struct {
	Kind    string    `json:"kind"` // of channel: slack, email, sms
	Address string    `json:"address"`
	Owner   string    `json:"owner,omitempty"` // person or team whose address it was
	Channel string    `json:"channel,omitempty"`
	Since   time.Time `json:"since"`
	TriedAt time.Time `json:"triedAt,omitzero"` // when a message to it failed last
	Why     string    `json:"why"`
	// Returned tells that messages to it are accepted and come back, so that one
	// that is accepted proves nothing.
	Returned bool `json:"returned,omitempty"`
}

// Is reports whether it is this address. E-mail addresses are compared without case.
func (b Broken) Is(kind, address string) bool {
	return b.Kind == kind && Fold(kind, address) == Fold(kind, b.Address)
}

// again is after how long an address that was refused at once is tried again:
// the app may have been invited to the channel meanwhile.
const again = 24 * time.Hour

// Avoid reports whether messages go other ways for now.
func (b Broken) Avoid(now time.Time) bool { return b.Returned || now.Sub(b.TriedAt) < again }

// Fold gives the form of an address by which it is kept: mail servers that tell
// the case of letters apart do not exist in practice, and what comes back from
// them has changed it.
func Fold(kind, address string) string {
	if kind == "email" {
		return strings.ToLower(address)
	}
	return address
}

// BrokenIn finds an address among those that are broken.
func BrokenIn(all []Broken, kind, address string) (Broken, bool) {
	i := slices.IndexFunc(all, func(b Broken) bool { return b.Is(kind, address) })
	if i < 0 {
		return Broken{}, false
	}
	return all[i], true
}

// Query asks for dead letters.
type Query struct {
	All bool `json:"all,omitempty"` // those that somebody has seen as well
}

// List is what did not arrive, and where nothing arrives. Its JSON is a contract
// with scripts.
type List struct {
	Letters []Undelivered `json:"letters"`
	Broken  []Broken      `json:"broken"`
}

// Marking says who has seen which dead letters.
type Marking struct {
	IDs  []string `json:"ids"`
	Seen Seen     `json:"seen"`
}

// Mending names an address that works again, as somebody says.
type Mending struct {
	Address string `json:"address"`
}

// Standing is how a channel did lately, as the hands saw it.
type Standing struct {
	Channel     string    `json:"channel"`
	LastSuccess time.Time `json:"lastSuccess,omitzero"` // to the minute while it works
	LastFailure time.Time `json:"lastFailure,omitzero"` // of a message given up, of whatever cause
	Why         string    `json:"why,omitempty"`        // of the last failure
	// Failing tells that a message was given up for the channel's sake and none
	// was accepted since.
	Failing bool `json:"failing,omitempty"`
}

// Listed is a channel as it is configured, and how it stands.
type Listed struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Proves   bool     `json:"proves"` // somebody in particular reads it
	Standing Standing `json:"standing"`
}

// Outcome is how one message ended.
type Outcome struct {
	Channel string
	At      time.Time
	About   About  // of a failure
	Why     string // empty: the channel accepted it
}

// fine is how often a success is worth a note while there was nothing else.
const fine = time.Minute

// After gives the standing after an outcome; false if it is not worth writing.
func (s Standing) After(o Outcome) (Standing, bool) {
	s.Channel = o.Channel
	if o.Why == "" {
		worth := s.Failing && o.At.After(s.LastFailure) || o.At.Sub(s.LastSuccess) >= fine
		if o.At.After(s.LastSuccess) {
			s.LastSuccess = o.At
		}
		s.Failing = s.Failing && !s.LastSuccess.After(s.LastFailure)
		return s, worth
	}
	if o.At.Before(s.LastFailure) {
		return s, false
	}
	s.LastFailure, s.Why = o.At, o.Why
	s.Failing = (o.About == Channel || s.Failing) && o.At.After(s.LastSuccess)
	return s, true
}
