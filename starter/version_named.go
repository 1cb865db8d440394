package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// shortest is how many digits of a fingerprint or serial say which version is meant.
const shortest = 6

const fewestDigits = "the first digits of a fingerprint or serial"

// deployable finds the version that somebody named by a word (previous, live) or
// by digits; the word gives none, for the certificate knows it. One that is
// expired or revoked is refused.
func (c *cli) deployable(ctx context.Context, name, flag, text, word string) (cert.Fingerprint, error) {
	if text == word {
		return "", nil
	}
	s, v, stored, err := c.named(ctx, name, flag, text, word)
	if err != nil {
		return "", err
	}
	if why := c.unfit(s, v); why != "" {
		return "", lifecycle.Refusal{Text: fmt.Sprintf("version %s of %s %s: deploying it would not help; the store has:\n%s", v.Fingerprint.Short(), name, why, c.candidates(s, stored))}
	}
	return v.Fingerprint, nil
}

// named finds a version in the store by digits; word is what else could have been written.
func (c *cli) named(ctx context.Context, name, flag, text, word string) (s lifecycle.State, v cert.Version, stored []cert.Version, err error) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	switch {
	case text == "":
		return s, v, nil, usage("%s is missing: which version? write %s, or %s", flag, word, fewestDigits)
	case strings.Trim(digits, "0123456789abcdef") != "" || len(digits) < shortest:
		return s, v, nil, usage("%s: %q is neither %s nor at least %d hexadecimal digits of a fingerprint or serial", flag, text, word, shortest)
	}
	status, err := c.ask(ctx, name)
	if err != nil {
		return s, v, nil, err
	}
	if stored, err = hand[[]cert.Version](ctx, c, "Stored", name); err == nil {
		v, err = c.match(status.State, flag, digits, stored)
	}
	return status.State, v, stored, err
}

func (c *cli) match(s lifecycle.State, flag, digits string, stored []cert.Version) (cert.Version, error) {
	name := s.Spec.Name
	var found []cert.Version
	serial := strings.TrimLeft(digits, "0")
	for _, v := range stored {
		if strings.HasPrefix(string(v.Fingerprint), digits) || serial != "" && strings.HasPrefix(strings.TrimLeft(v.Serial, "0"), serial) {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return cert.Version{}, problem{exitNotFound, fmt.Sprintf("the store has no version %s of %s; it has:\n%s", digits, name, c.candidates(s, stored))}
	}
	return cert.Version{}, usage("%s: %s is not clear; write more digits:\n%s", flag, digits, c.candidates(s, found))
}

// unfit tells why a version cannot be deployed any more; empty if it can.
func (c *cli) unfit(s lifecycle.State, v cert.Version) string {
	switch r := s.Revoked(v.Fingerprint); {
	case r != nil:
		return fmt.Sprintf("was revoked at %s by %s (%s)", c.when(r.At), r.By, r.Reason)
	case !c.now().Before(v.NotAfter):
		return "expired at " + c.when(v.NotAfter)
	}
	return ""
}

// candidates lists versions, one a line, and what each is.
func (c *cli) candidates(s lifecycle.State, all []cert.Version) string {
	if len(all) == 0 {
		return "none"
	}
	var lines []string
	for _, v := range all {
		line := fmt.Sprintf("%s, serial %s, until %s", v.Fingerprint.Short(), v.Serial, c.when(v.NotAfter))
		for _, role := range []struct {
			word string
			is   cert.Fingerprint
		}{{"live", s.Live.Fingerprint}, {"previous", s.Previous.Fingerprint}, {"candidate, not yet proven", s.Renewal.Candidate.Fingerprint}} {
			if role.is == v.Fingerprint {
				line += ", " + role.word
			}
		}
		if why := c.unfit(s, v); why != "" {
			line += ", " + why
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
