package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// RecordInput is what happened since the last record.
type RecordInput struct {
	Name    string       `json:"name"`
	Entries []cert.Entry `json:"entries"`
}

// Record appends to the journal; entries that are there already are left alone.
func (a *Activities) Record(ctx context.Context, in RecordInput) error {
	return toTemporal(ours(a.Store.Append(ctx, in.Name, in.Entries)), a.Now())
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
