package vault

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/vaultapi"
)

// Options are the options of the kind vault.
type Options struct {
	vaultapi.Access `mapstructure:",squash"`

	Mount string `mapstructure:"mount"` // of the KV engine; empty: secret
	Path  string `mapstructure:"path"`  // of the secret below the mount, without data/
	// CertificateField and KeyField name the fields; empty: certificate, private_key.
	CertificateField string `mapstructure:"certificate_field"`
	KeyField         string `mapstructure:"key_field"`

	// Timeout bounds each act; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
)

func (o Options) withDefaults() Options {
	o.Access = o.Access.WithDefaults()
	o.Mount, o.Path = cmp.Or(strings.Trim(o.Mount, "/"), "secret"), strings.Trim(o.Path, "/")
	o.CertificateField, o.KeyField = cmp.Or(o.CertificateField, "certificate"), cmp.Or(o.KeyField, "private_key")
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	return o
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	o = o.withDefaults()
	errs := []error{o.Access.Validate()}
	if o.Path == "" {
		errs = append(errs, errors.New("path: missing; name the secret below the mount, for example tls/shop"))
	}
	for field, path := range map[string]string{"mount": o.Mount, "path": o.Path} {
		if err := vaultapi.ValidateName(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", field, path, err))
		}
	}
	if o.CertificateField == o.KeyField {
		errs = append(errs, fmt.Errorf("key_field: %q is the field of the certificate; name another", o.KeyField))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
