package config

import (
	"errors"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The time between two renewals of the canary may lie between these. Against a
// directory whose certificates are trusted it is no shorter than
// LeastTrustedCanary: five a week for the same names is what public CAs allow.
const (
	minCanary          = 10 * time.Second
	maxCanary          = 31 * 24 * time.Hour
	LeastTrustedCanary = 48 * time.Hour
)

// On reports whether there is a canary.
func (c Canary) On() bool { return c.CA != "" }

// Endpoints gives the one that shows the target, if there is one.
func (c Canary) Endpoints() []cert.Endpoint {
	e, err := cert.ParseEndpoint(c.Endpoint)
	if c.Endpoint == "" || err != nil { // Validate saw it
		return nil
	}
	return []cert.Endpoint{e}
}

func (c Config) validateCanary() error {
	k := c.Canary
	var errs []error
	if !k.On() {
		if len(k.Names) > 0 {
			errs = append(errs, wrong("canary.ca", "is empty; name the CA that renews the canary, one with a staging directory if you can"))
		}
		return errors.Join(errs...)
	}
	if !slices.ContainsFunc(c.CAs, func(a Adapter) bool { return a.Name == k.CA && a.Kind == "acme" }) {
		errs = append(errs, wrong("canary.ca", "%q is not an ACME CA of the section cas", k.CA))
	}
	if _, err := cert.ParseNames(k.Names); err != nil {
		errs = append(errs, wrong("canary.names", "%v", err))
	}
	if k.Every < minCanary || k.Every > maxCanary {
		errs = append(errs, wrong("canary.every", "%s is not between %s and %s", lifecycle.FormatDuration(k.Every), lifecycle.FormatDuration(minCanary), lifecycle.FormatDuration(maxCanary)))
	}
	if _, err := cert.ParseKeyType(k.KeyType); err != nil {
		errs = append(errs, wrong("canary.key_type", "%v", err))
	}
	if k.DNS != "" && !slices.ContainsFunc(c.DNS, func(a Adapter) bool { return a.Name == k.DNS }) {
		errs = append(errs, wrong("canary.dns", "%q is not a provider of the section dns", k.DNS))
	}
	if k.Target != "" && !slices.ContainsFunc(c.Targets, func(a Adapter) bool { return a.Name == k.Target }) && !slices.ContainsFunc(c.Hosts, func(h Host) bool { return slices.Contains(h.Targets, k.Target) }) {
		errs = append(errs, wrong("canary.target", "%q is not a target of the section targets", k.Target))
	}
	if _, err := cert.ParseEndpoint(k.Endpoint); err != nil && k.Endpoint != "" {
		errs = append(errs, wrong("canary.endpoint", "%v", err))
	}
	if k.Endpoint != "" && k.Target == "" {
		errs = append(errs, wrong("canary.endpoint", "stands without canary.target, and nothing would be put there"))
	}
	if _, known := c.Directory().Team(k.Team); k.Team != "" && !known {
		errs = append(errs, wrong("canary.team", "%q is not a team of the directory", k.Team))
	}
	return errors.Join(errs...)
}
