package activities

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// admitKeys sees that the targets take what will be issued: versions without a
// key where a request is given, else versions with one. It gives the request.
func (a *Activities) admitKeys(ctx context.Context, r AdmitRequest) (*cert.CSR, error) {
	if len(r.CSR) == 0 {
		return nil, a.admitWithKey(ctx, r)
	}
	csr, err := cert.ParseCSR(r.CSR)
	if err != nil {
		return nil, fault.New(fault.Invalid, "csr: %w", err)
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !r.Managed {
		bad("csr: only a managed certificate has one; add --manage to renew it here")
	}
	if r.KeyType != "" || r.ReuseKey {
		bad("csr: its key is made and kept on its host, so neither a kind of key nor keeping it can be asked for here; leave --key-type and --reuse-key out")
	}
	if names, err := cert.ParseNames(r.Names); err == nil {
		if err := csr.CheckNames(names); err != nil {
			bad("csr: %w", err)
		}
	}
	if err := a.uncompromised(ctx, r.Name, csr); fault.Is(err, fault.Configuration) {
		bad("csr: %w", err)
	} else if err != nil {
		return nil, err
	}
	public, err := csr.PublicKey()
	if err != nil {
		return nil, fault.New(fault.Invalid, "csr: %w", err)
	}
	for _, name := range r.Targets {
		if err := a.admitKeeper(ctx, name, public); err != nil {
			bad("targets: %w", err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	return &csr, nil
}

// admitKeeper refuses a target that writes keys, or has not the one of a request.
// That of a host is asked for the key when a version is there to go to it.
func (a *Activities) admitKeeper(ctx context.Context, name string, public crypto.PublicKey) error {
	keeps, known := a.keepsKey(ctx, name)
	switch {
	case !known:
		return nil // said by whoever knows the configuration
	case !keeps:
		return fmt.Errorf("%s writes the private key, and that of a request stays on its host; %s%s", name, a.toKeep(name), a.keepers(ctx))
	}
	if k, ok := a.Targets[name].(KeyKeeper); ok {
		return k.HasKey(ctx, public)
	}
	return nil
}

// toKeep tells how to mend a target that writes keys.
func (a *Activities) toKeep(name string) string {
	if h, ok := a.Hosts[name]; ok {
		return fmt.Sprintf("set kept_key in the configuration of host %s to where it lies, and restart the worker there", h.Name)
	}
	if _, ok := a.Targets[name].(KeyKeeper); ok {
		return "set kept_key there to where it lies"
	}
	return "a target of its kind cannot do without: take one of the kind file, nginx or apache that has kept_key (docs/csr.md)"
}

// keepsKey reports whether a target takes chains alone; known is false if there
// is no such target, or its host did not report it.
func (a *Activities) keepsKey(ctx context.Context, name string) (keeps, known bool) {
	if h, ok := a.Hosts[name]; ok {
		t, err := a.hostTarget(ctx, name, h)
		return t.KeepsKey, err == nil
	}
	t, known := a.Targets[name]
	k, ok := t.(KeyKeeper)
	return ok && k.KeepsKey(), known
}

// admitWithKey refuses targets that take no key.
func (a *Activities) admitWithKey(ctx context.Context, r AdmitRequest) error {
	var errs []error
	for _, name := range r.Targets {
		if keeps, _ := a.keepsKey(ctx, name); keeps {
			errs = append(errs, fmt.Errorf("targets: %s has kept_key, so no private key is written there; make a certificate request with the key that is there, and give it by --csr", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	return nil
}

// keepers names the targets that take a chain alone.
func (a *Activities) keepers(ctx context.Context) string {
	var out []string
	for _, name := range slices.Concat(slices.Collect(maps.Keys(a.Targets)), slices.Collect(maps.Keys(a.Hosts))) {
		if keeps, _ := a.keepsKey(ctx, name); keeps {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		return ""
	}
	return ", or use one that has it: " + strings.Join(out, ", ")
}

// hasKey sees that a target takes the pair as it is, and has the key of a chain
// that comes without. One that cannot keep a key refuses a pair without itself.
func hasKey(ctx context.Context, name string, t Target, pair cert.Pair) error {
	k, ok := t.(KeyKeeper)
	keeps := ok && k.KeepsKey()
	switch {
	case pair.KeptKey && !keeps:
		return fault.New(fault.Configuration, "target %s would have to write the private key, and that of this certificate stays on its host; set kept_key there to where it lies, if its kind has that", name)
	case !pair.KeptKey && keeps:
		return fault.New(fault.Configuration, "target %s has kept_key, so no private key is written there, and this version brings one; nothing was written", name)
	case !pair.KeptKey:
		return nil
	}
	chain, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return fault.New(fault.Configuration, "%w", err)
	}
	if err := k.HasKey(ctx, chain[0].PublicKey); err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	return nil
}

// requestedBy reports whether an issuance is by the request that was given, or
// by one that was made here if none was.
func requestedBy(iss cert.Issuance, csr *cert.CSR) bool {
	return iss.KeptKey == (csr != nil) && (csr == nil || bytes.Equal(iss.CSR, csr.DER))
}

// keyOf is the pair that an issuance leads to, still without its chain; without
// its key, too, where that stays on its host.
func (a *Activities) keyOf(ctx context.Context, iss cert.Issuance) (cert.Pair, error) {
	if iss.KeptKey {
		return cert.Pair{KeptKey: true}, nil
	}
	key, err := a.Store.Key(ctx, iss.Certificate, iss.KeyRef)
	return cert.Pair{Key: key}, ours(err)
}

// ofRequest tells why a chain is not for the key of the request that was given,
// or brings no key although none was; nil if it is as it was asked for.
func ofRequest(pair cert.Pair, csr *cert.CSR) error {
	switch {
	case csr == nil && pair.KeptKey:
		return errors.New("it is for a key that stays on its host, and its request was taken back since")
	case csr == nil:
		return nil
	}
	chain, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return err
	}
	ref, err := cert.KeyReference(chain[0].PublicKey)
	if err == nil && ref != csr.Key {
		err = fmt.Errorf("the certificate %s is for another key (%.12s…) than the request (%.12s…)", cert.FingerprintOf(chain[0]).Short(), ref, csr.Key)
	}
	return err
}

// given records the request that people gave, unless its key must not be used.
func (a *Activities) given(ctx context.Context, in IssueInput, iss cert.Issuance) (cert.Issuance, error) {
	if err := a.uncompromised(ctx, in.Name, *in.CSR); err != nil {
		return iss, err
	}
	if iss.KeptKey && len(iss.CSR) > 0 {
		return iss, nil
	}
	iss.CSR, iss.KeyRef, iss.KeptKey = in.CSR.DER, "", true
	iss, err := a.Store.PutIssuance(ctx, iss)
	return iss, ours(err)
}

// uncompromised is a fault.Configuration if a version of this key was revoked
// because others may know the key. What was revoked elsewhere is not known here.
func (a *Activities) uncompromised(ctx context.Context, name string, csr cert.CSR) error {
	versions, err := a.Store.Versions(ctx, name)
	if err != nil {
		return ours(err)
	}
	for _, v := range versions {
		if v.KeptKey != csr.Key {
			continue
		}
		r, err := a.Store.Revocation(ctx, name, v.Fingerprint)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return ours(err)
		case r.Reason == cert.KeyCompromise:
			return fault.New(fault.Configuration, "the key of the request of %s is compromised: %s was revoked for that at %s. Make a new key and request on the host, and replace the request: neverlapse enroll --cert-name %s --update --csr FILE",
				name, v.Fingerprint.Short(), r.At.UTC().Format("2006-01-02 15:04 UTC"), name)
		}
	}
	return nil
}

// requestedBefore gives the request again that people gave.
func (a *Activities) requestedBefore(in SupplyInput) ([]byte, error) {
	if in.Subject != "" || in.New {
		return nil, fault.New(fault.Invalid, "the key of %s stays on its host, so its request can only be made there; replace it: neverlapse enroll --cert-name %s --update --csr FILE", in.Name, in.Name)
	}
	return in.CSR.PEM(), nil
}
