package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// shortest is how many digits of a fingerprint or serial say which version is meant.
const shortest = 6

func (c *cli) rollback() *cobra.Command {
	var to, note string
	var wait bool
	cmd := c.onName("rollback", " --to previous|FINGERPRINT|SERIAL [--wait] [--note TEXT]", "Deploy an earlier version again",
		`Deploy the previous version of a managed certificate, or one that the store has,
by the first digits of its fingerprint or serial. Automation then keeps its hands
off until neverlapse resume, at the latest until the last safe moment.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			in := workflows.RollBackRequest{Request: req}
			if in.To, err = c.meant(cmd.Context(), name, to); err != nil {
				return err
			}
			return c.begin(cmd.Context(), name, wait, func() (workflows.Taken, error) {
				return call(cmd.Context(), c, workflows.RollBack, name, in)
			})
		})
	cmd.Flags().StringVar(&to, "to", "", "`version`: previous, or the first digits of a fingerprint or serial")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the end of the deployment")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

// meant finds the version that somebody named; empty means the previous one.
func (c *cli) meant(ctx context.Context, name, to string) (cert.Fingerprint, error) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(to), ":", ""))
	switch {
	case to == "":
		return "", usage("--to is missing: to which version? write previous, or the first digits of a fingerprint or serial")
	case digits == "previous":
		return "", nil
	case strings.Trim(digits, "0123456789abcdef") != "" || len(digits) < shortest:
		return "", usage("--to: %q is neither previous nor at least %d hexadecimal digits of a fingerprint or serial", to, shortest)
	}
	if _, err := c.ask(ctx, name); err != nil {
		return "", err
	}
	stored, err := hand[[]cert.Version](ctx, c, "Stored", name)
	if err != nil {
		return "", err
	}
	return c.match(name, digits, stored)
}

func (c *cli) match(name, digits string, stored []cert.Version) (cert.Fingerprint, error) {
	var found, all []string
	var is cert.Fingerprint
	for _, v := range stored {
		line := fmt.Sprintf("%s, serial %s, until %s", v.Fingerprint.Short(), v.Serial, c.when(v.NotAfter))
		all = append(all, line)
		if strings.HasPrefix(string(v.Fingerprint), digits) || strings.HasPrefix(v.Serial, strings.TrimLeft(digits, "0")) {
			found, is = append(found, line), v.Fingerprint
		}
	}
	switch len(found) {
	case 1:
		return is, nil
	case 0:
		return "", problem{exitNotFound, fmt.Sprintf("the store has no version %s of %s; it has:\n%s", digits, name, orNone(all))}
	}
	return "", usage("--to: %s is not clear; write more digits:\n%s", digits, strings.Join(found, "\n"))
}

func orNone(lines []string) string {
	if len(lines) == 0 {
		return "none"
	}
	return strings.Join(lines, "\n")
}
