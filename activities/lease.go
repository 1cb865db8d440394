package activities

import (
	"context"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Terms say what stands between a renewal and an order.
type Terms struct {
	Account string `json:"account"`           // at the CA; its workflow is told how orders end
	Limited bool   `json:"limited,omitempty"` // a lease is needed for an order
}

// terms of an order at a CA; nil where nobody keeps an account.
func (a *Activities) terms(in IssueInput) *Terms {
	ca, err := a.ca(in.CA)
	if a.Broker == nil || err != nil {
		return nil
	}
	t := &Terms{Account: "default"}
	if g, ok := ca.(Governed); ok {
		t.Account, t.Limited = g.Account(), len(g.Limits(in.Names)) > 0
	}
	return t
}

// LeaseInput asks for the right to place one order.
type LeaseInput struct {
	IssueInput
	Account  string    `json:"account"`
	Token    string    `json:"token"` // of the run
	SafeBy   time.Time `json:"safeBy"`
	InWindow bool      `json:"inWindow,omitempty"` // the CA's renewal window of what is replaced has begun
}

// Lease asks the account for the right to place one order. An order that is
// open already is gone on with, and needs none.
func (a *Activities) Lease(ctx context.Context, in LeaseInput) (budget.Grant, error) {
	g, err := a.lease(ctx, in)
	return g, toTemporal(err, a.Now())
}

func (a *Activities) lease(ctx context.Context, in LeaseInput) (budget.Grant, error) {
	ca, err := a.ca(in.CA)
	if err != nil {
		return budget.Grant{}, err
	}
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return budget.Grant{}, ours(err)
	}
	if iss.OrderURL != "" && goesOn(iss, in.IssueInput) {
		return budget.Grant{Granted: true}, nil
	}
	r := budget.Request{ID: leaseID(in.IssueInput), Token: in.Token, Certificate: in.Name, SafeBy: in.SafeBy}
	if g, ok := ca.(Governed); ok {
		exempt := in.InWindow && g.ExemptsARI() && iss.NoReplaces == "" && a.replaces(ctx, ca, in.IssueInput) != ""
		r.Limits = a.counted(ctx, g.Limits(in.Names), in.IssueInput, exempt)
	}
	grant, err := a.Broker.Ask(ctx, in.CA, in.Account, r)
	return grant, brokers(err)
}

// Leave tells the account at a CA that a certificate waits for it no more,
// because another CA is tried. in.CA is the one that is left.
func (a *Activities) Leave(ctx context.Context, in IssueInput) error {
	t := a.terms(in)
	if t == nil {
		return nil
	}
	r := Report{ID: leaseID(in), Certificate: in.Name, Kind: Left, At: a.Now()}
	return toTemporal(brokers(a.Broker.Report(ctx, in.CA, t.Account, r)), a.Now())
}

// leaseID is the same for every run of one replacement.
func leaseID(in IssueInput) string { return in.Name + "/" + in.Replaces.Short() }

// counted leaves out what the CA does not count: everything of an exempt order,
// and some of a renewal for exactly the same names.
func (a *Activities) counted(ctx context.Context, limits []cert.Limit, in IssueInput, exempt bool) []cert.Limit {
	if exempt {
		return nil
	}
	same := false
	if versions, err := a.Store.Versions(ctx, in.Name); err == nil && in.Replaces != "" {
		same = slices.ContainsFunc(versions, func(v cert.Version) bool {
			return v.Fingerprint == in.Replaces && v.CA == in.CA && len(cert.Covers(v.Names, in.Names)) == 0 && len(v.Names) == len(in.Names)
		})
	}
	return slices.DeleteFunc(limits, func(l cert.Limit) bool { return same && l.SparesRenewals })
}

// Report tells an account how an order ended that did not go well.
type Report struct {
	ID          string       `json:"id"`
	Certificate string       `json:"certificate"`
	SafeBy      time.Time    `json:"safeBy"`
	Limits      []cert.Limit `json:"limits,omitempty"` // that an order for these names counts against
	Kind        Kind         `json:"kind"`
	RetryAt     time.Time    `json:"retryAt,omitzero"`
	// Narrow tells that the CA's date is about these names and no others.
	Narrow bool      `json:"narrow,omitempty"`
	Cause  string    `json:"cause,omitempty"`
	Count  int       `json:"count,omitempty"` // MassRenewal: of how many the window is past
	At     time.Time `json:"at"`
}

// MassRenewal is the Kind of a report that is about no order: how many
// certificates of the CA have a renewal window that is past.
const MassRenewal Kind = "mass-renewal"

// Left is the Kind of a report that is about no order: the certificate waits for
// the CA no more.
const Left Kind = "left"

// ReportInput is what became of an order.
type ReportInput struct {
	IssueInput
	Account string    `json:"account"`
	SafeBy  time.Time `json:"safeBy"`
	Failure Failure   `json:"failure"`
	Cause   string    `json:"cause"`
}

// ReportOrder tells the account.
func (a *Activities) ReportOrder(ctx context.Context, in ReportInput) error {
	r := Report{
		ID: leaseID(in.IssueInput), Certificate: in.Name, SafeBy: in.SafeBy, Kind: in.Failure.Kind, RetryAt: in.Failure.RetryAt,
		Narrow: in.Failure.Narrow, Cause: in.Cause, At: a.Now(),
	}
	ca, err := a.ca(in.CA)
	if err != nil {
		return toTemporal(err, a.Now())
	}
	if g, ok := ca.(Governed); ok {
		r.Limits = g.Limits(in.Names)
	}
	return toTemporal(brokers(a.Broker.Report(ctx, in.CA, in.Account, r)), a.Now())
}
