package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Dead letters lie in unseen until somebody has seen them, then in seen.
const (
	unseenFolder = "unseen"
	seenFolder   = "seen"
)

// mail is the room of what is known about deliveries.
func (s *Store) mail() records {
	return records{s.room("delivery", unseenFolder, seenFolder, "broken", "channels")}
}

// PutUndelivered keeps dead letters; one whose ID is there already, seen or not,
// is left alone. An ID that is none is fault.Invalid, and then nothing is kept.
func (s *Store) PutUndelivered(ctx context.Context, letters []delivery.Undelivered) error {
	for _, u := range letters {
		if !delivery.ValidID(u.ID) {
			return fault.New(fault.Invalid, "dead letter: %q is not an ID", u.ID)
		}
	}
	if len(letters) == 0 {
		return nil
	}
	r := s.mail()
	return r.locked(ctx, func(in room) error {
		r := records{in}
		for _, u := range letters {
			u.Seen = nil
			if err := r.keepFirst(ctx, letterFile(unseenFolder, u.ID), u, letterFile(seenFolder, u.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Undelivered lists the dead letters that nobody has seen, the newest first;
// with all, the others as well. If some are damaged it gives the others and an
// error that names them.
func (s *Store) Undelivered(ctx context.Context, all bool) ([]delivery.Undelivered, error) {
	r := s.mail()
	out, err := list(ctx, r, unseenFolder, func(u delivery.Undelivered) string { return u.ID + ".json" })
	seen := map[string]bool{}
	if names, listErr := r.view.List(ctx, seenFolder); listErr != nil {
		err = errors.Join(err, listErr)
	} else {
		for _, name := range names { // a crash may have left one in both
			seen[strings.TrimSuffix(name, ".json")] = true
		}
	}
	out = slices.DeleteFunc(out, func(u delivery.Undelivered) bool { return seen[u.ID] })
	if all {
		more, listErr := list(ctx, r, seenFolder, func(u delivery.Undelivered) string { return u.ID + ".json" })
		out, err = append(out, more...), errors.Join(err, listErr)
	}
	slices.SortFunc(out, func(a, b delivery.Undelivered) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, err
}

// MarkSeen says who has seen dead letters; the first to say so stays. If an ID
// is not known it is fault.NotFound, and nothing is marked.
func (s *Store) MarkSeen(ctx context.Context, ids []string, seen delivery.Seen) error {
	r := s.mail()
	return r.locked(ctx, func(in room) error {
		r := records{in}
		for _, id := range ids {
			known := false
			if delivery.ValidID(id) {
				var err error
				if known, err = r.hasAny(ctx, letterFile(unseenFolder, id), letterFile(seenFolder, id)); err != nil {
					return err
				}
			}
			if !known {
				return fault.New(fault.NotFound, "no dead letter has the ID %q", id)
			}
		}
		for _, id := range ids {
			if err := r.move(ctx, id, seen); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r records) move(ctx context.Context, id string, seen delivery.Seen) error {
	from, to := letterFile(unseenFolder, id), letterFile(seenFolder, id)
	there, err := r.has(ctx, to)
	if err != nil {
		return err
	}
	if !there {
		var u delivery.Undelivered
		if err := r.get(ctx, from, &u); err != nil {
			return err
		}
		u.Seen = &seen
		if err := r.put(ctx, to, u); err != nil {
			return err
		}
	}
	return r.change.Remove(ctx, from)
}

func letterFile(folder, id string) string { return path.Join(folder, id+".json") }

// records is a room of JSON files.
type records struct{ room }

func (r records) hasAny(ctx context.Context, elems ...string) (bool, error) {
	for _, elem := range elems {
		if there, err := r.has(ctx, elem); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

func (r records) get(ctx context.Context, elem string, into any) error {
	data, err := r.read(ctx, elem)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return damaged(r.medium, r.join(elem), errors.New("it is not the JSON that was written"))
	}
	return nil
}

func (r records) put(ctx context.Context, elem string, from any) error {
	data, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		return fault.New(fault.Invalid, "store: %w", err)
	}
	return r.write(ctx, elem, append(data, '\n'))
}

// keepFirst writes a file unless it, or one of others, is there.
func (r records) keepFirst(ctx context.Context, elem string, from any, others ...string) error {
	there, err := r.hasAny(ctx, append(others, elem)...)
	if err != nil {
		return err
	}
	if there {
		return r.settle(ctx, path.Dir(elem))
	}
	return r.put(ctx, elem, from)
}

// list reads every file of a folder; file says which one a record belongs in.
// Those that were removed meanwhile are left out.
func list[T any](ctx context.Context, r records, folder string, file func(T) string) ([]T, error) {
	names, err := r.view.List(ctx, folder)
	errs := []error{err}
	var out []T
	for _, name := range names {
		var t T
		err := r.get(ctx, path.Join(folder, name), &t)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			errs = append(errs, err)
		case file(t) != name:
			errs = append(errs, damaged(r.medium, r.join(folder, name), fmt.Errorf("%w", errMismatch)))
		default:
			out = append(out, t)
		}
	}
	return out, errors.Join(errs...)
}
