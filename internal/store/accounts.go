package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// account is an ACME account as it is stored: readable but for its key.
type account struct {
	cert.Account
	Sealed json.RawMessage `json:"key"`
}

// Account gives the ACME account at a configured CA for an e-mail address
// (which may be empty), with its key; fault.NotFound if there is none.
func (s *Store) Account(ctx context.Context, ca, email string) (cert.Account, error) {
	r, elem := s.accountFile(ca, email)
	return s.account(ctx, r, elem, ca, email)
}

func (s *Store) account(ctx context.Context, r room, elem, ca, email string) (cert.Account, error) {
	data, err := r.read(ctx, elem)
	if err != nil {
		return cert.Account{}, err
	}
	var a account
	if json.Unmarshal(data, &a) != nil {
		return cert.Account{}, s.damaged(r.join(elem), errors.New("it is not the JSON of an account"))
	}
	if a.CA != ca || a.Email != email {
		return cert.Account{}, s.damaged(r.join(elem), errMismatch)
	}
	a.Key, err = s.sealer.unseal(ctx, object("account", ca, email), a.Sealed)
	if err != nil {
		return cert.Account{}, err
	}
	return a.Account, nil
}

// PutAccount stores an account, key sealed. The first key for a CA and e-mail
// address wins, so that several processes end up with one account: another key
// is fault.Conflict, the same key updates the rest. A key that cannot be read
// is fault.Invalid.
func (s *Store) PutAccount(ctx context.Context, acc cert.Account) error {
	if acc.CA == "" {
		return fault.New(fault.Invalid, "account: the CA must be named")
	}
	if _, err := cert.DecodeKey(acc.Key); err != nil {
		return fault.New(fault.Invalid, "account at %s: %w", acc.CA, err)
	}
	r, elem := s.accountFile(acc.CA, acc.Email)
	return r.locked(ctx, func(r room) error {
		old, err := s.account(ctx, r, elem, acc.CA, acc.Email)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && !bytes.Equal(old.Key, acc.Key) {
			return fault.New(fault.Conflict, "account at %s: another key is stored for %q", acc.CA, acc.Email)
		}
		blob, err := s.sealer.seal(ctx, object("account", acc.CA, acc.Email), acc.Key)
		if err != nil {
			return err
		}
		data, err := json.MarshalIndent(account{Account: acc, Sealed: blob}, "", "  ")
		if err != nil {
			return err
		}
		return r.write(ctx, elem, append(data, '\n'))
	})
}

func (s *Store) accountFile(ca, email string) (room, string) {
	return s.room("accounts"), component(ca) + "," + component(email) + ".json"
}
