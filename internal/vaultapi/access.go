package vaultapi

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
	"slices"
	"strings"
	"unicode"

	"github.com/neverlapse/neverlapse/internal/credential"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Access says which Vault is asked, and as whom.
type Access struct {
	Address   string `mapstructure:"address"`   // URL of Vault, without a path
	Namespace string `mapstructure:"namespace"` // of Vault Enterprise or OpenBao; empty: the root
	// RootFile is PEM of roots to trust beside the system's.
	RootFile string `mapstructure:"root_file"`

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
}

// WithDefaults fills in what is usual.
func (a Access) WithDefaults() Access {
	a.Address, a.Namespace = strings.TrimRight(a.Address, "/"), strings.Trim(a.Namespace, "/")
	a.AuthMount = cmp.Or(strings.Trim(a.AuthMount, "/"), "approle")
	return a
}

// Validate tells everything that is wrong with it, each with its field.
func (a Access) Validate() error {
	a = a.WithDefaults()
	errs := []error{validateAddress(a.Address), a.validateLogin()}
	for field, path := range map[string]string{"namespace": a.Namespace, "auth_mount": a.AuthMount} {
		if err := ValidateName(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", field, path, err))
		}
	}
	if a.RootFile != "" && !filepath.IsAbs(a.RootFile) {
		errs = append(errs, fmt.Errorf("root_file: %q is not an absolute path", a.RootFile))
	}
	return errors.Join(errs...)
}

func (a Access) validateLogin() error {
	given := 0
	for _, way := range []string{a.TokenFile, a.TokenEnv, a.RoleID} {
		if way != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("token_file: exactly one of token_file, token_env and role_id is needed")
	case a.RoleID != "" && (a.SecretIDFile == "") == (a.SecretIDEnv == ""):
		return errors.New("secret_id_file: role_id needs secret_id_file or secret_id_env")
	case a.RoleID == "" && a.SecretIDFile+a.SecretIDEnv != "":
		return errors.New("role_id: missing; secret_id_file and secret_id_env belong to it")
	}
	var errs []error
	for _, f := range []struct{ field, path string }{{"token_file", a.TokenFile}, {"secret_id_file", a.SecretIDFile}} {
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

// ValidateName refuses what would be another path once it is in a URL.
func ValidateName(path string) error {
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

func (a Access) token() (string, error) { return credential.Read("token", a.TokenFile, a.TokenEnv) }

func (a Access) secretID() (string, error) {
	return credential.Read("secret_id", a.SecretIDFile, a.SecretIDEnv)
}

// client trusts the system's roots and the file's. It tries nothing again by itself.
func (a Access) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if a.RootFile != "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		data, err := os.ReadFile(a.RootFile)
		if err != nil {
			return nil, fmt.Errorf("root_file: %w", err)
		}
		if !roots.AppendCertsFromPEM(data) {
			return nil, fault.New(fault.Configuration, "root_file: %s holds no certificate in PEM", a.RootFile)
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{Transport: transport, CheckRedirect: redirect}, nil
}

// Joined puts a path together from the parts that are not empty.
func Joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "/")
}
