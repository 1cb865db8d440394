package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// copyingFile lies in a store while another is copied into it. A store that has
// it is opened by nobody.
const copyingFile = "copying.json"

// copying says what is copied into a store.
type copying struct {
	From  string    `json:"from"`
	Begun time.Time `json:"begun"`
}

// NamePurpose is that of the secret from which the name of a store follows. A
// copy is another store: it gets one of its own.
const NamePurpose = "workers"

// Copied is what a copy has, and what of it was written this time.
type Copied struct {
	Certificates, Versions int
	Entries                int // of journals
	Pieces                 int // all there is, sealed or not
	Written                int // pieces that were not there yet
	// Damaged names versions that cannot be opened in the original either.
	Damaged []string
}

// CopyOptions say how a copy is made.
type CopyOptions struct {
	DryRun   bool                 // look, and write nothing
	Progress func(rooms, all int) // may be nil
	Now      time.Time
}

// Copy makes to hold all that from holds, as it is sealed: the keeper of to has to
// open what that of from sealed. to is empty, or holds a copy of from that was cut
// short, which goes on; anything else is fault.Conflict. Nobody may write to from
// meanwhile; whoever does is noticed, and the copy stays unfinished, which is
// fault.Conflict too. At the end all is read back, and every version is opened.
func Copy(ctx context.Context, from, to *Store, o CopyOptions) (Copied, error) {
	if from.medium.String() == to.medium.String() {
		return Copied{}, fault.New(fault.Invalid, "store %s: it cannot be copied into itself", from.medium)
	}
	if err := from.BeginToRead(ctx); err != nil {
		return Copied{}, err
	}
	if err := to.opens(ctx, from); err != nil {
		return Copied{}, err
	}
	original, err := from.rooms(ctx)
	if err != nil {
		return Copied{}, err
	}
	if !o.DryRun {
		if err := to.medium.Prepare(ctx); err != nil {
			return Copied{}, err
		}
	}
	if err := to.takes(ctx, from, original); err != nil {
		return Copied{}, err
	}
	done := Copied{Pieces: original.pieces()}
	if o.DryRun {
		return done, done.count(ctx, from, nil)
	}
	if err := to.begin(ctx, from, o.Now); err != nil {
		return done, err
	}
	for i, key := range original.sorted() {
		n, err := copyRoom(ctx, from, to, key, original[key])
		if err != nil {
			return done, err
		}
		done.Written += n
		if o.Progress != nil {
			o.Progress(i+1, len(original))
		}
	}
	if err := same(ctx, from, to); err != nil {
		return done, err
	}
	if err := done.count(ctx, from, to); err != nil {
		return done, err
	}
	return done, to.room(".").locked(ctx, func(r room) error { return r.change.Remove(ctx, copyingFile) })
}

// roomKey is a room of a store: of its own medium, or of what it shares with hosts.
type roomKey struct {
	path   string
	shared bool
}

// rooms are the pieces of a store that a copy has, by room.
type rooms map[roomKey][]Name

func (r rooms) sorted() []roomKey {
	return slices.SortedFunc(maps.Keys(r), func(a, b roomKey) int { return cmp.Compare(a.path, b.path) })
}

func (r rooms) pieces() (n int) {
	for _, names := range r {
		n += len(names)
	}
	return n
}

func hostsRoom(path string) bool { return strings.HasPrefix(path, "hosts/") }

// of is the medium on which a room lies.
func (s *Store) of(k roomKey) Medium {
	if k.shared {
		return s.shared
	}
	return s.medium
}

// rooms lists them. What tells only of the store's own life is no part of a copy.
func (s *Store) rooms(ctx context.Context) (rooms, error) {
	all, err := s.medium.Names(ctx)
	if err == nil && s.shared != s.medium {
		var more []Name
		more, err = s.shared.Names(ctx)
		all = append(all, more...)
	}
	out := rooms{}
	for _, n := range all {
		own := n.Room.Path == "beat" || n.Elem == copyingFile || n.Room.Path == "secrets" && n.Elem == component(NamePurpose)+".sealed"
		if !own {
			k := roomKey{n.Room.Path, hostsRoom(n.Room.Path)}
			out[k] = append(out[k], n)
		}
	}
	return out, err
}

// opens makes sure that the keeper opens what another store's sealed.
func (s *Store) opens(ctx context.Context, from *Store) error {
	blob, err := from.room(".").read(ctx, keyCheckFile)
	if err != nil {
		return err
	}
	if _, err := s.sealer.unseal(ctx, object("key-check"), blob); err != nil {
		return fault.New(fault.KindOf(err), "store %s: its key does not open what is sealed in %s; give it the same key, or its own and below old_keys the one of %s, and rotate after copying: %w", s.medium, from.medium, from.medium, err)
	}
	return nil
}

