package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// ReceiveInput names who is to get a certificate; either may be empty.
type ReceiveInput struct {
	Owner string `json:"owner,omitempty"`
	Team  string `json:"team,omitempty"`
}

// Receive refuses, as fault.Invalid, owners and teams that nobody could tell.
func (a *Activities) Receive(_ context.Context, in ReceiveInput) error {
	if err := a.Directory().Receives(in.Owner, in.Team); err != nil {
		return toTemporal(fault.New(fault.Invalid, "%w", err), a.Now())
	}
	return nil
}
