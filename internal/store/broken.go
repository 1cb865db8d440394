package store

import (
	"context"
	"path"
	"slices"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// PutBroken keeps that an address leads nowhere, and tells whether that is news.
// The first record stays, but for Returned, which is the stronger word, and the
// date of the latest try.
func (s *Store) PutBroken(ctx context.Context, b delivery.Broken) (news bool, err error) {
	if b.Kind == "" || b.Address == "" {
		return false, fault.New(fault.Invalid, "broken address: the kind %q or the address %q is empty", b.Kind, b.Address)
	}
	r, elem := s.mail(), brokenFile(b.Kind, b.Address)
	err = r.locked(ctx, func(in room) error {
		r := records{in}
		news = false
		var old delivery.Broken
		err := r.get(ctx, elem, &old)
		switch {
		case fault.Is(err, fault.NotFound):
			news = true
		case err != nil:
			return err
		case old.Returned || !b.Returned:
			if !b.TriedAt.After(old.TriedAt) {
				return r.settle(ctx, path.Dir(elem))
			}
			old.TriedAt = b.TriedAt
			return r.put(ctx, elem, old)
		default:
			b.Since = old.Since
		}
		return r.put(ctx, elem, b)
	})
	return news && err == nil, err
}

// Broken lists the addresses that lead nowhere, the latest first.
func (s *Store) Broken(ctx context.Context) ([]delivery.Broken, error) {
	out, err := list(ctx, s.mail(), "broken", func(b delivery.Broken) string { return path.Base(brokenFile(b.Kind, b.Address)) })
	slices.SortStableFunc(out, func(a, b delivery.Broken) int { return b.Since.Compare(a.Since) })
	return out, err
}

// Mend forgets that an address is broken, and tells whether it was.
func (s *Store) Mend(ctx context.Context, kind, address string) (was bool, err error) {
	r, elem := s.mail(), brokenFile(kind, address)
	if there, err := r.has(ctx, elem); err != nil || !there {
		return false, err
	}
	err = r.locked(ctx, func(in room) error {
		r := records{in}
		if was, err = r.has(ctx, elem); err != nil {
			return err
		}
		return r.change.Remove(ctx, elem)
	})
	return was && err == nil, err
}

func brokenFile(kind, address string) string {
	return path.Join("broken", component(kind)+","+component(delivery.Fold(kind, address))+".json")
}

// NoteOutcome keeps how a channel did, and gives how it stood before.
func (s *Store) NoteOutcome(ctx context.Context, o delivery.Outcome) (before delivery.Standing, err error) {
	r, elem := s.mail(), path.Join("channels", component(o.Channel)+".json")
	look := func(r records) (delivery.Standing, bool, error) {
		before = delivery.Standing{}
		if err := r.get(ctx, elem, &before); err != nil && !fault.Is(err, fault.NotFound) {
			return before, false, err
		}
		after, worth := before.After(o)
		return after, worth, nil
	}
	if _, worth, err := look(r); err != nil || !worth {
		return before, err
	}
	err = r.locked(ctx, func(in room) error {
		r := records{in}
		after, worth, err := look(r)
		if err != nil || !worth {
			return err
		}
		return r.put(ctx, elem, after)
	})
	return before, err
}

// Standings lists how every channel stands that was ever used.
func (s *Store) Standings(ctx context.Context) ([]delivery.Standing, error) {
	return list(ctx, s.mail(), "channels", func(x delivery.Standing) string { return component(x.Channel) + ".json" })
}
