package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// channelView is the JSON of one channel; its names are a contract with scripts.
type channelView struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
	Why         string    `json:"why,omitempty"`         // of the last failure
	Since       time.Time `json:"troubleSince,omitzero"` // it fails for everybody
	TryAt       time.Time `json:"tryAt,omitzero"`        // it is tried then
	AskedAt     time.Time `json:"proofAskedAt,omitzero"` // of the last proof of life
	AnsweredAt  time.Time `json:"proofAnsweredAt,omitzero"`
	AnsweredBy  string    `json:"proofAnsweredBy,omitempty"`
	NextAt      time.Time `json:"proofNextAt,omitzero"`
	Doubtful    bool      `json:"doubtful,omitempty"`  // nobody answered
	Unreached   string    `json:"unreached,omitempty"` // why nobody could be asked
}

func (c *cli) channels() *cobra.Command {
	cmd := &cobra.Command{
		Use: "channels", Short: "List the channels: what each delivered, whether it works and whether anybody reads it", Args: cobra.NoArgs,
		Long: `List the channels of the worker's configuration: when each last accepted a message,
when one was given up last and why, whether it fails for everybody at the moment,
and its latest proof of life, which is the monthly message that needs one click.
docs/delivery.md explains them. It exits with 1 if a channel is in trouble.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := c.channelViews(cmd.Context())
			if err != nil {
				return err
			}
			if !c.text() {
				err = results(c, all)
			} else {
				err = c.printChannels(all)
			}
			var bad []string
			for _, v := range all {
				if !v.Since.IsZero() || v.Doubtful {
					bad = append(bad, v.Name)
				}
			}
			if err == nil && len(bad) > 0 {
				return problem{exitFailed, "in trouble: " + strings.Join(bad, ", ")}
			}
			return err
		},
	}
	c.add(cmd, "", c.channelConfirm())
	return cmd
}

func (c *cli) channelViews(ctx context.Context) ([]channelView, error) {
	all, err := work[[]delivery.Listed](ctx, c, "ListChannels", "channels", c.timeout.value, struct{}{})
	if err != nil {
		return nil, err
	}
	out := make([]channelView, 0, len(all))
	for _, l := range all {
		v := channelView{Name: l.Name, Kind: l.Kind, LastSuccess: l.Standing.LastSuccess, LastFailure: l.Standing.LastFailure, Why: l.Standing.Why}
		waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
		w, err := workflows.AskChannel(waiting, c.conn, l.Name)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", l.Name, err)
		}
		v.Since, v.TryAt = w.Trouble.Since, w.Trouble.TryAt
		v.AskedAt, v.AnsweredAt, v.AnsweredBy, v.NextAt = w.Life.AskedAt, w.Life.AnsweredAt, w.Life.By, w.Life.NextAt
		v.Doubtful, v.Unreached = w.Life.Doubtful, w.Life.Unreached
		out = append(out, v)
	}
	return out, nil
}

func (c *cli) printChannels(all []channelView) error {
	if len(all) == 0 {
		c.remark("no channel is configured, so nobody can be told anything; docs/channels.md shows how to add one")
		return nil
	}
	t := table{head: []string{"NAME", "KIND", "LAST ACCEPTED", "LAST GIVEN UP", "PROOF OF LIFE", "TROUBLE"}}
	for _, v := range all {
		trouble, hue := "-", ""
		switch {
		case !v.Since.IsZero():
			trouble, hue = fmt.Sprintf("fails since %s, tried again %s: %s", c.when(v.Since), c.when(v.TryAt), clean(v.Why, 0)), red
		case v.Doubtful:
			trouble, hue = "nobody answered its proof of life; see that somebody reads it, then: neverlapse channels confirm "+v.Name, yellow
		case v.LastFailure.After(v.LastSuccess):
			trouble = "the last message was given up: " + clean(v.Why, 0)
		}
		t.add(clean(v.Name, 0), clean(v.Kind, 0), c.when(v.LastSuccess), c.when(v.LastFailure), c.proof(v), trouble)
		t.color(5, hue)
	}
	return t.write(c.out, "", c.paint)
}

// proof says in short how the proof of life of a channel stands.
func (c *cli) proof(v channelView) string {
	switch {
	case v.Unreached != "":
		return "nobody could be asked: " + clean(v.Unreached, 60)
	case v.AnsweredAt.After(v.AskedAt):
		return clean(v.AnsweredBy, 32) + " " + c.when(v.AnsweredAt)
	case !v.AskedAt.IsZero():
		return "asked " + c.when(v.AskedAt)
	case !v.NextAt.IsZero():
		return "due in " + lifecycle.FormatDuration(v.NextAt.Sub(c.now()).Truncate(time.Hour))
	}
	return "-"
}

func (c *cli) channelConfirm() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: "confirm NAME [--note TEXT]", Short: "Say that you read a message of a channel", Args: cobra.ExactArgs(1),
		Long: `Answer a channel's proof of life, where its message has no button and no link: say
that you read what comes by it. It counts as the click does.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			out, err := within(cmd.Context(), c, "channel "+args[0], func(ctx context.Context, conn client.Client) (workflows.Taken, error) {
				return workflows.ConfirmChannel(ctx, conn, args[0], req)
			})
			switch {
			case errors.Is(err, workflows.ErrNoChannel):
				return problem{exitNotFound, fmt.Sprintf("no channel is called %q; see: neverlapse channels", clean(args[0], 0))}
			case err != nil:
				return err
			}
			return c.answer(out.Text, takenView{Name: args[0], Text: out.Text})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}
