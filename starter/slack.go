package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// clickPatience is how long a check of Slack waits for the click.
const clickPatience = 2 * time.Minute

func (c *cli) slack() *cobra.Command {
	cmd := &cobra.Command{
		Use: "slack VERB", Short: "Set up Slack and try it",
		Long: "Set up a Slack app and try it. docs/slack.md leads through it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("slack takes manifest or check, got %q; see: %s --help", strings.Join(args, " "), cmd.CommandPath())
		},
	}
	c.add(cmd, "", c.slackManifest())
	c.add(cmd, "", c.slackCheck())
	return cmd
}

func (c *cli) slackManifest() *cobra.Command {
	var base string
	cmd := &cobra.Command{
		Use: "manifest [--http URL]", Short: "Print the manifest of the Slack app", Args: cobra.NoArgs,
		Long: `Print the app manifest (YAML) to paste at https://api.slack.com/apps?new_app=1, under
"From a manifest". It has the scopes and settings that Neverlapse uses and no others.
Clicks on buttons come by Socket Mode, for which nothing has to be reachable from
outside; with --http Slack sends them to the worker at that URL.`,
		RunE: func(*cobra.Command, []string) error {
			if base != "" {
				u, err := url.Parse(base)
				if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
					return usage("--http %q is not a URL that Slack can reach; write for example https://neverlapse.example.com", base)
				}
			}
			_, err := fmt.Fprint(c.out, app.SlackManifest(base))
			return err
		},
	}
	cmd.Flags().StringVar(&base, "http", "", "base `URL` at which Slack reaches the worker; https")
	return cmd
}

func (c *cli) slackCheck() *cobra.Command {
	var channel, to string
	cmd := &cobra.Command{
		Use: "check [--channel NAME] [--to WHOM]", Short: "Try Slack: tokens, scopes, a message, a click", Args: cobra.NoArgs,
		Long: `Try the Slack app of the configuration: ask whom the bot token belongs to, name
scopes that it lacks, connect by Socket Mode where that is configured, post a message
with a button, wait until somebody presses it, say who that was, and change the
message. It needs no engine and enrolls nothing. It waits two minutes for the click
unless --timeout says otherwise.

Slack gives a click to one of the app's connections. Where workers are connected, the
check leaves the click to them: whoever is given it writes into the message who
pressed, and the check reads it there. So a click shows that the workers hear, too.

Exit codes: 1 Slack refuses something, 2 the configuration is wrong and nothing was
sent, 3 whoever pressed is not in the directory, 5 Slack is out of reach or nobody
pressed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.load(); err != nil {
				return err
			}
			check, err := app.NewSlackCheck(c.config, channel, to, c.found)
			if err != nil {
				return usage("%s", err)
			}
			report, err := check.Run(cmd.Context(), c.patience(clickPatience))
			if !c.text() {
				if err := c.result(report); err != nil {
					return err
				}
			}
			return slackProblem(err)
		},
	}
	cmd.Flags().StringVar(&channel, "channel", "", "`name` of the channel in the configuration, if several are of kind slack")
	cmd.Flags().StringVar(&to, "to", "", "`whom` to write to: a person or team of the directory, a Slack ID, or '#channel' (default the catch-all team)")
	return cmd
}

// found tells people a step of a check as it is made.
func (c *cli) found(what, found string) {
	if c.text() {
		c.say("%-12s %s", what, clean(found, 0))
	}
}

// slackProblem gives what a check came to its exit code.
func slackProblem(err error) error {
	switch kind := fault.KindOf(err); {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, app.ErrStranger):
		return problem{exitNotFound, err.Error()}
	case errors.Is(err, app.ErrNoClick), kind == fault.Transient, kind == fault.Unavailable:
		return problem{exitUnreachable, err.Error()}
	}
	return problem{exitFailed, err.Error()}
}
