package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/workflows"
)

// Bounds of a run of the canary: three tries, and what is between them.
const (
	canaryLimit  = 12 * time.Hour
	canaryJitter = 15 * time.Minute
)

// canaryFits refuses a canary that would be renewed too often against a directory
// whose certificates are trusted.
func canaryFits(c config.Config) error {
	k := c.Canary
	i := slices.IndexFunc(c.CAs, func(a config.Adapter) bool { return a.Name == k.CA })
	if !k.On() || i < 0 || k.Every >= config.LeastTrustedCanary {
		return nil
	}
	directory, _ := c.CAs[i].Options["directory"].(string)
	switch known, listed := acme.Trusted(directory); {
	case listed && !known, !listed && k.Staging:
		return nil
	case listed && k.Staging:
		return config.Under("canary", fmt.Errorf("staging: %s is a directory whose certificates are trusted; remove the line, and name a CA with a staging directory, or renew every %s at most", directory, lifecycle.FormatDuration(config.LeastTrustedCanary)))
	}
	return config.Under("canary", fmt.Errorf("every: %s is too often for CA %s, whose certificates count as trusted: write at least %s, or name a CA with a staging directory (if %s is one, say canary.staging: true)",
		lifecycle.FormatDuration(k.Every), k.CA, lifecycle.FormatDuration(config.LeastTrustedCanary), directory))
}

// planCanary has the canary certificate renewed. Where there is none any more, the
// place that it had is given up.
func (a *App) planCanary(ctx context.Context) error {
	k := a.config.Canary
	if !k.On() {
		if err := a.unplan(ctx, workflows.CanaryID); err != nil {
			return err
		}
		return a.store.Claim(ctx, activities.CanaryName, nil)
	}
	in := workflows.CanaryInput{Every: k.Every, AdmitRequest: activities.AdmitRequest{
		Name: activities.CanaryName, Names: k.Names, Managed: true, CA: k.CA, KeyType: cert.KeyType(k.KeyType), Profile: k.Profile, Challenge: k.Challenge, DNS: k.DNS,
		Endpoints: k.Endpoints(), Team: k.Team,
	}}
	if k.Target != "" {
		in.Targets = []string{k.Target}
	}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.CanaryID, Workflow: "CanaryWorkflow", TaskQueue: a.config.Temporal.TaskQueue, Args: []any{in},
		WorkflowExecutionTimeout: canaryLimit, StaticSummary: "renew the canary certificate at " + k.CA,
	}
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: k.Every}}, Jitter: min(canaryJitter, k.Every/10)}
	return a.plan(ctx, workflows.CanaryID, spec, action)
}

// canary tells how it does; nothing where there is none.
func (a *App) canary(ctx context.Context) (*metrics.Canary, error) {
	if !a.config.Canary.On() {
		return nil, nil
	}
	last, _, err := workflows.LastCanary(ctx, a.client)
	if err != nil {
		return nil, err
	}
	return &metrics.Canary{CA: a.config.Canary.CA, Every: a.config.Canary.Every, Succeeded: last.Succeeded, Failing: len(last.Alerts) > 0}, nil
}
