package acme

import (
	"context"
	"errors"
	"slices"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Describe tells what is configured; it asks nobody.
func (c *CA) Describe() cert.Authority {
	challenge, dns := c.options.usual()
	if challenge != DNS01 {
		dns = ""
	}
	return cert.Authority{
		Name: c.name, Directory: c.options.directoryURL(), Email: c.options.Email,
		Challenge: challenge, DNS: dns, KeyTypes: c.options.keyTypes(),
	}
}

// Check reads the CA's directory afresh and asks it for the account, which is
// made if there is none. Trouble is told in the result.
func (c *CA) Check(ctx context.Context) cert.Authority {
	a := c.Describe()
	if err := c.check(ctx, &a); err != nil {
		a.Err, a.ErrKind, a.ErrStore = err.Error(), string(fault.KindOf(err)), fault.OfStore(err)
	}
	return a
}

func (c *CA) check(ctx context.Context, a *cert.Authority) error {
	c.directory.forget()
	d, err := c.readDirectory(ctx)
	if err != nil {
		return err
	}
	a.Reached, a.Terms, a.CAAIdentities = true, clean(d.Meta.TermsOfService), cleaned(d.Meta.CaaIdentities)
	a.Date, a.AskedAt = c.directory.clock()
	a.EABRequired, a.RenewalInfo = d.Meta.ExternalAccountRequired, clean(d.RenewalInfo)
	for name, about := range d.Meta.Profiles {
		if a.Profiles == nil {
			a.Profiles = make(map[string]string)
		}
		a.Profiles[clean(name)] = clean(about)
	}
	var wrong error
	a.Profile, wrong = c.profile("", d)
	before, err := c.accounts.Account(ctx, c.name, c.options.Email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return errors.Join(wrong, c.unkept("read the account", err))
	}
	a.Account, err = c.liveAccount(ctx)
	a.Made = err == nil && before.URL != a.Account
	if wrong != nil {
		return wrong
	}
	return err
}

// liveAccount gives the account's URL as the CA has it now (RFC 8555, 7.3.1). One
// that it has lost is made again.
func (c *CA) liveAccount(ctx context.Context) (string, error) {
	for again := true; ; again = false {
		id, err := c.account(ctx)
		if err != nil {
			return "", err
		}
		s, err := c.openAs(ctx, "", id.key)
		if err != nil {
			return "", err
		}
		url, err := s.newAccount(legoacme.Account{OnlyReturnExisting: true})
		if !isProblem(err, "accountDoesNotExist") || !again || !c.disown(id.url) {
			return url, err
		}
	}
}

func cleaned(all []string) []string {
	out := slices.Clone(all)
	for i := range out {
		out[i] = clean(out[i])
	}
	return out
}
