// Package acm is the target of the kind aws-acm: an imported certificate of AWS
// Certificate Manager. It is imported again under the same ARN, so that load
// balancers, distributions and gateways which use it go on with the new one.
// app builds it from the options and activities calls it through their port
// Target.
//
// ACM never gives a private key back, so what was there can only return where
// the store has it. The package does not touch the services that use the
// certificate, nor certificates that ACM issued.
package acm

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
)

// Kind is the name of the kind in configurations.
const Kind = "aws-acm"

// Guarantees are those of the kind.
func Guarantees() target.Guarantees {
	return target.Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: true, Reversible: false,
		Note: "a version that was issued here is put back from the store; what others imported cannot be read, so the first deployment over it needs `--accept-irreversible`",
	}
}

// Target is one ARN.
type Target struct {
	name    string
	options Options
	client  *sdk.Client
}

// New makes a target of the kind aws-acm; name is for messages. It reads the
// profile and dials nobody.
func New(name string, o Options) (*Target, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "%s target %q: %w", Kind, name, err)
	}
	at, err := arn.Parse(o.ARN)
	if err != nil {
		return nil, fault.New(fault.Configuration, "%s target %q: arn: %w", Kind, name, err)
	}
	c, err := o.Config(at.Region)
	if err != nil {
		return nil, fault.New(fault.Configuration, "%s target %q: %w", Kind, name, err)
	}
	return &Target{name: name, options: o, client: sdk.NewFromConfig(c)}, nil
}

// Guarantees are those of the kind, whatever the options.
func (t *Target) Guarantees() target.Guarantees { return Guarantees() }

// Irreversible tells why what is there cannot be taken and put back.
func (t *Target) Irreversible() string {
	return "AWS Certificate Manager never gives a private key back"
}

// Identity is the ARN, which names region and account.
func (t *Target) Identity() []string { return []string{t.place()} }

func (t *Target) place() string { return Kind + ":" + t.options.ARN }

// Capture takes the chain that is there. Its key stays where it is.
func (t *Target) Capture(ctx context.Context) (data []byte, err error) {
	err = t.bounded(ctx, func(ctx context.Context) error {
		chain, err := t.get(ctx)
		if err != nil {
			return err
		}
		data, err = json.Marshal(capture{Captured: target.CapturedAt(t.place()), Chain: chain})
		return err
	})
	return data, err
}

// Preflight makes sure that the ARN is of an imported certificate. ACM has no
// way to try an import; a missing right to it shows when it is done, and then
// nothing has changed.
func (t *Target) Preflight(ctx context.Context) error {
	return t.bounded(ctx, func(ctx context.Context) error {
		out, err := t.client.DescribeCertificate(ctx, &sdk.DescribeCertificateInput{CertificateArn: &t.options.ARN})
		if err != nil {
			return explained(err, "acm:DescribeCertificate")
		}
		if d := out.Certificate; d != nil && d.Type != types.CertificateTypeImported {
			return fault.New(fault.Configuration, "the certificate was issued by AWS (%s), and nothing can be imported over it; import one, let the services use that, and give its ARN", d.Type)
		}
		return nil
	})
}

// Install imports the pair. ACM checks that it belongs together before anything
// changes. What is there already is not imported again: imports are counted.
func (t *Target) Install(ctx context.Context, pair cert.Pair, before []byte) error {
	return t.bounded(ctx, func(ctx context.Context) error {
		full, key, err := target.PEM(pair)
		if err != nil {
			return err
		}
		if _, err := t.decode(before); err != nil {
			return err
		}
		certs, err := cert.DecodeChain(full)
		if err != nil {
			return fault.New(fault.Invalid, "pair: %w", err)
		}
		now, err := t.get(ctx)
		if err != nil {
			return err
		}
		if v, err := target.LeafIn(now); err == nil {
			if v.Fingerprint == cert.FingerprintOf(certs[0]) {
				return nil
			}
			if err := sameKeyType(v.KeyAlgorithm, cert.KeyAlgorithmOf(certs[0])); err != nil {
				return err
			}
		}
		in := sdk.ImportCertificateInput{CertificateArn: &t.options.ARN, Certificate: cert.EncodeChain(certs[:1]), PrivateKey: key}
		if len(certs) > 1 {
			in.CertificateChain = cert.EncodeChain(certs[1:])
		}
		_, err = t.client.ImportCertificate(ctx, &in)
		return explained(err, "acm:ImportCertificate")
	})
}

// sameKeyType refuses what ACM does not take under the same ARN (User Guide,
// "Reimport a certificate"); its own words do not say how to mend it.
func sameKeyType(was, is string) error {
	if was == is {
		return nil
	}
	return fault.New(fault.Configuration, "ACM takes only the type and size of key that the ARN has: %s, and this is %s. To have such a key: neverlapse enroll NAME --update --key-type %s; or import a certificate with another key under a new ARN, and let the services use that", was, is, was)
}

// Restore succeeds where what Capture saw is still there; anything else needs a
// private key that nobody can read. A version of the store is installed instead.
func (t *Target) Restore(ctx context.Context, before []byte) error {
	return t.bounded(ctx, func(ctx context.Context) error {
		old, err := t.decode(before)
		if err != nil {
			return err
		}
		was, err := target.LeafIn(old.Chain)
		if err != nil {
			return err
		}
		chain, err := t.get(ctx)
		if err != nil {
			return err
		}
		if now, err := target.LeafIn(chain); err != nil || now.Fingerprint != was.Fingerprint {
			return fault.New(fault.Configuration, "not reversible: %s, so %s (serial %s) cannot be put back; import it by hand if you have its key", t.Irreversible(), was.Fingerprint.Short(), was.Serial)
		}
		return nil
	})
}

// Installed reads back the leaf. That the key is its own, ACM made sure of.
func (t *Target) Installed(ctx context.Context) (v cert.Version, err error) {
	err = t.bounded(ctx, func(ctx context.Context) error {
		chain, err := t.get(ctx)
		if err != nil {
			return err
		}
		v, err = target.LeafIn(chain)
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
	v, err := target.LeafIn(c.Chain)
	return v, t.named(err)
}

// get reads the chain, leaf first.
func (t *Target) get(ctx context.Context) ([]byte, error) {
	out, err := t.client.GetCertificate(ctx, &sdk.GetCertificateInput{CertificateArn: &t.options.ARN})
	if err != nil {
		return nil, explained(err, "acm:GetCertificate")
	}
	return []byte(aws.ToString(out.Certificate) + "\n" + aws.ToString(out.CertificateChain)), nil
}

// explained gives an error of AWS its kind, and says how to mend it. action is
// the right that the call needs.
func explained(err error, action string) error {
	switch amazon.Code(err) {
	case "ResourceNotFoundException":
		return fault.New(fault.Configuration, "there is no such certificate: %w; import one and give its ARN", err)
	case "LimitExceededException", "ServiceQuotaExceededException":
		return fault.New(fault.Configuration, "%s: the account has used up its imports: %w; ask AWS for more", action, err)
	}
	return amazon.Explained(err, action, "docs/targets-cloud.md shows the policy it needs")
}

// bounded runs one act within the timeout and says which target an error is about.
func (t *Target) bounded(ctx context.Context, act func(context.Context) error) error {
	return t.named(target.Bounded(ctx, t.options.timeout(), act))
}

func (t *Target) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s target %q: %s: %w", Kind, t.name, t.options.ARN, err)
}
