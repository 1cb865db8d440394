package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// same reads both, and tells where they differ. What the original has lost since
// an earlier part of the copy is taken away.
func same(ctx context.Context, from, to *Store) error {
	original, err := from.rooms(ctx)
	if err != nil {
		return err
	}
	theirs, err := to.rooms(ctx)
	if err != nil {
		return err
	}
	var differ []string
	for _, k := range rooms.sorted(merged(original, theirs)) {
		if from.of(k).String() == to.of(k).String() {
			continue
		}
		want, err := contents(ctx, from.of(k), original[k])
		if err != nil {
			return err
		}
		have, err := contents(ctx, to.of(k), theirs[k])
		if err != nil {
			return err
		}
		for elem := range have {
			if _, wanted := want[elem]; !wanted && elem != LogName {
				if err := enter(to.of(k), Room{Path: k.path}).locked(ctx, func(r room) error { return r.change.Remove(ctx, elem) }); err != nil {
					return err
				}
				delete(have, elem)
			}
		}
		if !maps.EqualFunc(want, have, bytes.Equal) {
			differ = append(differ, k.path)
		}
	}
	if len(differ) > 0 {
		return fault.New(fault.Conflict, "store %s: somebody wrote to it while it was copied, to %s for one; stop its workers and begin again: the copy goes on", from.medium, differ[0])
	}
	return nil
}

func merged(a, b rooms) rooms {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// count counts what people know, and compares it in both where there are two.
func (c *Copied) count(ctx context.Context, from, to *Store) error {
	names, err := from.Names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		versions, err := from.Versions(ctx, name)
		if err != nil {
			return err
		}
		entries, err := from.Entries(ctx, name)
		if err != nil {
			return err
		}
		c.Certificates++
		c.Versions += len(versions)
		c.Entries += len(entries)
		if to == nil {
			continue
		}
		if err := c.compare(ctx, from, to, name, versions, entries); err != nil {
			return err
		}
	}
	return nil
}

func (c *Copied) compare(ctx context.Context, from, to *Store, name string, versions []cert.Version, entries []cert.Entry) error {
	differs := func(what string) error {
		return fault.New(fault.Conflict, "store %s: %s of %s is not as in %s; begin again", to.medium, what, name, from.medium)
	}
	theirs, err := to.Versions(ctx, name)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(versions, theirs, func(a, b cert.Version) bool { return a.Fingerprint == b.Fingerprint }) {
		return differs("the list of versions")
	}
	told, err := to.Entries(ctx, name)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(entries, told, func(a, b cert.Entry) bool { return a.Sequence == b.Sequence && a.At.Equal(b.At) }) {
		return differs("the journal")
	}
	live, err := from.Live(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if now, err := to.Live(ctx, name); now != live || err != nil && !fault.Is(err, fault.NotFound) {
		return errors.Join(differs("the live version"), err)
	}
	for _, v := range versions {
		if _, err := to.Pair(ctx, name, v.Fingerprint); err != nil {
			if _, there := from.Pair(ctx, name, v.Fingerprint); there == nil || KeyIsAway(err) {
				return err
			}
			c.Damaged = append(c.Damaged, fmt.Sprintf("%s %s", name, v.Fingerprint.Short()))
		}
	}
	return nil
}
