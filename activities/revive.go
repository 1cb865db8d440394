package activities

import (
	"context"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Revived is what the store has of a certificate whose workflow the engine lost.
type Revived struct {
	Snapshot cert.Snapshot `json:"snapshot"`
	// Sequence is that of the last journal entry.
	Sequence int64 `json:"sequence"`
	// Live is the proven version; the snapshot may be older.
	Live cert.Version `json:"live,omitzero"`
}

// Revive gives what is needed to begin the workflow of a lost certificate again.
// It changes nothing.
func (a *Activities) Revive(ctx context.Context, name string) (Revived, error) {
	out, err := a.revive(ctx, name)
	return out, toTemporal(err, a.Now())
}

func (a *Activities) revive(ctx context.Context, name string) (out Revived, err error) {
	if err := admitName(name); err != nil {
		return out, err
	}
	enrolled, err := a.Admission.Enrolled(ctx, name)
	if err != nil {
		return out, err
	}
	if enrolled {
		return out, fault.New(fault.Conflict, "%s is guarded; see it by: neverlapse status %s", name, name)
	}
	entries, err := a.Store.Entries(ctx, name)
	if err != nil && !fault.Is(err, fault.Configuration) { // a damaged journal tells what it still can
		return out, ours(err)
	}
	last := lastStanding(entries)
	if last.Kind == entryRetired {
		return out, fault.New(fault.Conflict, "%s was retired at %s; enroll it again", name, last.At.UTC().Format(time.RFC3339))
	}
	out.Snapshot, err = a.Store.Snapshot(ctx, name)
	switch {
	case fault.Is(err, fault.NotFound) && len(entries) == 0:
		return out, fault.New(fault.NotFound, "neither the engine nor the store knows %s; see what there is: neverlapse watchman", name)
	case fault.Is(err, fault.NotFound):
		return out, fault.New(fault.NotFound, "the store keeps nothing by which %s could be begun again (no release that keeps it has guarded it); enroll it again, and see how it was by: neverlapse history %s", name, name)
	case err != nil:
		return out, ours(err)
	}
	if n := len(entries); n > 0 {
		out.Sequence = entries[n-1].Sequence
	}
	out.Sequence = max(out.Sequence, out.Snapshot.Sequence)
	out.Live, err = a.proven(ctx, name)
	return out, err
}

// What the journal says of being enrolled.
const (
	entryEnrolled = "enrolled"
	entryRetired  = "retired"
)

// lastStanding is the last entry that says whether it is enrolled.
func lastStanding(entries []cert.Entry) (last cert.Entry) {
	for _, e := range entries {
		if e.Kind == entryEnrolled || e.Kind == entryRetired {
			last = e
		}
	}
	return last
}

// proven is the live version, as the store has it; the zero one if it was not
// issued here.
func (a *Activities) proven(ctx context.Context, name string) (cert.Version, error) {
	live, err := a.Store.Live(ctx, name)
	if err != nil || live == "" {
		return cert.Version{}, ours(err)
	}
	all, err := a.Store.Versions(ctx, name)
	if err != nil {
		return cert.Version{}, ours(err)
	}
	i := slices.IndexFunc(all, func(v cert.Version) bool { return v.Fingerprint == live })
	if i < 0 {
		return cert.Version{}, nil
	}
	return all[i], nil
}
