package acme

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"os"
	"strings"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// identity is what signs requests.
type identity struct {
	url string // the kid
	key crypto.Signer
}

// account gives the account of (CA, email), created at its first use. The key
// is durable before the CA hears of it, and the CA finds an account by its key,
// so neither a crash nor a second process makes another one.
func (c *CA) account(ctx context.Context) (*identity, error) {
	if id := c.known(); id != nil {
		return id, nil
	}
	id, err := share(ctx, c, "account", func(ctx context.Context) (*identity, error) {
		if id := c.known(); id != nil {
			return id, nil
		}
		id, err := c.ensureAccount(ctx)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.identity = id
		return id, nil
	})
	return id, err
}

// disown forgets an account that the CA does not know: one that lost its data,
// as test CAs do, gets it again with the same key. That helps once; a CA that
// does it again needs a human. Deactivated accounts are refused otherwise
// (unauthorized) and stay as they are.
func (c *CA) disown(url string) (helps bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.disowned == "" && url != "" {
		c.disowned, c.identity = url, nil
	}
	return url != "" && c.disowned == url
}

func (c *CA) isDisowned(url string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return url == c.disowned
}

func (c *CA) known() *identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

func (c *CA) ensureAccount(ctx context.Context) (*identity, error) {
	stored, fresh, err := c.storedAccount(ctx)
	if err != nil {
		return nil, err
	}
	key, err := cert.DecodeKey(stored.Key)
	if err != nil {
		return nil, ownTrouble("ca %s: the stored account key: %w", c.name, err)
	}
	d, err := c.readDirectory(ctx)
	if err != nil {
		return nil, err
	}
	// An account of another host is left from another directory of the same name.
	if stored.URL != "" && sameHost(stored.URL, d.NewAccountURL) && !c.isDisowned(stored.URL) {
		return &identity{url: stored.URL, key: key}, nil
	}
	s, err := c.openAs(ctx, "", key)
	if err != nil {
		return nil, err
	}
	found, err := s.register(d, fresh)
	if err != nil {
		return nil, err
	}
	// A store that lets the last key win may have another process's by now.
	now, err := c.accounts.Account(ctx, c.name, c.options.Email)
	if err != nil {
		return nil, c.unkept("read the account", err)
	}
	if !bytes.Equal(now.Key, stored.Key) {
		return nil, fault.New(fault.Transient, "ca %s: another process made the account at the same time; using that one", c.name)
	}
	stored.URL = found
	if err := c.accounts.PutAccount(ctx, stored); err != nil {
		return nil, c.unkept("store the account", err)
	}
	return &identity{url: found, key: key}, nil
}

// storedAccount gives the durable account, with a new key if there was none.
func (c *CA) storedAccount(ctx context.Context) (a cert.Account, fresh bool, err error) {
	a, err = c.accounts.Account(ctx, c.name, c.options.Email)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return a, false, c.unkept("read the account", err)
	}
	signer, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		return a, false, err
	}
	pem, err := cert.EncodeKey(signer)
	if err != nil {
		return a, false, err
	}
	own := cert.Account{CA: c.name, Email: c.options.Email, Key: pem}
	if err := c.accounts.PutAccount(ctx, own); err != nil && !fault.Is(err, fault.Conflict) {
		return a, false, c.unkept("store the account key", err)
	}
	// Another process may have been first; its key is the account's.
	a, err = c.accounts.Account(ctx, c.name, c.options.Email)
	return a, err == nil && bytes.Equal(a.Key, pem), c.unkept("read the account", err)
}

// unkept is a fault of our store: it says nothing about the CA.
func (c *CA) unkept(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fault.InStore(err, "our store, not the CA %s, failed to %s", c.name, doing)
}

// register finds the account of the session's key (RFC 8555, 7.3.1) or creates
// it (7.3), and gives its URL.
func (s *session) register(d legoacme.Directory, fresh bool) (string, error) {
	if !fresh {
		found, err := s.newAccount(legoacme.Account{OnlyReturnExisting: true})
		if err == nil || !isProblem(err, "accountDoesNotExist") {
			return found, err
		}
	}
	o := s.ca.options
	wanted := legoacme.Account{TermsOfServiceAgreed: o.AcceptTerms}
	if o.Email != "" {
		wanted.Contact = []string{"mailto:" + o.Email}
	}
	switch {
	case o.EABKid != "":
		hmac, err := o.eabKey()
		if err != nil {
			return "", ownTrouble("ca %s: %w", s.ca.name, err)
		}
		return s.created(ask(s, "new account", func() (legoacme.ExtendedAccount, error) {
			return s.core.Accounts.NewEAB(wanted, o.EABKid, hmac)
		}))
	case d.Meta.ExternalAccountRequired:
		return "", ownTrouble("ca %s: the CA wants accounts bound to its own (externalAccountRequired); set eab_kid and eab_hmac_file", s.ca.name)
	}
	return s.newAccount(wanted)
}

// eabKey reads the key of the external account binding, base64url.
func (o Options) eabKey() (string, error) {
	if o.EABHMACEnv == "" {
		return readSecret("eab_hmac_file", o.EABHMACFile)
	}
	key := strings.TrimSpace(os.Getenv(o.EABHMACEnv))
	if key == "" {
		return "", fmt.Errorf("eab_hmac_env: the environment variable %s is empty; put the key there, or into a file (eab_hmac_file)", o.EABHMACEnv)
	}
	return key, nil
}

func (s *session) newAccount(wanted legoacme.Account) (string, error) {
	return s.created(ask(s, "new account", func() (legoacme.ExtendedAccount, error) {
		return s.core.Accounts.New(wanted)
	}))
}

func (s *session) created(a legoacme.ExtendedAccount, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if a.Status != "" && a.Status != legoacme.StatusValid {
		return "", ownTrouble("ca %s: the account %s is %s", s.ca.name, clean(a.Location), clean(a.Status))
	}
	return a.Location, secure(a.Location)
}
