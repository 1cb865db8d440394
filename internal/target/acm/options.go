package acm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Options are the options of the kind aws-acm. Credentials come from where AWS
// tools look for them: environment, shared files, web identity, the instance.
type Options struct {
	// ARN is that of a certificate which was imported once; it names region and account.
	ARN string `mapstructure:"arn"`
	// Profile is one of the shared files; empty: the usual one.
	Profile string `mapstructure:"profile"`
	// RoleARN is a role to take on, as for another account; empty: none.
	RoleARN string `mapstructure:"role_arn"`
	// Endpoint is the URL of a private one (PrivateLink); empty: that of the region.
	Endpoint string `mapstructure:"endpoint"`
	// Timeout bounds each act; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
)

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return defaultTimeout
	}
	return o.Timeout
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	var errs []error
	if a, err := arn.Parse(o.ARN); err != nil || a.Service != "acm" || a.Region == "" || a.AccountID == "" || !strings.HasPrefix(a.Resource, "certificate/") {
		errs = append(errs, fmt.Errorf("arn: %q is not the ARN of a certificate, such as arn:aws:acm:eu-central-1:123456789012:certificate/ID; import one once (aws acm import-certificate) and give its ARN", o.ARN))
	}
	if a, err := arn.Parse(o.RoleARN); o.RoleARN != "" && (err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/")) {
		errs = append(errs, fmt.Errorf("role_arn: %q is not the ARN of a role, such as arn:aws:iam::123456789012:role/NAME", o.RoleARN))
	}
	if o.Endpoint != "" {
		errs = append(errs, validateEndpoint(o.Endpoint))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

// validateEndpoint refuses a way on which the private key could be read by others.
func validateEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("endpoint: %q is not a URL", endpoint)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("endpoint: %q is not reached by https, and a private key would go there in the open", endpoint)
	}
	return nil
}

// config finds out how to reach AWS. It reads files and asks nobody.
func (o Options) config() (aws.Config, error) {
	a, err := arn.Parse(o.ARN)
	if err != nil {
		return aws.Config{}, fmt.Errorf("arn: %w", err)
	}
	load := []func(*config.LoadOptions) error{config.WithRegion(a.Region), config.WithAppID("neverlapse")}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	c, err := config.LoadDefaultConfig(context.Background(), load...)
	if err != nil {
		return c, fmt.Errorf("the AWS configuration: %w", err)
	}
	if o.RoleARN != "" {
		c.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), o.RoleARN))
	}
	return c, nil
}
