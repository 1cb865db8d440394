package budget

import (
	"slices"
	"strings"
	"time"
)

// How a CA that is down is tried: soon at first, then ever more seldom.
const (
	firstProbe = 30 * time.Second
	lastProbe  = 15 * time.Minute
)

// Stranded is a certificate whose renewal found the CA down.
type Stranded struct {
	Certificate string    `json:"certificate"`
	SafeBy      time.Time `json:"safeBy"`
}

// Outage is how a CA is down for an account. It is one event, however many
// certificates it strands: the CA is probed, then the most urgent certificate
// goes first, and when the CA answers that one, all others follow.
type Outage struct {
	Since     time.Time     `json:"since,omitzero"` // zero: there is none
	Confirmed bool          `json:"confirmed,omitempty"`
	Cause     string        `json:"cause,omitempty"`
	Stranded  []Stranded    `json:"stranded,omitempty"` // the most urgent first
	ProbeAt   time.Time     `json:"probeAt,omitzero"`
	Pause     time.Duration `json:"pause,omitempty"`
	// Canary was woken to see whether the CA answers orders; until CanaryUntil it has the time to tell.
	Canary      string    `json:"canary,omitempty"`
	CanaryUntil time.Time `json:"canaryUntil,omitzero"`
}

// On reports whether the CA counts as down.
func (o *Outage) On() bool { return !o.Since.IsZero() }

// Struck takes in that a renewal found the CA down. The first word is doubted
// until the CA is probed.
func (o *Outage) Struck(now time.Time, s Stranded, cause string) {
	if !o.On() {
		*o = Outage{Since: now, ProbeAt: now, Pause: firstProbe}
	}
	o.Cause = cause
	o.leave(s.Certificate)
	i, _ := slices.BinarySearchFunc(o.Stranded, s, func(a, b Stranded) int {
		if c := a.SafeBy.Compare(b.SafeBy); c != 0 {
			return c
		}
		return strings.Compare(a.Certificate, b.Certificate)
	})
	o.Stranded = slices.Insert(o.Stranded, i, s)
	if o.Canary == s.Certificate { // the CA answers probes and no orders
		o.Canary, o.Confirmed = "", true
		o.backOff(now)
	}
}

// Left takes in that a certificate waits for the CA no more.
func (o *Outage) Left(now time.Time, certificate string) {
	o.leave(certificate)
	if o.On() && o.Canary == certificate {
		o.Canary, o.ProbeAt = "", now
	}
}

func (o *Outage) leave(certificate string) {
	o.Stranded = slices.DeleteFunc(o.Stranded, func(s Stranded) bool { return s.Certificate == certificate })
}

func (o *Outage) backOff(now time.Time) {
	o.ProbeAt = now.Add(o.Pause)
	o.Pause = min(2*o.Pause, lastProbe)
}

// Probed takes in how a probe ended; cause is empty if the CA answered. It gives
// the certificate that goes first.
func (o *Outage) Probed(now time.Time, cause string) (canary string) {
	switch {
	case !o.On():
		return ""
	case cause != "":
		o.Cause, o.Confirmed = cause, true
		o.backOff(now)
		return ""
	case len(o.Stranded) == 0:
		*o = Outage{}
		return ""
	}
	o.Canary, o.CanaryUntil = o.Stranded[0].Certificate, now.Add(Hold)
	o.ProbeAt = o.CanaryUntil
	return o.Canary
}

// Answered takes in that the CA answered an order. It ends the outage and gives
// all who wait, the most urgent first.
func (o *Outage) Answered(certificate string) []Stranded {
	if !o.On() {
		return nil
	}
	o.leave(certificate)
	all := o.Stranded
	*o = Outage{}
	return all
}

// ProbeDue reports whether the CA is to be probed now. A canary that never told
// is passed over.
func (o *Outage) ProbeDue(now time.Time) bool {
	if !o.On() || now.Before(o.ProbeAt) {
		return false
	}
	if o.Canary != "" {
		o.leave(o.Canary)
		o.Canary = ""
	}
	return true
}
