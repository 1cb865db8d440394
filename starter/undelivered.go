package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// glance is how long a list waits for the count of what did not arrive.
const glance = time.Second

// allSeen marks everything that is listed.
const allSeen = "all"

func (c *cli) undelivered() *cobra.Command {
	var all bool
	var seen []string
	var note string
	cmd := &cobra.Command{
		Use: "undelivered [--all] [--seen ID,...|all] [--note TEXT]", Short: "List messages that did not arrive, until somebody has seen them", Args: cobra.NoArgs,
		Long: `List the messages that a channel finally did not deliver, the notices that reached
nobody, and the addresses that lead nowhere. Each message stays here, on the page
and in the remark of list, until somebody says that they have seen it: --seen with
its ID, or --seen all for everything that is listed now. Who did so, when and why
stays on record. docs/delivery.md tells what happens to a message.

A broken address is used again once a message to it is proven to arrive, once the
directory has another one, or when somebody says so: neverlapse address ok ADDRESS`,
		Example: "  neverlapse undelivered\n  neverlapse undelivered --seen 0f3a5c7e9b1d --note 'told minji by telephone'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := c.notDelivered(cmd.Context(), all, c.timeout.value)
			switch {
			case err != nil:
				return err
			case len(seen) > 0:
				return c.markSeen(cmd.Context(), seen, note, got.Letters)
			case note != "":
				return usage("--note goes with --seen: which message has been seen?")
			case !c.text():
				return c.result(got)
			}
			return c.printUndelivered(got)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that somebody has seen")
	cmd.Flags().StringSliceVar(&seen, "seen", nil, "say that you have seen the message of this `ID`, or all that are listed")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

// notDelivered asks a worker what did not arrive.
func (c *cli) notDelivered(ctx context.Context, all bool, within time.Duration) (delivery.List, error) {
	got, err := work[delivery.List](ctx, c, "ListUndelivered", "messages", within, delivery.Query{All: all})
	if got.Letters == nil {
		got.Letters = []delivery.Undelivered{}
	}
	if got.Broken == nil {
		got.Broken = []delivery.Broken{}
	}
	return got, err
}

func (c *cli) markSeen(ctx context.Context, ids []string, note string, listed []delivery.Undelivered) error {
	req, err := c.request(note)
	if err != nil {
		return err
	}
	if slices.Contains(ids, allSeen) {
		ids = nil
		for _, u := range listed {
			if u.Seen == nil {
				ids = append(ids, u.ID)
			}
		}
	}
	for _, id := range ids {
		if !delivery.ValidID(id) {
			return usage("--seen: %q is not the ID of a message; write one of those that are listed, or all", id)
		}
	}
	in := delivery.Marking{IDs: ids, Seen: delivery.Seen{By: req.By, Via: req.Via, At: c.now().UTC(), Note: req.Note}}
	if len(ids) > 0 {
		if _, err := work[int](ctx, c, "MarkSeen", "messages", c.timeout.value, in); err != nil {
			return unknown(err)
		}
	}
	return c.answer(fmt.Sprintf("%d seen by %s", len(ids), req.By), in)
}

// unknown tells that what was named is not there.
func unknown(err error) error {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == "not-found" {
		return problem{exitNotFound, app.Message()}
	}
	return err
}

func (c *cli) printUndelivered(got delivery.List) error {
	if len(got.Letters) == 0 && len(got.Broken) == 0 {
		c.remark("every message arrived where it was sent, or somebody has seen that it did not")
		return nil
	}
	if len(got.Letters) > 0 {
		t := table{head: []string{"ID", "AT", "SEV", "CERTIFICATE", "ABOUT", "TO", "BY", "INSTEAD", "WHY"}}
		for _, u := range got.Letters {
			why := clean(u.Why, 0)
			if s := u.Seen; s != nil {
				why = strings.TrimSpace(fmt.Sprintf("seen by %s %s %s; %s", clean(s.By, 0), c.when(s.At), clean(s.Note, 0), why))
			}
			t.add(u.ID, c.when(u.At), dash(string(u.Severity)), clean(u.Certificate, 40), dash(string(u.Reason)), dash(u.To), dash(u.Channel), dash(strings.Join(u.Instead, ", ")), why)
			t.color(2, urgency(u.Severity))
		}
		if err := t.write(c.out, "", c.paint); err != nil {
			return err
		}
	}
	if len(got.Broken) == 0 {
		return nil
	}
	if len(got.Letters) > 0 {
		c.say("")
	}
	t := table{head: []string{"BROKEN ADDRESS", "KIND", "OF", "SINCE", "WHY"}}
	for _, b := range got.Broken {
		t.add(clean(b.Address, 0), clean(b.Kind, 0), dash(b.Owner), c.when(b.Since), clean(b.Why, 0))
	}
	return t.write(c.out, "", c.paint)
}

// remarkUndelivered says beside a result that messages did not arrive; about one
// certificate only if it is named. Where no worker answers at once it says nothing.
func (c *cli) remarkUndelivered(ctx context.Context, certificate string) {
	got, err := c.notDelivered(ctx, false, glance)
	if err != nil {
		return
	}
	n := 0
	for _, u := range got.Letters {
		if certificate == "" || u.Certificate == certificate {
			n++
		}
	}
	what := "messages"
	if n == 1 {
		what = "message"
	}
	if certificate != "" {
		what += " about it"
	}
	switch {
	case n > 0:
		c.remark("%d %s did not arrive and nobody has seen that; see: neverlapse undelivered", n, what)
	case certificate == "" && len(got.Broken) > 0:
		c.remark("%d addresses lead nowhere; see: neverlapse undelivered", len(got.Broken))
	}
}

func (c *cli) addresses() *cobra.Command {
	cmd := &cobra.Command{
		Use: "address VERB", Short: "Say that an address works again",
		Long: "Say that an address works again to which messages did not get through.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("address takes ok, got %q; see: %s --help", strings.Join(args, " "), cmd.CommandPath())
		},
	}
	c.add(cmd, "", c.addressOK())
	return cmd
}

func (c *cli) addressOK() *cobra.Command {
	return &cobra.Command{
		Use: "ok ADDRESS", Short: "Use an address again that was found broken", Args: cobra.ExactArgs(1),
		Long: `Use an address again that was found to lead nowhere, as neverlapse undelivered lists
it: an e-mail address, a Slack ID, a telephone number. If it leads nowhere still, the
next message to it will show.`,
		Example: "  neverlapse address ok minji@example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "" || alert.Clean(args[0]) != args[0] {
				return usage("%q is not an address", args[0])
			}
			in := delivery.Mending{Address: args[0]}
			if _, err := work[int](cmd.Context(), c, "MendAddress", "address", c.timeout.value, in); err != nil {
				return unknown(err)
			}
			return c.answer(args[0]+" is used again", in)
		},
	}
}
