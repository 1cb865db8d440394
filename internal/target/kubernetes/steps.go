package kubernetes

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Steps tells what Install would do; it changes nothing.
func (t *Target) Steps(context.Context) (cert.Steps, error) {
	secret := "Secret " + t.options.Namespace + "/" + t.options.Secret + ": "
	return cert.Steps{Writes: []string{secret + certKey, secret + keyKey}, Reload: "none: what uses the Secret takes it up by itself"}, nil
}
