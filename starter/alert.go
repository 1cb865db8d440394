package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// testPatience is how long a test of a channel may take.
const testPatience = time.Minute

func (c *cli) alert() *cobra.Command {
	cmd := &cobra.Command{
		Use: "alert VERB", Short: "Try what alerts look like and whether they arrive",
		Long: "Try what alerts look like and whether they arrive. docs/channels.md is about channels.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("alert takes test, got %q; see: %s --help", strings.Join(args, " "), cmd.CommandPath())
		},
	}
	c.add(cmd, "", c.alertTest())
	return cmd
}

func (c *cli) alertTest() *cobra.Command {
	t := app.AlertTest{Resolve: true}
	var name, reason, severity string
	cmd := &cobra.Command{
		Use: "test [--channel NAME] [--cert NAME]", Short: "Fire a test alert at a channel and print what came back", Args: cobra.NoArgs,
		Long: `Fire one alert at one channel of the configuration, and print what came back: how
the channel calls the message, how long it took, or why it was refused. Every text
says that it is a test. Nothing is retried, no other channel is tried and no
certificate is changed. At the end the alert is resolved, so that no incident stays
open; --resolve=false leaves it.

With --cert it carries the facts of that certificate, which needs the engine and a
worker; without, of one that does not exist, and needs neither. It has to run where
the secrets of the channel can be read, as the worker's user.

The kinds (--kind) are ` + strings.Join(app.TestReasons(), ", ") + `.

Exit codes: 1 the channel refuses it, 2 the configuration is wrong and nothing was
sent, 3 the certificate is not enrolled, 5 the channel is out of reach.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t.Reason, t.Severity = alert.Reason(reason), alert.Severity(strings.ToUpper(severity))
			switch {
			case !slices.Contains(alert.Reasons, t.Reason):
				return usage("--kind %q is not known; use one of %s", reason, strings.Join(app.TestReasons(), ", "))
			case !slices.Contains([]alert.Severity{alert.P1, alert.P2, alert.P3, alert.P4}, t.Severity):
				return usage("--severity %q is not known; use P1, P2, P3 or P4", severity)
			case t.Language != "" && !slices.Contains(alert.Languages(), t.Language):
				return usage("--language %q is not known; use one of %s", t.Language, strings.Join(alert.Languages(), ", "))
			}
			if err := c.load(); err != nil {
				return err
			}
			if name != "" {
				s, err := c.ask(cmd.Context(), name)
				if err != nil {
					return err
				}
				t.Status = &s
			}
			return c.fireTest(cmd, t)
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.Channel, "channel", "", "`name` of the channel in the configuration, if there are several")
	f.StringVar(&t.To, "to", "", "`whom` to write to: a person or team of the directory (default whoever of the catch-all team the channel reaches)")
	f.StringVar(&name, "cert", "", "`name` of the certificate whose facts it carries")
	f.StringVar(&reason, "kind", string(alert.Expiring), "`kind` of alert")
	f.StringVar(&severity, "severity", string(alert.P3), "P1, P2, P3 or P4")
	f.StringVar(&t.Language, "language", "", "en or ko (default the reader's)")
	f.BoolVar(&t.Resolve, "resolve", true, "resolve it at the end")
	return cmd
}

func (c *cli) fireTest(cmd *cobra.Command, t app.AlertTest) error {
	run, err := app.TestAlert(c.config, t, c.found)
	if err != nil {
		return usage("%s", err)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), c.patience(testPatience))
	defer cancel()
	report, err := run(ctx)
	if !c.text() {
		if err := c.result(report); err != nil {
			return err
		}
	}
	switch kind := fault.KindOf(err); {
	case err == nil, errors.Is(err, cmd.Context().Err()) && cmd.Context().Err() != nil:
		return err
	case kind == fault.Transient, kind == fault.Unavailable:
		return problem{exitUnreachable, err.Error()}
	}
	return problem{exitFailed, err.Error()}
}
