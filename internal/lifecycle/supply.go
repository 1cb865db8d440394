package lifecycle

import (
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// lead is the policy's, or the default of one from before it was known.
func (p Policy) lead() Span {
	if p.Lead.IsZero() {
		return Default().Lead
	}
	return p.Lead
}

// Plan is the calendar of the live version. Where people order, RenewAt is when
// they are told to.
func (s *State) Plan() Plan {
	p := PlanOf(s.Live, s.Window, s.Spec.Policy)
	if s.Spec.Supplied {
		p.RenewAt = s.Live.NotAfter.Add(-s.Spec.Policy.lead().Of(p.Lifetime))
	}
	return p
}

// awaitsSupply tells that nothing can be renewed until somebody brings a version.
func (s *State) awaitsSupply() bool {
	return s.Spec.Managed && s.Spec.Supplied && s.Renewal.Supplied == ""
}

// CheckSupply tells why a version that somebody brought cannot be taken; nil if it can.
func (s *State) CheckSupply(now time.Time, v cert.Version) error {
	name := s.Spec.Name
	missing := cert.Covers(v.Names, s.Spec.Names)
	switch {
	case !s.Spec.Managed || !s.Spec.Supplied:
		return refuse("%s is not ordered by hand: nothing can be supplied; renew it instead: neverlapse renew %s", name, name)
	case v.Fingerprint == "":
		return refuse("no version was brought for %s", name)
	case len(missing) > 0:
		return refuse("%s does not cover %s", v.Fingerprint.Short(), strings.Join(missing, ", "))
	case !v.ValidAt(now):
		return refuse("%s is valid from %s until %s, not now", v.Fingerprint.Short(), v.NotBefore.UTC().Format(time.RFC3339), v.NotAfter.UTC().Format(time.RFC3339))
	case v.Fingerprint == s.Live.Fingerprint:
		return refuse("%s already is the live version of %s", v.Fingerprint.Short(), name)
	case s.Revoked(v.Fingerprint) != nil:
		return refuse("%s of %s was revoked", v.Fingerprint.Short(), name)
	case s.flying(FlyRenewal, "") || s.Renew != nil:
		return refuse("a deployment of %s is under way; try again when it has ended", name)
	case s.Paused != nil && now.Before(s.Paused.Until):
		return refuse("%s is paused until %s by %s; resume it first: neverlapse resume %s", name, s.Paused.Until.UTC().Format(time.RFC3339), s.Paused.By, name)
	}
	return nil
}

// Supply notes a version that somebody brought; the loop deploys it. What failed
// with another one counts no more.
func (s *State) Supply(o Order, v cert.Version) {
	s.Renewal.Supplied, s.Renewal.Candidate, s.Renew = v.Fingerprint, v, &o
	s.afresh()
}

// supplyNeeded: the time has come to order the next version. It takes the place
// of what tells that a certificate expires, until one is brought.
func (v *view) supplyNeeded() *condition {
	s := v.s
	if !s.awaitsSupply() {
		return nil
	}
	c := &condition{reason: alert.SupplyNeeded, severity: alert.P4, level: -1, since: s.EnrolledAt}
	if v.known() {
		c.since, c.level = v.plan.RenewAt, v.plan.Level(v.now)
		if len(cert.Covers(s.Live.Names, s.Spec.Names)) > 0 {
			c.since = latest(s.EnrolledAt, s.LiveAt)
		}
	}
	if v.now.Before(c.since) {
		return nil
	}
	if c.level >= 0 {
		t := v.plan.Thresholds[c.level]
		c.severity, c.since = t.Severity, latest(c.since, t.At)
	}
	c.plan = string(c.severity)
	return c
}

// supplied says what ends the call for an order, "" while nothing does.
func (v *view) supplied(a Alert) string {
	s := v.s
	switch {
	case !s.Spec.Supplied:
		return "the certificate is not ordered by hand any more"
	case s.Renewal.Supplied != "":
		return s.Renewal.Supplied.Short() + " was supplied, and is being deployed"
	case v.known() && s.Live.Fingerprint != a.Version && v.serves():
		return v.proof()
	case v.known() && s.Live.Fingerprint == a.Version && v.supplyNeeded() == nil:
		return "the policy was changed: it is not due yet"
	}
	return ""
}
