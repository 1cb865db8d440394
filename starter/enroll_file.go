package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/neverlapse/neverlapse/internal/inventory"
)

// enrollFile enrols an inventory: every row by itself, so that a bad one, or a
// host that does not answer, stops no other.
func (c *cli) enrollFile(ctx context.Context, w wish, args []string, in io.Reader) error {
	if err := w.checkFile(args); err != nil {
		return err
	}
	f, data, err := readInventory(w.file, in)
	if err != nil {
		return err
	}
	if err := c.load(); err != nil {
		return err
	}
	if err := c.openEyes(); err != nil {
		return err
	}
	if _, err := c.request(""); err != nil {
		return err
	}
	for _, r := range f.Rows {
		if r.Err == nil && w.owner+w.team+r.Owner+r.Team == "" {
			c.remark("rows that name neither owner nor team are told to the catch-all team; name somebody in the file, or by --owner or --team")
			break
		}
	}
	for _, r := range f.Remarks {
		c.remark("%s", clean(r, 0))
	}
	known, err := c.known(ctx, w)
	if err != nil {
		return err
	}
	b := &bulk{cli: c, wish: w, known: known, importing: c.importOf(data)}
	return b.run(ctx, f.Rows)
}

// single are the flags that mean one certificate.
var single = append([]string{"cert-name", "domains", "endpoint", "starttls", "note", "manage"}, managing...)

func (w wish) checkFile(args []string) error {
	if len(args) > 0 {
		return usage("--file names the hosts; leave %s out", args[0])
	}
	if i := slices.IndexFunc(single, w.given); i >= 0 {
		return usage("--%s is for a single certificate; with --file, certificates are watched, and the columns of the file say what belongs to each", single[i])
	}
	return nil
}

func readInventory(path string, in io.Reader) (inventory.File, []byte, error) {
	what := path
	if path == "-" {
		what = "the standard input"
	} else {
		opened, err := os.Open(path)
		if err != nil {
			return inventory.File{}, nil, usage("--file: %s", err)
		}
		defer opened.Close()
		in = opened
	}
	data, err := io.ReadAll(io.LimitReader(in, inventory.MaxBytes+1))
	if err != nil {
		return inventory.File{}, nil, problem{exitFailed, fmt.Sprintf("%s cannot be read: %v", what, err)}
	}
	f, err := inventory.Read(data)
	if err != nil {
		return f, nil, usage("%s: %s", what, err)
	}
	return f, data, nil
}
