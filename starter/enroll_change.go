package main

import (
	"context"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// change replaces the spec of an enrolled certificate: admitted first, sent then.
func (c *cli) change(ctx context.Context, w wish) error {
	req, err := c.request("")
	if err != nil {
		return err
	}
	now, err := c.ask(ctx, w.name)
	if err != nil {
		return err
	}
	in := w.over(now.State.Spec)
	in.Change = true
	if w.dry {
		return c.enrolled(in, "dry-run", nil)
	}
	reminder := c.remind()
	defer reminder.Stop()
	if err := c.setSpec(ctx, req, in); err != nil {
		return err
	}
	return c.enrolled(in, "changed", nil)
}

// setSpec has the change admitted, and gives what was admitted to the certificate.
func (c *cli) setSpec(ctx context.Context, req workflows.Request, in workflows.EnrollmentInput) error {
	spec, err := c.enrollment(ctx, in)
	if err != nil {
		return err
	}
	_, err = call(ctx, c, workflows.SetSpec, in.Name, workflows.SetSpecRequest{Request: req, Spec: spec})
	return err
}

// over lays what was given over what was asked for before.
func (w *wish) over(s lifecycle.Spec) workflows.EnrollmentInput {
	var in workflows.EnrollmentInput
	in.Name, in.Managed = s.Name, pick(w, "manage", w.manage, s.Managed)
	in.Names, in.Endpoints = pick(w, "domains", w.domains, s.Names), pick(w, "endpoint", w.places, s.Endpoints)
	in.Owner, in.Team = pick(w, "owner", w.owner, s.Owner), pick(w, "team", w.team, s.Team)
	in.Environment, in.Note = pick(w, "environment", w.environment, s.Environment), pick(w, "note", w.note, s.Note)
	if !w.given("environment") || w.given("policy") {
		in.Policy = pick(w, "policy", w.policy, s.Policy.Name)
	}
	if given := w.given("ca") || w.given("server"); in.Managed || given {
		in.CA = s.CA
		if given {
			in.CA = w.ca
		}
	}
	if in.Managed || w.given("fallback-ca") {
		in.FallbackCAs = pick(w, "fallback-ca", w.fallback, s.FallbackCAs)
	}
	if in.Managed || w.given("target") {
		in.Targets = pick(w, "target", w.targets, s.Targets)
	} else if !w.given("endpoint") {
		in.Endpoints = unfed(in.Endpoints)
	}
	if in.Managed {
		in.KeyType = pick(w, "key-type", cert.KeyType(w.keyType), s.KeyType)
		in.Challenge, in.DNS = s.Challenge, s.DNS
		if w.given("http") || w.given("tls-alpn") || w.given("dns") {
			in.Challenge, in.DNS = w.way()
		}
		if s.CSR != nil {
			in.CSR, in.KeyType = s.CSR.DER, cert.KeyType(w.keyType) // that of the spec is the request's
		}
		if w.given("csr") {
			in.CSR, in.KeyType = nil, cert.KeyType(w.keyType)
			if w.request != nil {
				in.CSR = w.request.DER
			}
		}
		in.Profile, in.ReuseKey = pick(w, "profile", w.profile, s.Profile), pick(w, "reuse-key", w.reuseKey, s.ReuseKey && len(in.CSR) == 0)
		in.AcceptIrreversible = pick(w, "accept-irreversible", w.acceptIrreversible, s.AcceptIrreversible)
	}
	return in
}

// unfed forgets which targets feed the endpoints: a certificate that is only
// watched has none.
func unfed(endpoints []cert.Endpoint) []cert.Endpoint {
	out := slices.Clone(endpoints)
	for i := range out {
		out[i].Target = ""
	}
	return out
}

func pick[T any](w *wish, flag string, given, before T) T {
	if w.given(flag) {
		return given
	}
	return before
}
