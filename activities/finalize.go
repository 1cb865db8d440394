package activities

import (
	"context"
	"errors"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Authorize answers the order's challenges and waits for the CA's word.
func (a *Activities) Authorize(ctx context.Context, in IssueInput) error {
	return a.attended(ctx, func(ctx context.Context, progress func(string)) error {
		ca, err := a.ca(in.CA)
		if err != nil {
			return err
		}
		return ca.Authorize(ctx, in.order(), progress)
	})
}

// Finalize obtains the certificate, checks it against the key and stores it as
// the candidate. Done again after a crash it fetches the same one.
func (a *Activities) Finalize(ctx context.Context, in IssueInput) (cert.Version, error) {
	var v cert.Version
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) (err error) {
		v, err = a.finalize(ctx, in, progress)
		return err
	})
	return v, err
}

func (a *Activities) finalize(ctx context.Context, in IssueInput, progress func(string)) (cert.Version, error) {
	ca, err := a.ca(in.CA)
	if err != nil {
		return cert.Version{}, err
	}
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if err != nil {
		return cert.Version{}, ours(err)
	}
	if iss.Candidate != "" { // an earlier try came this far
		if v, err := a.issued(ctx, in, iss); err == nil {
			return v, nil
		}
	}
	if iss.CA != in.CA {
		return cert.Version{}, ours(fault.New(fault.Conflict, "%s is ordered from CA %s by now, not from %s", in.Name, iss.CA, in.CA))
	}
	pair, err := a.keyOf(ctx, iss)
	if err != nil {
		return cert.Version{}, err
	}
	if iss.FinalizeAt.IsZero() { // whoever gives this order up has to ask the CA first
		iss.FinalizeAt = a.Now()
		if iss, err = a.Store.PutIssuance(ctx, iss); err != nil {
			return cert.Version{}, ours(err)
		}
	}
	pair.Chain, err = ca.Finalize(ctx, iss.OrderURL, iss.CSR, progress)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Validation) { // it leads to nothing, whatever the CA says of it later
		iss.OrderURL, iss.FinalizeAt = "", time.Time{}
		_, put := a.Store.PutIssuance(ctx, iss)
		return cert.Version{}, errors.Join(err, put)
	}
	if err != nil {
		return cert.Version{}, err
	}
	return a.keep(ctx, in, iss, pair)
}

// keep stores what the CA issued as the candidate, if it can be used.
func (a *Activities) keep(ctx context.Context, in IssueInput, iss cert.Issuance, pair cert.Pair) (cert.Version, error) {
	err := pair.Check(in.Names, a.Now())
	if err == nil {
		err = ofRequest(pair, in.CSR)
	}
	if err != nil {
		_, put := a.Store.PutIssuance(ctx, cleared(iss))
		return cert.Version{}, fault.New(fault.Validation, "the CA %s issued what cannot be used: %w", iss.CA, errors.Join(err, put))
	}
	v, err := a.Store.PutVersion(ctx, in.Name, iss.CA, pair)
	if err != nil {
		return cert.Version{}, ours(err)
	}
	iss.Candidate = v.Fingerprint
	_, err = a.Store.PutIssuance(ctx, iss)
	return v, ours(err)
}
