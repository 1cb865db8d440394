// Package kubernetes is the target of that kind: a TLS Secret in a cluster,
// which ingress controllers and gateways watch. app builds it from the options
// and activities calls it through their port Target.
//
// It writes tls.crt and tls.key and nothing else of a Secret: labels,
// annotations, owner references and other keys stay as they are. It does not
// ask who reads the Secret, or whether they do; an endpoint of the certificate
// shows that.
package kubernetes

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/target"
)

// Kind is the name of the kind in configurations.
const Kind = "kubernetes"

// Guarantees are those of the kind.
func Guarantees() target.Guarantees {
	return target.Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: true, Reversible: true,
		Note: "one write changes both; the API server tries it dry first, with its permissions and admission policies; whoever reads the Secret takes the new pair by itself",
	}
}

// Target is one Secret.
type Target struct {
	name    string
	options Options
	client  *rest.RESTClient
	server  string // URL of the API server
}

// New makes a target of the kind kubernetes; name is for messages. It reads the
// kubeconfig and dials nobody.
func New(name string, o Options) (*Target, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "kubernetes target %q: %w", name, err)
	}
	client, err := o.Client()
	if err != nil {
		return nil, fault.New(fault.Configuration, "kubernetes target %q: %w", name, err)
	}
	return &Target{name: name, options: o, client: client, server: kube.Server(client)}, nil
}

// Guarantees are those of the kind, whatever the options.
func (t *Target) Guarantees() target.Guarantees { return Guarantees() }

// Identity names the Secret by the URL of its API server. Two URLs of one
// cluster are two places.
func (t *Target) Identity() []string { return []string{t.place()} }

func (t *Target) place() string {
	return Kind + ":" + t.server + ":" + t.options.Namespace + "/" + t.options.Secret
}

// Capture takes the Secret as it is.
func (t *Target) Capture(ctx context.Context) (data []byte, err error) {
	err = t.bounded(ctx, func(ctx context.Context) error {
		s, err := t.get(ctx)
		if err != nil {
			return err
		}
		data, err = t.captured(s).encode()
		return err
	})
	return data, err
}

// Preflight asks the API server, dry, for a write that changes nothing: that
// shows a missing permission, a namespace that is not there and an admission
// policy that refuses.
func (t *Target) Preflight(ctx context.Context) error {
	return t.bounded(ctx, func(ctx context.Context) error {
		s, err := t.get(ctx)
		switch {
		case err != nil:
			return err
		case s == nil:
			if err := t.create(ctx, t.fresh([]byte{}, []byte{}), dry); err != nil {
				return err
			}
			return t.mayDelete(ctx)
		}
		if err := t.accepts(s); err != nil {
			return err
		}
		return t.patch(ctx, s, pairOf(s), dry)
	})
}

// Install writes the pair. A write that is refused has changed nothing.
func (t *Target) Install(ctx context.Context, pair cert.Pair, before []byte) error {
	return t.bounded(ctx, func(ctx context.Context) error {
		chain, key, err := target.PEM(pair)
		if err != nil {
			return err
		}
		if _, err := t.decode(before); err != nil {
			return err
		}
		return t.settled(ctx, func(s *secret) error {
			if s == nil {
				return t.create(ctx, t.fresh(chain, key), forReal)
			}
			if err := t.accepts(s); err != nil {
				return err
			}
			return t.patch(ctx, s, map[string][]byte{certKey: chain, keyKey: key}, forReal)
		})
	})
}

// Restore puts back what Capture took: the pair, or the absence of the Secret.
func (t *Target) Restore(ctx context.Context, before []byte) error {
	return t.bounded(ctx, func(ctx context.Context) error {
		old, err := t.decode(before)
		if err != nil {
			return err
		}
		return t.settled(ctx, func(s *secret) error {
			switch {
			case old.Secret == nil && s == nil:
				return nil
			case old.Secret == nil && s.Metadata.Labels[managedBy] != us:
				return fault.New(fault.Configuration, "there was no Secret before; the one that is there now was not made by Neverlapse, so it is left")
			case old.Secret == nil:
				return t.delete(ctx, s)
			case s == nil:
				return t.create(ctx, *old.Secret, forReal)
			}
			if err := t.accepts(s); err != nil {
				return err
			}
			return t.patch(ctx, s, pairOf(old.Secret), forReal)
		})
	})
}

// Installed reads the pair back and makes sure that the key is the leaf's.
func (t *Target) Installed(ctx context.Context) (v cert.Version, err error) {
	err = t.bounded(ctx, func(ctx context.Context) error {
		s, err := t.get(ctx)
		switch {
		case err != nil:
			return err
		case s == nil:
			return fault.New(fault.NotFound, "there is no such Secret")
		}
		v, err = target.VersionIn(s.Data[certKey], s.Data[keyKey])
		return err
	})
	return v, err
}

// CapturedVersion reads the leaf out of a capture.
func (t *Target) CapturedVersion(before []byte) (cert.Version, error) {
	c, err := decodeCapture(before)
	if err != nil {
		return cert.Version{}, t.named(err)
	}
	v, err := c.version()
	return v, t.named(err)
}

// attempts bound how often a write is tried again that came after another's.
const attempts = 8

// settled reads the Secret (nil if it is absent) and lets change write it; if
// somebody else wrote in between, both happen again.
func (t *Target) settled(ctx context.Context, change func(*secret) error) error {
	var err error
	for range attempts {
		var s *secret
		if s, err = t.get(ctx); err != nil {
			return err
		}
		if s != nil && s.Metadata.DeletionTimestamp != "" {
			return fmt.Errorf("the Secret is being deleted (since %s)", s.Metadata.DeletionTimestamp)
		}
		if err = change(s); !kube.Overtaken(err) {
			return err
		}
	}
	return err
}

// bounded runs one act within the timeout and says which target an error is about.
func (t *Target) bounded(ctx context.Context, act func(context.Context) error) error {
	return t.named(target.Bounded(ctx, t.options.timeout(), act))
}

func (t *Target) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("kubernetes target %q: Secret %s/%s of %s: %w", t.name, t.options.Namespace, t.options.Secret, t.server, err)
}

const defaultTimeout = 30 * time.Second
