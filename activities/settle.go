package activities

import (
	"context"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// unsettledAt reports whether an order at another CA of the certificate was
// finalized and may have led to a certificate. Without that mark it led to none,
// and never will: whoever sets it has to have this very record.
func unsettledAt(iss cert.Issuance, in IssueInput) bool {
	return iss.Candidate == "" && iss.OrderURL != "" && !iss.FinalizeAt.IsZero() &&
		iss.CA != in.CA && slices.Contains(in.CAs, iss.CA) && !in.Discard && !in.Supplied
}

// Settle finds out what became of an order at another CA of the certificate
// before in.CA is asked. The empty version says that it led to none and never
// will; a version is the candidate from now on. An error says that nobody knows
// yet. Done again after a crash it finds the same.
func (a *Activities) Settle(ctx context.Context, in IssueInput) (cert.Version, error) {
	var v cert.Version
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) (err error) {
		v, err = a.settle(ctx, in, progress)
		return err
	})
	return v, err
}

func (a *Activities) settle(ctx context.Context, in IssueInput, progress func(string)) (cert.Version, error) {
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	switch {
	case fault.Is(err, fault.NotFound):
		return cert.Version{}, nil
	case err != nil:
		return cert.Version{}, ours(err)
	case iss.Candidate != "": // an earlier try came this far
		return a.usable(ctx, in, iss)
	case !unsettledAt(iss, in):
		return cert.Version{}, nil
	}
	ca, err := a.ca(iss.CA)
	if err != nil {
		return cert.Version{}, err
	}
	pair, err := a.keyOf(ctx, iss)
	if err != nil {
		return cert.Version{}, err
	}
	s, ok := ca.(Settler)
	if !ok {
		return cert.Version{}, fault.New(fault.Configuration, "CA %s does not tell what became of an order", iss.CA)
	}
	pair.Chain, err = s.Settle(ctx, iss.OrderURL, iss.CSR, progress)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Validation) {
		_, err = a.Store.PutIssuance(ctx, cleared(iss))
		return cert.Version{}, ours(err)
	}
	if err != nil {
		return cert.Version{}, err
	}
	in.CA = iss.CA
	v, err := a.keep(ctx, in, iss, pair)
	if fault.Is(err, fault.Validation) { // it cannot be used, and the record says so
		return cert.Version{}, nil
	}
	return v, err
}
