package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// RecordInput is what happened since the last record.
type RecordInput struct {
	Name    string       `json:"name"`
	Entries []cert.Entry `json:"entries"`
	// Undelivered are the messages that did not arrive meanwhile.
	Undelivered []delivery.Undelivered `json:"undelivered,omitempty"`
	// Snapshot is how the certificate stands after the entries, if what is kept of
	// it is not so.
	Snapshot *cert.Snapshot `json:"snapshot,omitempty"`
}

// Recorded is what was kept beside the journal. An older worker knows of nothing.
type Recorded struct {
	Snapshot bool `json:"snapshot,omitempty"`
}

// Record appends to the journal and keeps the dead letters; what is there already
// is left alone. The snapshot comes first: what the journal says to be enrolled
// can be begun again.
func (a *Activities) Record(ctx context.Context, in RecordInput) (Recorded, error) {
	var out Recorded
	if in.Snapshot != nil {
		if err := a.Store.PutSnapshot(ctx, in.Name, *in.Snapshot); err != nil {
			return out, toTemporal(ours(err), a.Now())
		}
		out.Snapshot = true
	}
	if err := a.Store.Append(ctx, in.Name, in.Entries); err != nil {
		return out, toTemporal(ours(err), a.Now())
	}
	return out, toTemporal(a.undelivered(ctx, in.Undelivered), a.Now())
}

// History reads the journal of a certificate.
func (a *Activities) History(ctx context.Context, name string) ([]cert.Entry, error) {
	out, err := a.Store.Entries(ctx, name)
	return out, toTemporal(ours(err), a.Now())
}

// Stored lists the versions that the store has of a certificate.
func (a *Activities) Stored(ctx context.Context, name string) ([]cert.Version, error) {
	out, err := a.Store.Versions(ctx, name)
	return out, toTemporal(ours(err), a.Now())
}
