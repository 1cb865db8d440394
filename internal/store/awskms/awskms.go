// Package awskms has AWS Key Management Service wrap the keys of a store: the key
// that does never leaves it. app makes it from the URL of a key and gives it to a
// store.Remote, which asks it seldom. It makes no key and rotates none: AWS does
// that by itself, and opens what older versions wrapped.
package awskms

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Scheme is that of its URLs; gocloud.dev/secrets has the same.
const Scheme = "awskms"

// Options say which key, and as whom it is used.
type Options struct {
	// Key is an ID, an ARN, or alias/NAME; the URL has it as its host and path.
	Key           string `mapstructure:"-"`
	Region        string `mapstructure:"region"` // empty: that of the profile or environment
	amazon.Access `mapstructure:",squash"`
}

// Service wraps by one key.
type Service struct {
	key    string
	client *kms.Client
}

// New finds out how to reach AWS; nothing is dialled yet.
func New(o Options) (*Service, error) {
	var errs []error
	if o.Key == "" {
		errs = append(errs, fmt.Errorf("the key is missing; write %s://KEY-ID?region=REGION, %s://alias/NAME?region=REGION or %s:///ARN", Scheme, Scheme, Scheme))
	}
	if err := errors.Join(append(errs, o.Access.Validate())...); err != nil {
		return nil, err
	}
	region := o.Region
	if parts := strings.Split(o.Key, ":"); region == "" && len(parts) > 5 && parts[0] == "arn" {
		region = parts[3]
	}
	c, err := o.Config(region)
	if err != nil {
		return nil, err
	}
	if c.Region == "" {
		return nil, errors.New("region: missing; name that of the key, such as ?region=eu-central-1")
	}
	return &Service{key: o.Key, client: kms.NewFromConfig(c)}, nil
}

// Scheme is that of the URL.
func (s *Service) Scheme() string { return Scheme }

// bound is the encryption context: what was wrapped for something else is not
// opened, and the trail of AWS names it.
var bound = map[string]string{"neverlapse": "store"}

// Wrap has AWS encrypt a key.
func (s *Service) Wrap(ctx context.Context, plain []byte) (string, error) {
	out, err := s.client.Encrypt(ctx, &kms.EncryptInput{KeyId: &s.key, Plaintext: plain, EncryptionContext: bound})
	if err != nil {
		return "", s.named(err, "kms:Encrypt")
	}
	return base64.StdEncoding.EncodeToString(out.CiphertextBlob), nil
}

// Unwrap has AWS decrypt one.
func (s *Service) Unwrap(ctx context.Context, wrapped string) ([]byte, error) {
	blob, err := base64.StdEncoding.DecodeString(wrapped)
	if err != nil {
		return nil, fault.New(fault.Configuration, "the wrapped key was altered")
	}
	out, err := s.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &s.key, CiphertextBlob: blob, EncryptionContext: bound})
	if err != nil {
		return nil, s.named(err, "kms:Decrypt")
	}
	return out.Plaintext, nil
}

// Older is never so: AWS keeps every version of a key.
func (s *Service) Older(string, string) bool { return false }

func (s *Service) named(err error, right string) error {
	return fmt.Errorf("key %s of AWS KMS: %w", s.key, amazon.Explained(err, right, "docs/stores.md has the rights"))
}
