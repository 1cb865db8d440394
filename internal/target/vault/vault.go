// Package vault is the target of that kind: a secret of the KV engine, version
// 2, of HashiCorp Vault or OpenBao. app builds it from the options and
// activities calls it through their port Target.
//
// It writes the fields of the certificate and of the key, and nothing else of
// a secret. It does not ask who reads the secret, or when, and it does not
// issue by Vault's PKI engine.
package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
)

const policy = "docs/targets-cloud.md shows the policy it needs"

// Kind is the name of the kind in configurations.
const Kind = "vault"

// Guarantees are those of the kind.
func Guarantees() target.Guarantees {
	return target.Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: true, Reversible: true,
		Note: "one write by check-and-set changes both; the engine and the token's capabilities are asked for before; whoever reads the secret takes the new pair by itself",
	}
}

// Target is one secret.
type Target struct {
	name    string
	options Options
	client  *vaultapi.Client
}

// New makes a target of the kind vault; name is for messages. It reads the file
// of the CA and dials nobody.
func New(name string, o Options) (*Target, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "vault target %q: %w", name, err)
	}
	o = o.withDefaults()
	client, err := vaultapi.New(o.Access, policy)
	if err != nil {
		return nil, fault.New(fault.Configuration, "vault target %q: %w", name, err)
	}
	return &Target{name: name, options: o, client: client}, nil
}

// Guarantees are those of the kind, whatever the options.
func (t *Target) Guarantees() target.Guarantees { return Guarantees() }

// Identity names the secret by the address of its Vault. Two addresses of one
// Vault are two places.
func (t *Target) Identity() []string { return []string{t.place()} }

func (t *Target) place() string {
	o := t.options
	return Kind + ":" + o.Address + ":" + vaultapi.Joined(o.Namespace, o.Mount, o.Path)
}

// Capture takes the secret as it is.
func (t *Target) Capture(ctx context.Context) (data []byte, err error) {
	err = t.act(ctx, func(ctx context.Context) error {
		s, err := t.get(ctx)
		if err != nil {
			return err
		}
		data, err = json.Marshal(capture{Captured: target.CapturedAt(t.place()), Fields: s.fields})
		return err
	})
	return data, err
}

// Preflight makes sure that there is an engine of version 2, and asks Vault
// whether the token may do what an installation and its undoing need.
func (t *Target) Preflight(ctx context.Context) error {
	return t.act(ctx, func(ctx context.Context) error {
		if err := t.engine(ctx); err != nil {
			return err
		}
		s, err := t.get(ctx)
		if err != nil {
			return err
		}
		return t.allowed(ctx, s)
	})
}

// Install writes the pair, unless it is there. A write that is refused has
// changed nothing.
func (t *Target) Install(ctx context.Context, pair cert.Pair, before []byte) error {
	return t.act(ctx, func(ctx context.Context) error {
		chain, key, err := target.PEM(pair)
		if err != nil {
			return err
		}
		if _, err := t.decode(before); err != nil {
			return err
		}
		return t.settled(ctx, func(s secret) error { return t.write(ctx, s, t.with(s.fields, text(chain), text(key))) })
	})
}

// Restore puts back what Capture took: the pair, or its absence. Other fields
// stay as they are now.
func (t *Target) Restore(ctx context.Context, before []byte) error {
	return t.act(ctx, func(ctx context.Context) error {
		old, err := t.decode(before)
		if err != nil {
			return err
		}
		return t.settled(ctx, func(s secret) error {
			now := s.fields
			if now == nil {
				now = old.Fields // somebody deleted it
			}
			fields := t.with(now, old.Fields[t.options.CertificateField], old.Fields[t.options.KeyField])
			if old.Fields == nil && len(fields) == 0 {
				return t.remove(ctx, s)
			}
			return t.write(ctx, s, fields)
		})
	})
}

// with gives fields in which those of the pair are replaced; nil removes one.
func (t *Target) with(fields map[string]json.RawMessage, chain, key json.RawMessage) map[string]json.RawMessage {
	out := maps.Clone(fields)
	if out == nil {
		out = map[string]json.RawMessage{}
	}
	for name, value := range map[string]json.RawMessage{t.options.CertificateField: chain, t.options.KeyField: key} {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// Installed reads the pair back and makes sure that the key is the leaf's.
func (t *Target) Installed(ctx context.Context) (v cert.Version, err error) {
	err = t.act(ctx, func(ctx context.Context) error {
		s, err := t.get(ctx)
		if err != nil {
			return err
		}
		if s.fields == nil {
			return fault.New(fault.NotFound, "there is no such secret")
		}
		v, err = target.VersionIn(pem(s.fields[t.options.CertificateField]), pem(s.fields[t.options.KeyField]))
		return err
	})
	return v, err
}

// CapturedVersion reads the leaf out of a capture.
func (t *Target) CapturedVersion(before []byte) (v cert.Version, err error) {
	c, err := decodeCapture(before)
	if err == nil {
		v, err = target.LeafIn(pem(c.Fields[t.options.CertificateField]))
	}
	return v, t.named(err)
}

// attempts bound how often a write is tried again that came after another's.
const attempts = 8

// settled reads the secret and lets change write it; if somebody else wrote in
// between, both happen again.
func (t *Target) settled(ctx context.Context, change func(secret) error) error {
	var err error
	for range attempts {
		var s secret
		if s, err = t.get(ctx); err != nil {
			return err
		}
		if err = change(s); !vaultapi.Overtaken(err) {
			return err
		}
	}
	return err
}

func (t *Target) named(err error) error {
	if err == nil {
		return nil
	}
	o := t.options
	return fmt.Errorf("vault target %q: secret %s of %s: %w", t.name, vaultapi.Joined(o.Namespace, o.Mount, o.Path), o.Address, err)
}

func (t *Target) act(ctx context.Context, act func(context.Context) error) error {
	return t.named(target.Bounded(ctx, t.options.Timeout, act))
}
