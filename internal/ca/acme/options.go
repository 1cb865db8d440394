package acme

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Options configure one CA.
type Options struct {
	// Directory is the https URL of the ACME directory, or a name of WellKnown.
	Directory string `mapstructure:"directory"`
	// RootFile holds the root (PEM) of the CA's own server if that is a private one.
	RootFile string `mapstructure:"root_file"`
	// RequestTimeout bounds each HTTP request; 30 s when zero.
	RequestTimeout time.Duration `mapstructure:"request_timeout"`

	// Email is the account's contact; some CAs ignore it.
	Email string `mapstructure:"email"`
	// AcceptTerms says that somebody read the CA's terms of service and agrees.
	AcceptTerms bool `mapstructure:"accept_terms"`
	// EABKid binds the account to one the CA knows (RFC 8555, 7.3.4). The
	// base64url key that belongs to it is in the file EABHMACFile or in the
	// environment variable EABHMACEnv.
	EABKid      string `mapstructure:"eab_kid"`
	EABHMACFile string `mapstructure:"eab_hmac_file"`
	EABHMACEnv  string `mapstructure:"eab_hmac_env"`

	// Profile is required of the CA unless the order names one; empty takes PreferredProfile.
	Profile string `mapstructure:"profile"`
	// PreferredProfile is taken where the CA has it; otherwise the CA's usual one.
	PreferredProfile string `mapstructure:"preferred_profile"`
	// PreferredChain is the common name of the root to prefer when the CA
	// offers several chains.
	PreferredChain string `mapstructure:"preferred_chain"`
	// IssuerRootsFile holds the roots (PEM) to which every issued chain must
	// lead; without it a chain needs an intermediate, and any root will do.
	IssuerRootsFile string `mapstructure:"issuer_roots_file"`
	// KeyTypes are the kinds of keys that certificates of this CA may have, the
	// default first; all of cert.KeyTypes when empty.
	KeyTypes []string `mapstructure:"key_types"`
	// Limits is what the CA allows; those of Let's Encrypt are known and count
	// when this is empty. A CA without limits is asked without ado.
	Limits []Limit `mapstructure:"limits"`
	// ARIExempt says that the CA counts no order that replaces a certificate
	// inside its renewal window (RFC 9773); known of Let's Encrypt.
	ARIExempt bool `mapstructure:"ari_exempt"`

	// Challenge is HTTP01 (when empty), Webroot, TLSALPN01 or DNS01; a
	// certificate may choose another.
	Challenge string `mapstructure:"challenge"`
	// Webroot is the absolute folder that is served at http://NAME/.
	Webroot string `mapstructure:"webroot"`
	// DNS names the DNS provider, of those configured, that answers DNS01.
	DNS string `mapstructure:"dns"`

	// Preflight are the Checks made before an order is spent; all when empty,
	// none with CheckNothing.
	Preflight []string `mapstructure:"preflight"`
	// HTTPPort and TLSPort are where the CA asks for answers: 80 and 443 when
	// zero, as every public CA does.
	HTTPPort int `mapstructure:"http_port"`
	TLSPort  int `mapstructure:"tls_port"`
}

// Validate names every wrong field and how to mend it.
func (o Options) Validate() error {
	return errors.Join(
		o.validateDirectory(), o.validateAccount(), o.validateIssuing(), o.validateChallenge(), o.validateLimits(), o.validatePreflight(),
	)
}

func (o Options) validateDirectory() error {
	if o.RequestTimeout < 0 {
		return fmt.Errorf("request_timeout: %s is negative; write a duration such as 30s", o.RequestTimeout)
	}
	if _, known := wellKnown(o.Directory); known {
		return nil
	}
	names := wellKnownNames()
	u, err := url.Parse(o.Directory)
	switch {
	case o.Directory == "":
		return fmt.Errorf("directory: is missing; write the https URL of the CA's ACME directory or one of %s", names)
	case err == nil && u.Scheme == "http":
		return fmt.Errorf("directory: %q is not encrypted; ACME needs https (RFC 8555, 6.1)", o.Directory)
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		return fmt.Errorf("directory: %q is neither an https URL nor one of %s", o.Directory, names)
	}
	return nil
}

func (o Options) validateAccount() error {
	var errs []error
	if !o.AcceptTerms {
		errs = append(errs, errors.New("accept_terms: is not set; read the CA's terms of service and set it to true"))
	}
	if o.Email != "" {
		if a, err := mail.ParseAddress(o.Email); err != nil || a.Address != o.Email {
			errs = append(errs, fmt.Errorf("email: %q is not an address; write it as name@example.com", o.Email))
		}
	}
	switch key := o.EABHMACFile != "" || o.EABHMACEnv != ""; {
	case o.EABHMACFile != "" && o.EABHMACEnv != "":
		errs = append(errs, errors.New("eab_hmac_file, eab_hmac_env: set one of them"))
	case (o.EABKid != "") != key:
		errs = append(errs, errors.New("eab_kid, eab_hmac_file: set both, as the CA gave them to you, or none (eab_hmac_env may stand for eab_hmac_file)"))
	}
	if known, ok := wellKnown(o.Directory); ok && known.EAB && o.EABKid == "" {
		errs = append(errs, fmt.Errorf("eab_kid: is missing; %s binds accounts to those of its customers: get the ID and key of one there and set eab_kid and eab_hmac_file", o.Directory))
	}
	return errors.Join(errs...)
}

func (o Options) validateIssuing() error {
	var errs []error
	if o.Profile != "" && o.PreferredProfile != "" {
		errs = append(errs, errors.New("profile, preferred_profile: set one of them; profile is required of the CA, preferred_profile is taken where it has it"))
	}
	for i, t := range o.KeyTypes {
		if _, err := cert.ParseKeyType(t); err != nil || t == "" {
			errs = append(errs, fmt.Errorf("key_types[%d]: %q is not known; use some of %s", i, t, joined(cert.KeyTypes)))
		}
	}
	return errors.Join(errs...)
}

// keyTypes are those that the CA's certificates may have, the default first.
func (o Options) keyTypes() []cert.KeyType {
	if len(o.KeyTypes) == 0 {
		return cert.KeyTypes
	}
	var all []cert.KeyType
	for _, t := range o.KeyTypes {
		kind, _ := cert.ParseKeyType(t) // Validate saw it
		all = append(all, kind)
	}
	return all
}

func joined[T ~string](all []T) string {
	var texts []string
	for _, x := range all {
		texts = append(texts, string(x))
	}
	return strings.Join(texts, ", ")
}

// directoryURL resolves a shortcode.
func (o Options) directoryURL() string {
	if w, ok := wellKnown(o.Directory); ok {
		return w.Directory
	}
	return o.Directory
}
