package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// accepted refuses, at the door, targets that could not be put back as they
// are, unless somebody accepts that.
func (a *Activities) accepted(r AdmitRequest) error {
	var errs []error
	for _, name := range r.Targets {
		if t, ok := a.Targets[name].(Irreversible); ok && !r.AcceptIrreversible {
			errs = append(errs, fmt.Errorf("targets: %s is not reversible: %s. If what is there now was not issued here, its first deployment cannot be rolled back; to accept that: --accept-irreversible", name, t.Irreversible()))
		}
	}
	if len(errs) > 0 {
		return fault.New(fault.Invalid, "%w", errors.Join(errs...))
	}
	return nil
}

// lost tells why what a target had could not be put back, empty if it could: as
// it was taken, or from our store. Unless somebody accepted it, it is refused.
func (a *Activities) lost(ctx context.Context, in DeployInput, t Target, was cert.Version) (string, error) {
	x, ok := t.(Irreversible)
	if !ok || was.Fingerprint == "" || was.Fingerprint == in.Fingerprint {
		return "", nil
	}
	_, err := a.Store.Pair(ctx, in.Name, was.Fingerprint)
	switch {
	case err == nil:
		return "", nil
	case !fault.Is(err, fault.NotFound):
		return "", ours(err)
	}
	why := fmt.Sprintf("not reversible: %s, and what target %s had (%s, serial %s) was not issued here", x.Irreversible(), in.Target, was.Fingerprint.Short(), was.Serial)
	if in.AcceptIrreversible {
		return why, nil
	}
	return "", fault.New(fault.Configuration, "%s. Nothing was changed. To deploy all the same: neverlapse enroll %s --update --accept-irreversible", why, in.Name)
}

// fromStore puts back, on a target that cannot take and return what it had, the
// version that it had if the store has it; done tells that it does.
func (a *Activities) fromStore(ctx context.Context, in DeployInput, t Target, before []byte) (done bool, err error) {
	if _, ok := t.(Irreversible); !ok {
		return false, nil
	}
	was, err := captured(t, before)
	if err != nil || was.Fingerprint == "" {
		return false, err
	}
	pair, err := a.Store.Pair(ctx, in.Name, was.Fingerprint)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, ours(err)
	}
	return true, t.Install(ctx, pair, before)
}
