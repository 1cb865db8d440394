package vault

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
)

// Steps tells what Install would do; it changes nothing.
func (t *Target) Steps(context.Context) (cert.Steps, error) {
	o := t.options
	return cert.Steps{Writes: []string{"secret " + vaultapi.Joined(o.Namespace, o.Mount, o.Path) + " (a new version of it)"}, Reload: "none: what reads the secret takes it up by itself"}, nil
}
