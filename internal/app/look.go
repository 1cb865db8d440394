package app

import (
	"context"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// scanner looks at what is served as the configuration says.
func scanner(c config.Config) (*scan.Scanner, error) {
	var o scan.Options
	var err error
	if o.Networks, err = networks(c.Scan); err != nil {
		return nil, err
	}
	if c.Scan.RootsFile != "" {
		own, err := scan.ReadRoots(c.Scan.RootsFile)
		if err != nil {
			return nil, fmt.Errorf("scan.roots_file: %w", err)
		}
		o.Own = own
	}
	return scan.New(o), nil
}

// networks are where the configuration lets a scanner connect to.
func networks(c config.Scan) (n scan.Networks, err error) {
	if n.Allow, err = scan.ParseNetworks(c.Allow); err != nil {
		return n, fmt.Errorf("scan.allow: %w", err)
	}
	if n.Deny, err = scan.ParseNetworks(c.Deny); err != nil {
		return n, fmt.Errorf("scan.deny: %w", err)
	}
	return n, nil
}

// Looker gives the CLI eyes: one handshake with every address behind an
// endpoint, judged by the roots of the configuration.
func Looker(c config.Config) (func(context.Context, cert.Endpoint, []string) []cert.Observation, error) {
	s, err := scanner(c)
	if err != nil {
		return nil, err
	}
	return s.Observe, nil
}
