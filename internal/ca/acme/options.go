package acme

import (
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The ways to answer a CA's challenge (RFC 8555, 8.3).
const (
	HTTP01  = "http-01" // served by the process's Listener
	Webroot = "webroot" // http-01 by a file below the folder of a running web server
)

// Options configure one CA.
type Options struct {
	// Directory is the https URL of the ACME directory, or a name of Shortcodes.
	Directory string `mapstructure:"directory"`
	// Email is the account's contact; some CAs ignore it.
	Email string `mapstructure:"email"`
	// AcceptTerms says that somebody read the CA's terms of service and agrees.
	AcceptTerms bool `mapstructure:"accept_terms"`
	// RootFile holds the root (PEM) of the CA's own server if that is a private one.
	RootFile string `mapstructure:"root_file"`
	// IssuerRootsFile holds the roots (PEM) to which every issued chain must
	// lead; without it a chain needs an intermediate, and any root will do.
	IssuerRootsFile string `mapstructure:"issuer_roots_file"`
	// Profile asked for unless the order names one; empty takes the CA's usual one.
	Profile string `mapstructure:"profile"`
	// EABKid and EABHMACFile bind the account to one the CA knows (RFC 8555,
	// 7.3.4); the file holds the base64url key.
	EABKid      string `mapstructure:"eab_kid"`
	EABHMACFile string `mapstructure:"eab_hmac_file"`
	// Challenge is HTTP01 (when empty) or Webroot.
	Challenge string `mapstructure:"challenge"`
	// Webroot is the absolute folder that is served at http://NAME/.
	Webroot string `mapstructure:"webroot"`
	// PreferredChain is the common name of the root to prefer when the CA
	// offers several chains.
	PreferredChain string `mapstructure:"preferred_chain"`
	// RequestTimeout bounds each HTTP request; 30 s when zero.
	RequestTimeout time.Duration `mapstructure:"request_timeout"`
}

// Shortcodes are the directories that have a name.
var Shortcodes = map[string]string{
	"letsencrypt":         "https://acme-v02.api.letsencrypt.org/directory",
	"letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
	"zerossl":             "https://acme.zerossl.com/v2/DV90",
	"googletrust":         "https://dv.acme-v02.api.pki.goog/directory",
	"googletrust-staging": "https://dv.acme-v02.test-api.pki.goog/directory",
	"sslcom-ecc":          "https://acme.ssl.com/sslcom-dv-ecc",
	"sslcom-rsa":          "https://acme.ssl.com/sslcom-dv-rsa",
}

// Validate names every wrong field and how to mend it.
func (o Options) Validate() error {
	return errors.Join(
		o.validateDirectory(), o.validateAccount(), o.validateChallenge(), o.validateRest(),
	)
}

func (o Options) validateDirectory() error {
	if _, known := Shortcodes[o.Directory]; known {
		return nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(Shortcodes)), ", ")
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
	if (o.EABKid == "") != (o.EABHMACFile == "") {
		errs = append(errs, errors.New("eab_kid, eab_hmac_file: set both, as the CA gave them to you, or none"))
	}
	return errors.Join(errs...)
}

func (o Options) validateChallenge() error {
	switch o.Challenge {
	case "", HTTP01:
		if o.Webroot != "" {
			return fmt.Errorf("webroot: has no effect with challenge %q; set challenge to %q or remove it", HTTP01, Webroot)
		}
	case Webroot:
		if !filepath.IsAbs(o.Webroot) {
			return fmt.Errorf("webroot: %q is not an absolute path; write the folder that is served at http://NAME/", o.Webroot)
		}
	default:
		return fmt.Errorf("challenge: %q is not known; use %q or %q", o.Challenge, HTTP01, Webroot)
	}
	return nil
}

func (o Options) validateRest() error {
	if o.RequestTimeout < 0 {
		return fmt.Errorf("request_timeout: %s is negative; write a duration such as 30s", o.RequestTimeout)
	}
	return nil
}

// directoryURL resolves a shortcode.
func (o Options) directoryURL() string {
	if u, ok := Shortcodes[o.Directory]; ok {
		return u
	}
	return o.Directory
}
