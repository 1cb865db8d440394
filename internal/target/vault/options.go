package vault

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/neverlapse/neverlapse/internal/credential"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Options are the options of the kind vault.
type Options struct {
	Address   string `mapstructure:"address"`   // URL of Vault, without a path
	Namespace string `mapstructure:"namespace"` // of Vault Enterprise or OpenBao; empty: the root
	Mount     string `mapstructure:"mount"`     // of the KV engine; empty: secret
	Path      string `mapstructure:"path"`      // of the secret below the mount, without data/
	// RootFile is PEM of roots to trust beside the system's.
	RootFile string `mapstructure:"root_file"`

	// CertificateField and KeyField name the fields; empty: certificate, private_key.
	CertificateField string `mapstructure:"certificate_field"`
	KeyField         string `mapstructure:"key_field"`

	// The token is in TokenFile or in the environment variable TokenEnv; both are
	// read anew for every act.
	TokenFile string `mapstructure:"token_file"`
	TokenEnv  string `mapstructure:"token_env"`
	// Or AppRole gives it, to the role with the secret ID that is in SecretIDFile
	// or in the environment variable SecretIDEnv. AuthMount is empty for approle.
	RoleID       string `mapstructure:"role_id"`
	SecretIDFile string `mapstructure:"secret_id_file"`
	SecretIDEnv  string `mapstructure:"secret_id_env"`
	AuthMount    string `mapstructure:"auth_mount"`

	// Timeout bounds each act; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
)

func (o Options) withDefaults() Options {
	o.Address = strings.TrimRight(o.Address, "/")
	o.Namespace, o.Mount, o.Path = strings.Trim(o.Namespace, "/"), cmp.Or(strings.Trim(o.Mount, "/"), "secret"), strings.Trim(o.Path, "/")
	o.AuthMount = cmp.Or(strings.Trim(o.AuthMount, "/"), "approle")
	o.CertificateField, o.KeyField = cmp.Or(o.CertificateField, "certificate"), cmp.Or(o.KeyField, "private_key")
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	return o
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	o = o.withDefaults()
	errs := []error{validateAddress(o.Address), o.validateLogin()}
	if o.Path == "" {
		errs = append(errs, errors.New("path: missing; name the secret below the mount, for example tls/shop"))
	}
	for field, path := range map[string]string{"namespace": o.Namespace, "mount": o.Mount, "path": o.Path, "auth_mount": o.AuthMount} {
		if err := validateName(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", field, path, err))
		}
	}
	if o.CertificateField == o.KeyField {
		errs = append(errs, fmt.Errorf("key_field: %q is the field of the certificate; name another", o.KeyField))
	}
	if o.RootFile != "" && !filepath.IsAbs(o.RootFile) {
		errs = append(errs, fmt.Errorf("root_file: %q is not an absolute path", o.RootFile))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

func (o Options) validateLogin() error {
	given := 0
	for _, way := range []string{o.TokenFile, o.TokenEnv, o.RoleID} {
		if way != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("token_file: exactly one of token_file, token_env and role_id is needed")
	case o.RoleID != "" && (o.SecretIDFile == "") == (o.SecretIDEnv == ""):
		return errors.New("secret_id_file: role_id needs secret_id_file or secret_id_env")
	case o.RoleID == "" && o.SecretIDFile+o.SecretIDEnv != "":
		return errors.New("role_id: missing; secret_id_file and secret_id_env belong to it")
	}
	var errs []error
	for _, f := range []struct{ field, path string }{{"token_file", o.TokenFile}, {"secret_id_file", o.SecretIDFile}} {
		if f.path != "" && !filepath.IsAbs(f.path) {
			errs = append(errs, fmt.Errorf("%s: %q is not an absolute path", f.field, f.path))
		}
	}
	return errors.Join(errs...)
}

// validateAddress refuses a way on which the private key could be read by others.
func validateAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("address: %q is not the URL of a Vault, such as https://vault.example.com:8200", address)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address: %q is not reached by https, and a private key would go there in the open", address)
	}
	return nil
}

// validateName refuses what would be another path once it is in a URL.
func validateName(path string) error {
	if path == "" {
		return nil
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return errors.New("has an empty part, or one that leads elsewhere (. or ..)")
		}
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`*\?#%`, r) }) {
		return errors.New(`has a character that no path of Vault should have (one of * \ ? # %, or one that is not printable)`)
	}
	return nil
}

func (o Options) token() (string, error) { return credential.Read("token", o.TokenFile, o.TokenEnv) }

func (o Options) secretID() (string, error) {
	return credential.Read("secret_id", o.SecretIDFile, o.SecretIDEnv)
}

// client trusts the system's roots and the file's. It tries nothing again by itself.
func (o Options) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if o.RootFile != "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		data, err := os.ReadFile(o.RootFile)
		if err != nil {
			return nil, fmt.Errorf("root_file: %w", err)
		}
		if !roots.AppendCertsFromPEM(data) {
			return nil, fault.New(fault.Configuration, "root_file: %s holds no certificate in PEM", o.RootFile)
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{Transport: transport, CheckRedirect: redirect}, nil
}
