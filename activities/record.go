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
}

// Record appends to the journal and keeps the dead letters; what is there already
// is left alone.
func (a *Activities) Record(ctx context.Context, in RecordInput) error {
	if err := a.Store.Append(ctx, in.Name, in.Entries); err != nil {
		return toTemporal(ours(err), a.Now())
	}
	return toTemporal(a.undelivered(ctx, in.Undelivered), a.Now())
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
