package acm

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Steps tells what Install would do; it changes nothing.
func (t *Target) Steps(context.Context) (cert.Steps, error) {
	return cert.Steps{Writes: []string{t.options.ARN + " (import over it)"}, Reload: "none: what uses the ARN takes it up by itself"}, nil
}
