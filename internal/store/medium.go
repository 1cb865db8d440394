package store

import (
	"context"
	"path"
	"time"
)

// Medium is where the bytes of a store lie: a folder, a database, a bucket. It
// keeps named pieces in rooms and knows nothing of what they mean; whatever is
// secret is sealed before it comes here. Errors carry a fault.Kind; what is not
// there is fault.NotFound and fs.ErrNotExist.
type Medium interface {
	// Prepare makes it ready: it connects, and makes what has to be there.
	Prepare(ctx context.Context) error
	// View reads a room. It is good for one look and not kept: it may show the
	// room as it was when it was made.
	View(Room) View
	// Change runs do while nobody else changes the room. A medium that takes
	// back what a failed do wrote need not run it only once: do begins from what
	// it reads. On one that does not, each write counts by itself.
	Change(ctx context.Context, r Room, do func(Change) error) error
	// Names lists every piece of every room, but for unfinished writes.
	Names(ctx context.Context) ([]Name, error)
	// String says where it is, for messages. It holds no secret.
	String() string
	Close() error
}

// Sweeper is a medium on which something may be left behind that nobody uses.
type Sweeper interface {
	// Sweep removes what has been left behind for long, and says how much. It
	// may run beside anything.
	Sweep(ctx context.Context, now time.Time) (removed int, err error)
}

// Sweep is that of the medium, if it needs it.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int, error) {
	m, ok := s.medium.(Sweeper)
	if !ok {
		return 0, nil
	}
	return m.Sweep(ctx, now)
}

// Room is what is changed together, under one lock.
type Room struct {
	// Path is the room's own, with slashes; "." is the room at the top.
	Path string
	// Folders inside, which a medium that has folders makes before the first write.
	Folders []string
	// Log is the piece that is appended to by lines; empty if the room has none.
	Log string
}

// Name is that of one piece.
type Name struct {
	Room Room
	Elem string // inside the room, with slashes
}

// View reads what is in a room.
type View interface {
	Read(ctx context.Context, elem string) ([]byte, error)
	Has(ctx context.Context, elem string) (bool, error)
	// List gives the names directly in a folder; none if it is not there.
	List(ctx context.Context, folder string) ([]string, error)
}

// Change is a view that sees its own writes. What it wrote is durable when
// Medium.Change returns without an error.
type Change interface {
	View
	// Write replaces a piece in one step.
	Write(ctx context.Context, elem string, data []byte) error
	// Place makes a folder that was not there, with all its pieces or not at all.
	Place(ctx context.Context, folder string, pieces map[string][]byte) error
	// Remove takes a piece away; it need not be there.
	Remove(ctx context.Context, elem string) error
	// Append adds to the room's log the lines whose sequence it does not hold.
	Append(ctx context.Context, lines []Line) error
	// Settle makes durable what is in a folder already, "." for the room itself:
	// whoever put it there may have died first.
	Settle(ctx context.Context, folder string) error
}

// Line is one line of a log.
type Line struct {
	Sequence int64
	Text     []byte // with its newline
}

// room is a room as the store works with it.
type room struct {
	Room
	medium Medium
	view   View
	change Change // only inside of locked
}

func (s *Store) room(path string, folders ...string) room {
	return enter(s.medium, Room{Path: path, Folders: folders})
}

func enter(m Medium, r Room) room { return room{Room: r, medium: m, view: m.View(r)} }

// join names a piece in messages.
func (r room) join(elem ...string) string { return path.Join(append([]string{r.Path}, elem...)...) }

func (r room) read(ctx context.Context, elem ...string) ([]byte, error) {
	return r.view.Read(ctx, path.Join(elem...))
}

func (r room) has(ctx context.Context, elem string) (bool, error) { return r.view.Has(ctx, elem) }

// locked runs do, on the room as it is then, while nobody else changes it. do
// may run more than once.
func (r room) locked(ctx context.Context, do func(r room) error) error {
	return r.medium.Change(ctx, r.Room, func(c Change) error {
		r.view, r.change = c, c
		return do(r)
	})
}

func (r room) write(ctx context.Context, elem string, data []byte) error {
	return r.change.Write(ctx, elem, data)
}

// settle is called before saying that something was there already.
func (r room) settle(ctx context.Context, folder string) error {
	return r.change.Settle(ctx, folder)
}
