package main

import (
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// enrollView is the JSON of enroll; its names are a contract with scripts.
type enrollView struct {
	Name        string      `json:"name"`
	Outcome     string      `json:"outcome"` // enrolled, changed or dry-run
	Managed     bool        `json:"managed"`
	Names       []string    `json:"names"`
	Endpoints   []string    `json:"endpoints"`
	Targets     []string    `json:"targets,omitempty"`
	CA          string      `json:"ca,omitempty"`
	FallbackCAs []string    `json:"fallbackCAs,omitempty"`
	Accepted    bool        `json:"acceptIrreversible,omitempty"`
	Challenge   string      `json:"challenge,omitempty"` // that was chosen; empty: the CA's usual one
	DNS         string      `json:"dns,omitempty"`
	KeptKey     bool        `json:"keptKey,omitempty"` // its key stays on its host
	Owner       string      `json:"owner,omitempty"`
	Team        string      `json:"team,omitempty"`
	Env         string      `json:"environment,omitempty"`
	Policy      string      `json:"policy,omitempty"`
	Note        string      `json:"note,omitempty"`
	Served      []placeView `json:"served"`
}

// inOrder names the CAs in the order in which they are tried.
func inOrder(ca string, more []string) string {
	for _, next := range more {
		if next != lifecycle.NoFallback {
			ca += ", then " + next
		}
	}
	return ca
}

// enrolled tells what is guarded from now on.
func (c *cli) enrolled(in workflows.EnrollmentInput, outcome string, seen []cert.Observation) error {
	v := enrollView{
		Name: in.Name, Outcome: outcome, Managed: in.Managed, Names: in.Names, Endpoints: []string{}, Targets: in.Targets, Accepted: in.AcceptIrreversible, CA: in.CA, FallbackCAs: in.FallbackCAs, Challenge: in.Challenge, DNS: in.DNS,
		KeptKey: len(in.CSR) > 0, Owner: in.Owner, Team: in.Team, Env: in.Environment, Policy: in.Policy, Note: in.Note, Served: []placeView{},
	}
	for _, e := range in.Endpoints {
		v.Endpoints = append(v.Endpoints, e.String())
	}
	for _, o := range seen {
		v.Served = append(v.Served, c.placeOf(o))
	}
	if !c.text() {
		return c.result(v)
	}
	how := map[string]string{"enrolled": "%s is enrolled: %s", "changed": "%s is changed: %s", "dry-run": "%s would be enrolled: %s"}[outcome]
	kind := "watched"
	if in.Managed {
		kind = "managed, renewed by " + inOrder(in.CA, in.FallbackCAs) + ", installed on " + strings.Join(in.Targets, ", ")
	}
	if in.Challenge != "" {
		kind += ", proven by " + in.Challenge
	}
	if in.DNS != "" {
		kind += " (" + in.DNS + ")"
	}
	if in.AcceptIrreversible {
		kind += ", also where what is there cannot be put back"
	}
	if len(in.CSR) > 0 {
		kind += ", for a key that stays on its host"
	}
	if outcome == "dry-run" && in.Change {
		how = "%s would be changed: %s"
	}
	c.say(how, v.Name, clean(kind, 0))
	c.fact("to cover", "%s", some(v.Names))
	c.fact("served by", "%s", strings.Join(v.Endpoints, ", "))
	c.fact("owner", "%s", strings.Join(belongs(view{Owner: v.Owner, Team: v.Team, Environment: v.Env}), ", "))
	if outcome == "dry-run" {
		c.say("nothing was sent (--dry-run)")
		return nil
	}
	c.say("see where it stands: neverlapse status %s", v.Name)
	return nil
}
