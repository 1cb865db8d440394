package app

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// Look makes one handshake with every address behind an endpoint, as the CLI
// does before it enrols.
func Look(ctx context.Context, e cert.Endpoint, names []string) []cert.Observation {
	return scan.New(scan.Options{}).Observe(ctx, e, names)
}
