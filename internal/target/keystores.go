package target

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/credential"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/keystore"
)

// Keystores are files for Java and Windows; each holds the key with its chain
// behind a password. Writing the same again gives the same bytes.
type Keystores struct {
	PKCS12 string `mapstructure:"pkcs12"`
	JKS    string `mapstructure:"jks"`
	// KeystorePasswordFile holds the password on this machine, closed to others;
	// it is read whenever a keystore is. Spaces around it do not count.
	KeystorePasswordFile string `mapstructure:"keystore_password_file"`
	// KeystoreAlias names the entry in JKS, in lower case as Java has it; empty
	// means "server". In PKCS#12 the entry has no name, and Java calls it "1".
	KeystoreAlias string `mapstructure:"keystore_alias"`
	// PKCS12Encryption is "modern" (AES-256, the default) or "legacy" (3DES), for
	// Windows before Server 2019 and Java before 12.
	PKCS12Encryption string `mapstructure:"pkcs12_encryption"`
}

const (
	defaultAlias     = "server"
	encryptionModern = "modern"
	encryptionLegacy = "legacy"
)

func (k Keystores) wanted() bool { return k.PKCS12 != "" || k.JKS != "" }

func (k Keystores) validate() error {
	var errs []error
	if k.wanted() && k.KeystorePasswordFile == "" {
		errs = append(errs, errors.New("keystore_password_file: is missing; pkcs12 and jks need a password: openssl rand -hex 16 > FILE; chmod 600 FILE"))
	}
	if !k.wanted() && (k.KeystorePasswordFile != "" || k.KeystoreAlias != "" || k.PKCS12Encryption != "") {
		errs = append(errs, errors.New("keystore_password_file, keystore_alias and pkcs12_encryption are for pkcs12 and jks; set one of these"))
	}
	if k.KeystorePasswordFile != "" {
		if err := validatePath("keystore_password_file", k.KeystorePasswordFile); err != nil {
			errs = append(errs, err)
		} else if _, err := k.password(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := validateText("keystore_alias", k.KeystoreAlias); err != nil {
		errs = append(errs, err)
	}
	if k.KeystoreAlias != "" && k.JKS == "" {
		errs = append(errs, errors.New("keystore_alias: names the entry of jks alone; remove it, or set jks"))
	}
	if k.KeystoreAlias != strings.ToLower(k.KeystoreAlias) {
		errs = append(errs, fmt.Errorf("keystore_alias: Java knows %q in lower case only; write %q", k.KeystoreAlias, strings.ToLower(k.KeystoreAlias)))
	}
	if e := k.PKCS12Encryption; e != "" && e != encryptionModern && e != encryptionLegacy {
		errs = append(errs, fmt.Errorf("pkcs12_encryption: %q is not known; use modern, or legacy for Windows before Server 2019 and Java before 12", e))
	}
	return errors.Join(errs...)
}

// password reads the password, anew every time so that it can be changed.
func (k Keystores) password() (string, error) {
	p, err := credential.Read("keystore_password", k.KeystorePasswordFile, "")
	if err != nil {
		return "", err
	}
	if err := keystore.CheckPassword(p); err != nil {
		return "", fault.New(fault.Configuration, "keystore_password_file: the password in %s: %w", k.KeystorePasswordFile, err)
	}
	return p, nil
}

// render adds the keystores that are wanted.
func (k Keystores) render(out map[role][]byte, signer crypto.Signer, certs []*x509.Certificate) error {
	if !k.wanted() {
		return nil
	}
	p, err := k.password()
	if err != nil {
		return err
	}
	alias := k.KeystoreAlias
	if alias == "" {
		alias = defaultAlias
	}
	if out[pkcs12], err = keystore.PKCS12(signer, certs, p, k.PKCS12Encryption == encryptionLegacy); err != nil {
		return fault.New(fault.Invalid, "pkcs12: %w", err)
	}
	if out[jks], err = keystore.JKS(signer, certs, alias, p); err != nil {
		return fault.New(fault.Invalid, "jks: %w", err)
	}
	return nil
}

// opened gives the bytes of a file as PEM, whatever it is.
func (k Keystores) opened(r role, data []byte) ([]byte, error) {
	if !r.isKeystore() || len(data) == 0 {
		return data, nil
	}
	p, err := k.password()
	if err != nil {
		return nil, err
	}
	open := keystore.OpenPKCS12
	if r == jks {
		open = keystore.OpenJKS
	}
	entries, err := open(data, p)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Key == nil {
			continue
		}
		key, err := cert.EncodeKey(e.Key)
		return append(bytes.Clone(key), cert.EncodeChain(e.Chain)...), err
	}
	return nil, errors.New("no key with a certificate in it")
}

func (k Keystores) chainIn(r role, data []byte) ([]*x509.Certificate, error) {
	pem, err := k.opened(r, data)
	if err != nil {
		return nil, err
	}
	return cert.DecodeChain(pem)
}

func (k Keystores) keyIn(r role, data []byte) (crypto.Signer, error) {
	pem, err := k.opened(r, data)
	if err != nil {
		return nil, err
	}
	return cert.DecodeKey(pem)
}
