package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
func (s *Files) mail() records {
	return records{room{store: s, path: "delivery", folders: []string{unseenFolder, seenFolder, "broken", "channels"}}}
}

// PutUndelivered keeps dead letters; one whose ID is there already, seen or not,
// is left alone. An ID that is none is fault.Invalid, and then nothing is kept.
func (s *Files) PutUndelivered(ctx context.Context, letters []delivery.Undelivered) error {
	for _, u := range letters {
		if !delivery.ValidID(u.ID) {
			return fault.New(fault.Invalid, "dead letter: %q is not an ID", u.ID)
		}
	}
	if len(letters) == 0 {
		return nil
	}
	r := s.mail()
	return r.locked(ctx, func() error {
		for _, u := range letters {
			u.Seen = nil
			if err := r.keepFirst(letterFile(unseenFolder, u.ID), u, letterFile(seenFolder, u.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Undelivered lists the dead letters that nobody has seen, the newest first;
// with all, the others as well. If some are damaged it gives the others and an
// error that names them.
func (s *Files) Undelivered(_ context.Context, all bool) ([]delivery.Undelivered, error) {
	r := s.mail()
	out, err := list(r, unseenFolder, func(u delivery.Undelivered) string { return u.ID + ".json" })
	seen := map[string]bool{}
	if names, listErr := r.names(seenFolder); listErr != nil {
		err = errors.Join(err, listErr)
	} else {
		for _, name := range names { // a crash may have left one in both
			seen[strings.TrimSuffix(name, ".json")] = true
		}
	}
	out = slices.DeleteFunc(out, func(u delivery.Undelivered) bool { return seen[u.ID] })
	if all {
		more, listErr := list(r, seenFolder, func(u delivery.Undelivered) string { return u.ID + ".json" })
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
func (s *Files) MarkSeen(ctx context.Context, ids []string, seen delivery.Seen) error {
	r := s.mail()
	return r.locked(ctx, func() error {
		for _, id := range ids {
			if !delivery.ValidID(id) || !r.has(letterFile(unseenFolder, id)) && !r.has(letterFile(seenFolder, id)) {
				return fault.New(fault.NotFound, "no dead letter has the ID %q", id)
			}
		}
		for _, id := range ids {
			if err := r.move(id, seen); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r records) move(id string, seen delivery.Seen) error {
	from, to := letterFile(unseenFolder, id), letterFile(seenFolder, id)
	if !r.has(to) {
		var u delivery.Undelivered
		if err := r.get(from, &u); err != nil {
			return err
		}
		u.Seen = &seen
		if err := r.put(to, u); err != nil {
			return err
		}
	}
	return r.remove(from)
}

func letterFile(folder, id string) string { return path.Join(folder, id+".json") }

// records is a room of JSON files.
type records struct{ room }

func (r records) has(elem string) bool {
	_, err := r.store.root.Stat(r.join(elem))
	return err == nil
}

func (r records) get(elem string, into any) error {
	data, err := r.read(elem)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return r.store.damaged(r.join(elem), errors.New("it is not the JSON that was written"))
	}
	return nil
}

func (r records) put(elem string, from any) error {
	data, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		return fault.New(fault.Invalid, "store: %w", err)
	}
	return r.write(elem, append(data, '\n'))
}

// keepFirst writes a file unless it, or one of others, is there.
func (r records) keepFirst(elem string, from any, others ...string) error {
	if slices.ContainsFunc(append(others, elem), r.has) {
		return r.settle(path.Dir(elem))
	}
	return r.put(elem, from)
}

func (r records) remove(elem string) error {
	if err := r.store.root.Remove(r.join(elem)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.store.failed(err)
	}
	return r.settle(path.Dir(elem))
}

// names lists the files of a folder; none if the room was never used.
func (r records) names(folder string) ([]string, error) {
	dir, err := r.store.root.Open(r.join(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, r.store.failed(err)
	}
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, r.store.failed(errors.Join(err, dir.Close()))
}

// list reads every file of a folder; file says which one a record belongs in.
// Those that were removed meanwhile are left out.
func list[T any](r records, folder string, file func(T) string) ([]T, error) {
	names, err := r.names(folder)
	errs := []error{err}
	var out []T
	for _, name := range names {
		var t T
		err := r.get(path.Join(folder, name), &t)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			errs = append(errs, err)
		case file(t) != name:
			errs = append(errs, r.store.damaged(r.join(folder, name), fmt.Errorf("%w", errMismatch)))
		default:
			out = append(out, t)
		}
	}
	return out, errors.Join(errs...)
}
