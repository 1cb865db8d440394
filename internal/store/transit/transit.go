// Package transit has Vault's transit engine, or OpenBao's, wrap the keys of a
// store: the key that does never leaves Vault. app makes it from the URL of a key
// and gives it to a store.Remote, which asks it seldom. It makes no key in Vault
// and rotates none.
package transit

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
)

// Scheme is that of its URLs; gocloud.dev/secrets has the same.
const Scheme = "hashivault"

const rights = "docs/stores.md shows the policy it needs"

// Options say which key of which Vault.
type Options struct {
	Key             string `mapstructure:"-"`     // the name of the key, which the URL has as its host
	Mount           string `mapstructure:"mount"` // of the engine; empty: transit
	vaultapi.Access `mapstructure:",squash"`
}

// Service wraps by one key.
type Service struct {
	key, mount, address string
	client              *vaultapi.Client
}

// New finds out how to reach Vault and dials nobody.
func New(o Options) (*Service, error) {
	mount := cmp.Or(strings.Trim(o.Mount, "/"), "transit")
	var errs []error
	if o.Key == "" || strings.Contains(o.Key, "/") || vaultapi.ValidateName(o.Key) != nil {
		errs = append(errs, fmt.Errorf("%q is not the name of a key of Vault's transit engine; write %s://NAME?address=https://vault.example.com:8200&token_file=FILE", o.Key, Scheme))
	}
	if err := vaultapi.ValidateName(mount); err != nil {
		errs = append(errs, fmt.Errorf("mount: %q: %w", mount, err))
	}
	client, err := vaultapi.New(o.Access, rights)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Service{key: o.Key, mount: mount, address: o.Address, client: client}, nil
}

// Scheme is that of the URL.
func (s *Service) Scheme() string { return Scheme }

// Wrap has Vault encrypt a key.
func (s *Service) Wrap(ctx context.Context, plain []byte) (string, error) {
	var out struct {
		Data struct {
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
	}
	err := s.ask(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}, &out)
	if err == nil && version(out.Data.Ciphertext) == 0 {
		err = s.named(fault.New(fault.Configuration, "what answers is no transit engine; correct mount"))
	}
	return out.Data.Ciphertext, err
}

// Unwrap has Vault decrypt one.
func (s *Service) Unwrap(ctx context.Context, wrapped string) ([]byte, error) {
	var out struct {
		Data struct {
			Plaintext []byte `json:"plaintext"`
		} `json:"data"`
	}
	err := s.ask(ctx, "decrypt", map[string]string{"ciphertext": wrapped}, &out)
	return out.Data.Plaintext, err
}

func (s *Service) ask(ctx context.Context, act string, body, out any) error {
	err := s.client.Ask(ctx, act+" with it", http.MethodPost, vaultapi.Joined(s.mount, act, s.key), body, out)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Configuration, "there is no transit engine; correct mount: %w", err)
	}
	return s.named(err)
}

func (s *Service) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("key %s of %s in Vault %s: %w", s.key, s.mount, s.address, err)
}

// Older compares versions of the key, by which Vault begins what it wraps.
func (s *Service) Older(a, b string) bool { return version(a) < version(b) }

// version is n of vault:vn:…; 0 for anything else.
func version(wrapped string) int {
	parts := strings.SplitN(wrapped, ":", 3)
	if len(parts) != 3 || parts[0] != "vault" || !strings.HasPrefix(parts[1], "v") {
		return 0
	}
	n, err := strconv.Atoi(parts[1][1:])
	if err != nil {
		return 0
	}
	return n
}
