package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// openEyes makes the scanner that the configuration describes.
func (c *cli) openEyes() error {
	if c.look != nil {
		return nil
	}
	look, err := app.Looker(c.config)
	if err != nil {
		return usage("%s", err)
	}
	c.look = look
	return nil
}

// sight looks at every endpoint of a wish at once.
func (c *cli) sight(ctx context.Context, places []cert.Endpoint, names []string) []cert.Observation {
	seen := make([][]cert.Observation, len(places))
	done := make(chan struct{})
	for i, e := range places {
		go func() {
			seen[i] = c.look(ctx, e, names)
			done <- struct{}{}
		}()
	}
	for range places {
		<-done
	}
	return slices.Concat(seen...)
}

// served gives the names to guard: those of the first certificate that was
// read. What cannot be a name (a server may send anything) is left out and told.
func (c *cli) served(seen []cert.Observation) ([]string, error) {
	names, remarks, err := servedNames(seen)
	for _, r := range remarks {
		c.remark("%s", clean(r, 0))
	}
	return names, err
}

func servedNames(seen []cert.Observation) (names, remarks []string, err error) {
	i := slices.IndexFunc(seen, cert.Observation.Seen)
	if i < 0 {
		var why []string
		for _, o := range seen {
			why = append(why, o.Where()+" cannot be read: "+o.Err)
		}
		return nil, nil, problem{exitFailed, strings.Join(why, "\n") +
			"\ncheck host and port, or say by --domains which names it has to cover to enroll it all the same"}
	}
	for _, n := range seen[i].Version.Names {
		if _, err := cert.ParseName(n); err != nil {
			remarks = append(remarks, "left out: "+err.Error())
			continue
		}
		names = append(names, n)
	}
	if names, err = cert.ParseNames(names); err != nil {
		return nil, remarks, problem{exitFailed, fmt.Sprintf("the certificate of %s covers no name that can be guarded; say by --domains which it has to cover", seen[i].Where())}
	}
	for _, o := range seen[i+1:] {
		if o.Seen() && o.Version.Fingerprint != seen[i].Version.Fingerprint {
			remarks = append(remarks, fmt.Sprintf("%s serves another certificate than %s; the names are taken from the latter", o.Where(), seen[i].Where()))
		}
	}
	return names, remarks, nil
}

// printSeen shows what is served now.
func (c *cli) printSeen(seen []cert.Observation) {
	for _, o := range seen {
		if !o.Seen() {
			c.say("%s cannot be read: %s", clean(o.Where(), 0), clean(o.Err, 0))
			continue
		}
		v := o.Version
		c.say("%s serves", clean(o.Where(), 0))
		c.fact("names", "%s", some(v.Names))
		c.fact("certificate", "%s by %s, %s, serial %s", v.Fingerprint.Short(), v.Issuer, v.KeyAlgorithm, v.Serial)
		c.fact("valid until", "%s, %s", c.when(v.NotAfter), c.leftInWords(v.NotAfter))
		for _, p := range o.Problems {
			c.say("  %-13s %s", "trouble", c.paint(yellow, clean(p, 0)))
		}
	}
}

// some lists names, as many as a reader takes in.
func some(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// lifetimeSeen is the lifetime of what is served; zero if nothing was seen.
func lifetimeSeen(seen []cert.Observation) time.Duration {
	i := slices.IndexFunc(seen, cert.Observation.Seen)
	if i < 0 {
		return 0
	}
	return seen[i].Version.Lifetime()
}
