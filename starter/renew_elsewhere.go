package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/workflows"
)

// elsewhereView is the JSON of a renewal that something else does.
type elsewhereView struct {
	Places []string `json:"places"` // at which it was asked for
	Text   string   `json:"text"`
}

// takesPlace lets renew have a place instead of a name.
func (c *cli) takesPlace(cmd *cobra.Command, at, note *string) {
	byName, oneName := cmd.RunE, cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *at != "" && len(args) == 0 {
			return nil
		}
		if *at != "" {
			return usage("NAME and --at: one of them")
		}
		return oneName(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *at == "" {
			return byName(cmd, args)
		}
		req, err := c.request(*note)
		if err != nil {
			return err
		}
		return c.renewElsewhere(cmd.Context(), req, *at, "")
	}
}

// renewElsewhere has whoever renews it there renew what is at a place, or what is
// called of.
func (c *cli) renewElsewhere(ctx context.Context, req workflows.Request, at, of string) error {
	got, err := work[struct {
		Places []string `json:"places"`
	}](ctx, c, "RenewAt", "renew", c.timeout.value, map[string]string{"id": req.ID, "place": at, "of": of, "by": req.By, "via": req.Via, "note": req.Note})
	if err != nil {
		return refusedThere(err)
	}
	text := "asked for a renewal at " + strings.Join(got.Places, ", ") + "; how it goes on: neverlapse where " + got.Places[0]
	return c.answer(text, elsewhereView{got.Places, text})
}

// refusedThere: the worker, or what it asked, said no.
func refusedThere(err error) error {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if ok && slices.Contains([]string{"conflict", "invalid", "configuration"}, app.Type()) {
		return problem{exitRefused, app.Message()}
	}
	return unknown(err)
}

// watched tries what is left where a certificate is only watched: something else
// renews it, and a source may ask that for it. Otherwise the refusal stands.
func (c *cli) watched(ctx context.Context, req workflows.Request, name string, refusal error) error {
	if refusal == nil || !strings.Contains(refusal.Error(), "is only watched") {
		return refusal
	}
	err := c.renewElsewhere(ctx, req, "", name)
	if other, ok := errors.AsType[problem](err); ok && other.code == exitNotFound {
		return refusal
	}
	return err
}
