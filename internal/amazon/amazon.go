// Package amazon reaches Amazon Web Services: where credentials come from, and
// what each refusal means. The target and the source of AWS Certificate Manager
// call it. It knows no service but the one that lends roles.
package amazon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Access says as whom AWS is asked, and where. Credentials come from where AWS
// tools look for them: environment, shared files, web identity, the instance.
type Access struct {
	// Profile is one of the shared files; empty: the usual one.
	Profile string `mapstructure:"profile"`
	// RoleARN is a role to take on, as for another account; empty: none.
	RoleARN string `mapstructure:"role_arn"`
	// Endpoint is the URL of a private one (PrivateLink); empty: that of the region.
	Endpoint string `mapstructure:"endpoint"`
}

// Validate tells everything that is wrong with it, each with its field.
func (a Access) Validate() error {
	var errs []error
	if x, err := arn.Parse(a.RoleARN); a.RoleARN != "" && (err != nil || x.Service != "iam" || !strings.HasPrefix(x.Resource, "role/")) {
		errs = append(errs, fmt.Errorf("role_arn: %q is not the ARN of a role, such as arn:aws:iam::123456789012:role/NAME", a.RoleARN))
	}
	if a.Endpoint != "" {
		errs = append(errs, validateEndpoint(a.Endpoint))
	}
	return errors.Join(errs...)
}

// validateEndpoint refuses a way on which private keys could be read by others.
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

// Config finds out how to reach AWS in a region; an empty one is that of the
// profile or environment. It reads files and asks nobody.
func (a Access) Config(region string) (aws.Config, error) {
	load := []func(*config.LoadOptions) error{config.WithAppID("neverlapse")}
	if region != "" {
		load = append(load, config.WithRegion(region))
	}
	if a.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(a.Profile))
	}
	c, err := config.LoadDefaultConfig(context.Background(), load...)
	if err != nil {
		return c, fmt.Errorf("the AWS configuration: %w", err)
	}
	if a.RoleARN != "" {
		c.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), a.RoleARN))
	}
	if a.Endpoint != "" {
		c.BaseEndpoint = &a.Endpoint
	}
	return c, nil
}
