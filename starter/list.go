package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// filter is what a list is narrowed to; several values of one kind mean any of them.
type filter struct {
	states, owners, teams, environments, severities []string
	before                                          time.Time
}

var states = []string{
	lifecycle.StateNew, lifecycle.StateHealthy, lifecycle.StateWaiting, lifecycle.StateRenewing, lifecycle.StateFiring, lifecycle.StateAcknowledged,
	lifecycle.StatePaused, lifecycle.StateSpent, lifecycle.StateRetired,
}

func (c *cli) list() *cobra.Command {
	var f filter
	var before string
	cmd := &cobra.Command{
		Use: "list", Short: "List enrolled certificates, the most urgent first", Args: cobra.NoArgs,
		Long: `List enrolled certificates, the most urgent first and then by expiry.

It asks the engine's index, so it works without a worker and may lag some seconds
behind status. A filter given several times (or with commas) means any of the values.`,
		Example: `  neverlapse list --expires-before 30d
  neverlapse list --severity P1,P2 --team payments
  neverlapse list -o json | jq -r '.[] | select(.managed | not).name'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if before != "" {
				var err error
				if f.before, err = c.instant("expires-before", before); err != nil {
					return err
				}
			}
			rows, err := c.rows(cmd.Context(), f.query())
			if err != nil {
				return err
			}
			slices.SortStableFunc(rows, byUrgency)
			if !c.text() {
				return results(c, rows)
			}
			defer c.remarkUndelivered(cmd.Context(), "")
			defer c.remarkStrays(cmd.Context())
			defer c.remarkSources(cmd.Context())
			defer c.remarkUnguarded(cmd.Context())
			return c.printRows(rows, f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.states, "state", nil, "only this `state`: "+strings.Join(states, ", "))
	flags.StringSliceVar(&f.owners, "owner", nil, "only of this `person`")
	flags.StringSliceVar(&f.teams, "team", nil, "only of this `team`")
	flags.StringSliceVar(&f.environments, "environment", nil, "only of this `environment`")
	flags.StringSliceVar(&f.severities, "severity", nil, "only with an open alert of this `severity`: P1, P2, P3, P4")
	flags.StringVar(&before, "expires-before", "", "only what ends before this `date or duration` from now (30d)")
	return cmd
}

// check refuses words that cannot match anything.
func (f *filter) check() error {
	for _, s := range f.states {
		if !slices.Contains(states, s) {
			return usage("--state: %q is not one of %s", s, strings.Join(states, ", "))
		}
	}
	for i, s := range f.severities {
		f.severities[i] = strings.ToUpper(s)
		if !slices.Contains([]string{"P1", "P2", "P3", "P4"}, f.severities[i]) {
			return usage("--severity: %q is not one of P1, P2, P3, P4", s)
		}
	}
	for flag, values := range map[string][]string{"owner": f.owners, "team": f.teams, "environment": f.environments} {
		for _, v := range values {
			if v == "" || alert.Clean(v) != v {
				return usage("--%s: %q is not a name", flag, v)
			}
		}
	}
	return nil
}

// query is the filter in the language of Temporal's index.
func (f filter) query() string {
	out := []string{"WorkflowType = 'CertificateWorkflow'", "ExecutionStatus = 'Running'"}
	for _, k := range []struct {
		attribute string
		values    []string
	}{
		{"state", f.states}, {"owner", f.owners}, {"team", f.teams}, {"environment", f.environments}, {"severity", f.severities},
	} {
		if len(k.values) > 0 {
			out = append(out, fmt.Sprintf("`%s` IN (%s)", k.attribute, strings.Join(quoted(k.values), ", ")))
		}
	}
	if !f.before.IsZero() {
		out = append(out, fmt.Sprintf("`notAfter` < '%s'", f.before.UTC().Format(time.RFC3339)))
	}
	return strings.Join(out, " AND ")
}

var quote = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// quoted makes literals out of what people typed; nothing in them ends the literal.
func quoted(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = "'" + quote.Replace(v) + "'"
	}
	return out
}

func (c *cli) printRows(rows []row, f filter) error {
	if len(rows) == 0 {
		if f.query() == (filter{}).query() {
			c.remark("no certificate is enrolled yet; begin by: neverlapse enroll HOST")
		} else {
			c.remark("no certificate matches")
		}
		return nil
	}
	t := table{head: []string{"NAME", "STATE", "SEV", "LEFT", "EXPIRES", "OWNER", "TEAM", "ENV", "ISSUER"}}
	for _, r := range rows {
		t.add(clean(r.Name, 0), clean(r.State, 20), dash(r.Severity), c.left(r.NotAfter), c.when(r.NotAfter),
			dash(r.Owner), dash(r.Team), dash(r.Environment), dash(r.Issuer))
		t.color(2, urgency(alert.Severity(r.Severity)))
		t.color(1, stateHue(r.State, r.Severity))
		t.color(3, c.endHue(r.NotAfter, r.Severity))
	}
	return t.write(c.out, "", c.paint)
}

// dash fills an empty cell, and cuts one that would break the lines of a terminal.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return clean(text, 32)
}
