package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/test/demo/oracle"
)

// The readers of the stand-ins: three people and a channel.
const (
	owner, manager, onCall = "minji", "hana", "jun"
	team                   = "#platform"
)

// looksEvery is how often the product looks by itself at what is served.
const looksEvery = time.Minute

// subject is a certificate of the demo, as the product is asked to guard it and
// as the oracle judges it.
type subject struct {
	name, host string
	managed    bool
	left       time.Duration // of what is put there at first
	renewLeft  time.Duration
	thresholds []oracle.Threshold
	ladders    []ladder
	rest       string // YAML of the policy, what the oracle need not know
}

// ladder is an escalation: by severity, or by the name of a kind of trouble.
type ladder struct {
	name   string
	steps  []step
	repeat string
}

type step struct {
	after time.Duration
	roles string // as the configuration lists them
	reach string
}

var roles = map[string]string{"owner": owner, "team": team, "manager": manager, "on-call": onCall}

// policy is its YAML, an element of the list of policies.
func (s subject) policy() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("  - name: %s\n    observe_every: %s\n    unseen_after: 10m\n    inform: 0", s.name, looksEvery)
	p("    thresholds:")
	for _, t := range s.thresholds {
		p("      - {left: %s, severity: %s}", t.Left, t.Severity)
	}
	if s.renewLeft > 0 {
		p("    renew_left_short: %s", s.renewLeft)
	}
	if s.rest != "" {
		p("    %s", strings.ReplaceAll(s.rest, "\n", "\n    "))
	}
	if len(s.ladders) > 0 {
		p("    escalations:")
	}
	for _, l := range s.ladders {
		p("      - name: %s", l.name)
		if l.repeat != "" {
			p("        repeat: %s", l.repeat)
		}
		p("        steps:")
		for _, st := range l.steps {
			p("          - {after: %s, notify: [%s], reach: %s}", st.after, st.roles, st.reach)
		}
	}
	return b.String()
}

// guard is what the oracle is told about it.
func (s subject) guard() oracle.Guard {
	g := oracle.Guard{
		Name: s.name, Host: s.host, Managed: s.managed, RenewLeft: s.renewLeft, Thresholds: s.thresholds,
		LooksEvery: looksEvery, Ladders: map[string][]oracle.Rung{},
	}
	for _, l := range s.ladders {
		if !slices.ContainsFunc(s.thresholds, func(t oracle.Threshold) bool { return t.Severity == l.name }) {
			continue
		}
		for _, st := range l.steps {
			rung := oracle.Rung{After: st.after}
			for _, r := range strings.Split(st.roles, ", ") {
				rung.Readers = append(rung.Readers, roles[r])
			}
			g.Ladders[l.name] = append(g.Ladders[l.name], rung)
		}
	}
	return g
}

// subjects are all certificates of the demo's own hosts.
func subjects() []subject {
	var out []subject
	for _, sc := range scenes {
		out = append(out, sc.subject)
	}
	return append(out, props...)
}

// policies is the YAML of all of them.
func policies() string {
	out := ""
	for _, s := range subjects() {
		out += s.policy()
		if s.managed {
			out += dueNow(s).policy()
		}
	}
	return out
}