// takes makes sure that nothing is there but what was copied before.
func (s *Store) takes(ctx context.Context, from *Store, original rooms) error {
	if _, isFolder := s.shared.(*folder); !isFolder {
		for k := range original {
			if k.shared {
				return fault.New(fault.Configuration, "store %s: %s has a part for hosts, which they read from a folder; name one in hosts_path", s.medium, from.medium)
			}
		}
	}
	names, err := s.medium.Names(ctx)
	if err != nil {
		return err
	}
	if s.shared != s.medium && s.shared.String() != from.shared.String() {
		more, err := s.shared.Names(ctx)
		if err != nil {
			return err
		}
		names = append(names, more...)
	}
	if len(names) == 0 {
		return nil
	}
	var c copying
	data, err := s.room(".").read(ctx, copyingFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Conflict, "store %s: there is something already, %s for one; a copy goes to an empty place", s.medium, path.Join(names[0].Room.Path, names[0].Elem))
	case err != nil:
		return err
	case json.Unmarshal(data, &c) != nil || c.From != from.medium.String():
		return fault.New(fault.Conflict, "store %s: a copy of %s into it was begun at %s; finish that one, or empty it", s.medium, c.From, c.Begun.UTC().Format(time.RFC3339))
	}
	return nil
}

func (s *Store) begin(ctx context.Context, from *Store, now time.Time) error {
	data, err := json.MarshalIndent(copying{From: from.medium.String(), Begun: now.UTC().Truncate(time.Second)}, "", "  ")
	if err != nil {
		return err
	}
	return s.room(".").locked(ctx, func(r room) error {
		if there, err := r.has(ctx, copyingFile); err != nil || there {
			return err
		}
		return r.write(ctx, copyingFile, append(data, '\n'))
	})
}

// unfinished refuses a store into which another is being copied.
func (s *Store) unfinished(ctx context.Context) error {
	there, err := s.room(".").has(ctx, copyingFile)
	if err == nil && there {
		err = fault.New(fault.Configuration, "store %s: a copy into it is not finished; run neverlapse store copy again, which goes on, or use the original", s.medium)
	}
	return err
}

// contents reads the pieces of a room. An empty log is none.
func contents(ctx context.Context, m Medium, names []Name) (map[string][]byte, error) {
	out := map[string][]byte{}
	if len(names) == 0 {
		return out, nil
	}
	view := m.View(names[0].Room)
	for _, n := range names {
		data, err := view.Read(ctx, n.Elem)
		if err != nil {
			return nil, err
		}
		if n.Elem == n.Room.Log {
			if data, err = inOrder(m, n, data); err != nil {
				return nil, err
			}
			if len(data) == 0 {
				continue
			}
		}
		out[n.Elem] = data
	}
	return out, nil
}

// inOrder is a log in the order of its lines. One with a line that cannot be read
// is not copied: another medium could not keep the line.
func inOrder(m Medium, n Name, data []byte) ([]byte, error) {
	lines := slices.Collect(bytes.Lines(completeLines(data)))
	for i, text := range lines {
		if Sequence(text) < 1 {
			return nil, damaged(m, path.Join(n.Room.Path, n.Elem), fmt.Errorf("line %d cannot be read", i+1))
		}
	}
	slices.SortStableFunc(lines, func(a, b []byte) int { return cmp.Compare(Sequence(a), Sequence(b)) })
	return bytes.Join(lines, nil), nil
}

// copyRoom writes what differs, takes away what the original has no longer, and
// says how many pieces it wrote.
func copyRoom(ctx context.Context, from, to *Store, k roomKey, names []Name) (written int, err error) {
	if from.of(k).String() == to.of(k).String() { // both share it with the same hosts
		return 0, nil
	}
	want, err := contents(ctx, from.of(k), names)
	if err != nil {
		return 0, err
	}
	r := Room{Path: k.path, Log: names[0].Room.Log}
	for elem := range want {
		if dir := path.Dir(elem); dir != "." && !slices.Contains(r.Folders, dir) {
			r.Folders = append(r.Folders, dir)
		}
	}
	slices.Sort(r.Folders)
	err = to.of(k).Change(ctx, r, func(c Change) error {
		written = 0
		for _, elem := range slices.Sorted(maps.Keys(want)) {
			have, err := c.Read(ctx, elem)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			switch {
			case err == nil && bytes.Equal(have, want[elem]):
				continue
			case elem == r.Log:
				err = c.Append(ctx, linesOf(want[elem]))
			default:
				err = c.Write(ctx, elem, want[elem])
			}
			if err != nil {
				return err
			}
			written++
		}
		return nil
	})
	return written, err
}

func linesOf(log []byte) (out []Line) {
	for text := range bytes.Lines(log) {
		out = append(out, Line{Sequence(text), text})
	}
	return out
}
