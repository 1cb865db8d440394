package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// Admit checks a request against the configuration; all complaints at once.
func (a *admission) Admit(_ context.Context, r activities.AdmitRequest) (json.RawMessage, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := cert.ParseNames(r.Names); err != nil {
		bad("names: %w", err)
	}
	for _, e := range r.Endpoints {
		if err := e.Validate(); err != nil {
			bad("endpoints: %w", err)
		}
		if e.Target != "" && !slices.Contains(r.Targets, e.Target) {
			bad("endpoints: %s is fed by target %q, which is not among the certificate's targets %v", e, e.Target, r.Targets)
		}
	}
	a.admitPeople(r, bad)
	if err := a.config().CheckEnvironment(r.Environment); err != nil {
		bad("environment: %w", err)
	}
	if r.Managed {
		a.admitManaged(r, bad)
		a.admitFallback(r, bad)
	} else {
		admitWatched(r, bad)
	}
	policy, ok := a.policy(r)
	if !ok {
		bad("policy: %q is not configured; use one of %s", r.Policy, strings.Join(a.policies(), ", "))
	} else {
		a.admitUrgent(r, policy, bad)
	}
	if why := policy.Unsatisfiable(r.Lifetime); why != "" && r.Managed && r.Lifetime > 0 {
		bad("policy: the freezes of %q do not suit it: %s", policy.Name, why)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	return json.Marshal(policy)
}

func (a *admission) admitPeople(r activities.AdmitRequest, bad func(string, ...any)) {
	if err := a.config().Directory().Receives(r.Owner, r.Team); err != nil {
		bad("%w", err)
	}
}

func (a *admission) admitManaged(r activities.AdmitRequest, bad func(string, ...any)) {
	if _, ok := a.acts.CAs[r.CA]; !ok {
		bad("ca: %q is not configured; use one of %s", r.CA, known(a.acts.CAs))
	}
	if _, err := cert.ParseKeyType(string(r.KeyType)); err != nil {
		bad("key type: %w", err)
	}
	if len(r.Targets) == 0 {
		bad("targets: a managed certificate needs at least one place to go; use --target with one of %s", a.targets())
	}
	for i, t := range r.Targets {
		if slices.Contains(r.Targets[:i], t) {
			bad("targets: %q is named twice; name it once", t)
		}
		_, here := a.acts.Targets[t]
		if _, there := a.acts.Hosts[t]; !here && !there {
			bad("targets: %q is not configured; use one of %s", t, a.targets())
		}
	}
}

// admitFallback refuses other CAs that could never issue what is asked for: they
// would fail just when they are needed.
func (a *admission) admitFallback(r activities.AdmitRequest, bad func(string, ...any)) {
	path, more := "fallback_cas", r.FallbackCAs
	_, bySupply := a.acts.CAs[r.CA].(activities.Supplied)
	if len(more) == 0 {
		policy, _ := a.policy(r)
		path = fmt.Sprintf("fallback_cas of policy %q", policy.Name)
		more = slices.DeleteFunc(slices.Clone(policy.FallbackCAs), func(ca string) bool { return ca == r.CA || bySupply })
	}
	switch {
	case len(more) == 0 || len(more) == 1 && more[0] == lifecycle.NoFallback:
		return
	case slices.Contains(more, lifecycle.NoFallback):
		bad("%s: %q stands alone, or not at all", path, lifecycle.NoFallback)
		return
	case len(more) > lifecycle.MaxFallback:
		bad("%s: %d are too many; name at most %d", path, len(more), lifecycle.MaxFallback)
		return
	case bySupply:
		bad("%s: people order from %s and bring what it issued, so no other CA can be tried instead", path, r.CA)
		return
	}
	for i, name := range more {
		if err := a.fallbackCA(name, r); err != nil {
			bad("%s: %w", path, err)
		}
		if name == r.CA || slices.Contains(more[:i], name) {
			bad("%s: %q is named twice; name it once", path, name)
		}
	}
}

// fallbackCA tells why a CA cannot be tried instead of the first one.
func (a *admission) fallbackCA(name string, r activities.AdmitRequest) error {
	ca, ok := a.acts.CAs[name]
	if !ok {
		return fmt.Errorf("%q is not configured; use some of %s", name, known(a.acts.CAs))
	}
	if _, ok := ca.(activities.Supplied); ok {
		return fmt.Errorf("%s issues only what people order and supply, so it cannot be tried instead of another", name)
	}
	s, ok := ca.(activities.Screener)
	names, err := cert.ParseNames(r.Names)
	if !ok || err != nil {
		return nil // what is wrong with the names was said
	}
	order := cert.Order{Names: names, KeyType: r.KeyType, Challenge: r.Challenge, DNS: r.DNS}
	if csr, err := cert.ParseCSR(r.CSR); err == nil {
		order.KeyType = cert.KeyType(csr.KeyAlgorithm)
	} else if first, ok := a.acts.CAs[r.CA].(activities.Screener); ok { // it says which kind of key
		if usual, err := first.Screen(order); err == nil {
			order.KeyType = usual.KeyType
		}
	}
	if _, err := s.Screen(order); err != nil {
		return fmt.Errorf("%w (name other CAs by --fallback-ca, or none)", err)
	}
	return nil
}

// targets names those of this worker and those of hosts.
func (a *admission) targets() string {
	all := map[string]bool{}
	for t := range a.acts.Targets {
		all[t] = true
	}
	for t := range a.acts.Hosts {
		all[t] = true
	}
	return known(all)
}

func admitWatched(r activities.AdmitRequest, bad func(string, ...any)) {
	if len(r.Endpoints) == 0 {
		bad("endpoints: a watched certificate needs at least one place that serves it")
	}
	if len(r.Targets) > 0 || r.CA != "" || len(r.FallbackCAs) > 0 {
		bad("targets, ca, fallback_cas: only a managed certificate has them; add --manage to renew it here")
	}
}

func known[T any](m map[string]T) string {
	if len(m) == 0 {
		return "(none is configured)"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

func (a *admission) policy(r activities.AdmitRequest) (lifecycle.Policy, bool) {
	if r.Policy == "" {
		return a.config().PolicyFor(r.Environment), true
	}
	return a.config().Policy(r.Policy)
}

func (a *admission) policies() []string {
	var out []string
	for _, p := range a.config().Policies {
		out = append(out, p.Name)
	}
	return out
}

// Enrolled asks Temporal whether the certificate has a running entity.
func (a *admission) Enrolled(ctx context.Context, name string) (bool, error) {
	d, err := a.client.DescribeWorkflowExecution(ctx, workflows.WorkflowID(name), "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, fault.New(fault.Unavailable, "is %s enrolled: %w", name, err)
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// Holding asks the entity.
func (a *admission) Holding(ctx context.Context, name string) (activities.Holding, error) {
	var s workflows.Status
	v, err := a.client.QueryWorkflow(ctx, workflows.WorkflowID(name), "", workflows.QueryStatus)
	if err == nil {
		err = v.Get(&s)
	}
	if err != nil {
		return activities.Holding{}, fault.New(fault.Unavailable, "whose is %s, and what does it deploy to: %w", name, err)
	}
	spec := s.State.Spec
	return activities.Holding{Owner: spec.Owner, Team: spec.Team, Targets: spec.Targets}, nil
}
