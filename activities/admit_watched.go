package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Verdict is what was found about one of many requests.
type Verdict struct {
	Admitted
	Refused string `json:"refused,omitempty"` // why, in words; empty if it was admitted
}

// AdmitWatched refuses what cannot work among certificates that are only
// watched. They write no places, so none are claimed; that one of them is
// enrolled already shows when it is started. The verdicts are in the order of
// the requests.
func (a *Activities) AdmitWatched(ctx context.Context, rs []AdmitRequest) ([]Verdict, error) {
	out := make([]Verdict, len(rs))
	for i, r := range rs {
		v, err := a.admitWatched(ctx, r)
		switch {
		case fault.Is(err, fault.Invalid):
			v.Refused = shorten(err.Error())
		case err != nil:
			return nil, toTemporal(err, a.Now())
		}
		out[i] = v
	}
	return out, nil
}

func (a *Activities) admitWatched(ctx context.Context, r AdmitRequest) (v Verdict, err error) {
	if err := admitName(r.Name); err != nil {
		return v, err
	}
	if r.Managed || r.Change {
		return v, fault.New(fault.Invalid, "%s is to be managed or changed; enroll it by itself", r.Name)
	}
	if v.Policy, err = a.Admission.Admit(ctx, r); err != nil {
		return v, err
	}
	if err := a.mayAdmit(ctx, r, Holding{Owner: r.Owner, Team: r.Team}); err != nil {
		return v, err
	}
	v.Sequence, err = a.lastEntry(ctx, r.Name)
	return v, err
}

// lastEntry is the number of the last journal entry of an earlier enrolment.
func (a *Activities) lastEntry(ctx context.Context, name string) (int64, error) {
	entries, err := a.Store.Entries(ctx, name)
	if n := len(entries); n > 0 {
		return entries[n-1].Sequence, err
	}
	return 0, err
}
