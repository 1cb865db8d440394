package s3

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

const (
	roomFile    = "room.json"
	pieceFolder = "pieces"
	format      = 1
	// small is what still stands in room.json itself, in bytes.
	small = 1 << 10
	// tail is how much of a log stands there before it becomes an object.
	tail = 32 << 10
)

// index is a room as room.json has it.
type index struct {
	Format int `json:"format"`
	// Mark differs with every write, so that no two have the same ETag.
	Mark   string           `json:"mark"`
	Pieces map[string]piece `json:"pieces"`
	// Dropped are objects that nothing names and that will be removed, with the time
	// at which that was found. They are never named again.
	Dropped map[string]time.Time `json:"dropped,omitempty"`
}

// piece is the content of objects, which are named by their SHA-256 (and where one
// of that name is dropped, by something more after a hyphen), and then Data.
type piece struct {
	Objects []string `json:"objects,omitempty"`
	Data    []byte   `json:"data,omitempty"`
}

func (m *Medium) roomKey(r store.Room) string { return m.key(r.Path, roomFile) }

// look is a room as it was when it was first looked at.
type look struct {
	m      *Medium
	room   store.Room
	loaded bool
	index  index
	tag    string // empty: there is none yet
}

func (l *look) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	data, tag, err := l.m.get(ctx, l.m.roomKey(l.room))
	switch {
	case absent(err):
		l.index = index{Format: format}
	case err != nil:
		return l.m.failed(err, "s3:GetObject")
	case json.Unmarshal(data, &l.index) != nil:
		return l.damaged(roomFile)
	case l.index.Format > format:
		return fault.New(fault.Configuration, "store %s: %s has the format %d of a later release, and this program knows %d; start that one", l.m, l.m.roomKey(l.room), l.index.Format, format)
	}
	if l.index.Pieces == nil {
		l.index.Pieces = map[string]piece{}
	}
	l.tag, l.loaded = tag, true
	return nil
}

func (l *look) damaged(what string) error {
	return fault.New(fault.Configuration, "store %s: %s is damaged; restore the version before it", l.m, path.Join(l.room.Path, what))
}

func (l *look) Read(ctx context.Context, elem string) ([]byte, error) {
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	p, there := l.index.Pieces[elem]
	if !there {
		return nil, fault.New(fault.NotFound, "store %s: %s/%s: %w", l.m, l.room.Path, elem, fs.ErrNotExist)
	}
	var out []byte
	for _, sum := range p.Objects {
		data, _, err := l.m.get(ctx, l.m.key(l.room.Path, pieceFolder, sum))
		if err != nil && !absent(err) {
			return nil, l.m.failed(err, "s3:GetObject")
		}
		if want, _, _ := strings.Cut(sum, "-"); err != nil || sumOf(data) != want {
			return nil, l.damaged(path.Join(pieceFolder, sum))
		}
		out = append(out, data...)
	}
	return append(out, p.Data...), nil
}

func (l *look) Has(ctx context.Context, elem string) (bool, error) {
	if err := l.load(ctx); err != nil {
		return false, err
	}
	for name := range l.index.Pieces {
		if name == elem || strings.HasPrefix(name, elem+"/") {
			return true, nil
		}
	}
	return false, nil
}

func (l *look) List(ctx context.Context, folder string) ([]string, error) {
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for name := range l.index.Pieces {
		if rest, inside := strings.CutPrefix(name, folder+"/"); inside {
			first, _, _ := strings.Cut(rest, "/")
			names[first] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// write changes the look; Medium.Change writes it.
type write struct {
	*look
	changed bool
}

func (w *write) Write(ctx context.Context, elem string, data []byte) error {
	p := piece{Data: data}
	if len(data) > small {
		sum, err := w.keep(ctx, data)
		if err != nil {
			return err
		}
		p = piece{Objects: []string{sum}}
	}
	w.index.Pieces[elem], w.changed = p, true
	return nil
}

// keep writes an object that is named by what it holds, so that writing it again
// changes nothing.
func (w *write) keep(ctx context.Context, data []byte) (string, error) {
	sum := sumOf(data)
	if _, dropped := w.index.Dropped[sum]; dropped {
		sum += "-" + strings.ToLower(rand.Text())
	}
	_, err := w.m.put(ctx, w.m.key(w.room.Path, pieceFolder, sum), data, "")
	if status(err) == http.StatusPreconditionFailed {
		err = nil
	}
	return sum, w.m.failed(err, "s3:PutObject")
}

func (w *write) Place(ctx context.Context, folder string, pieces map[string][]byte) error {
	for elem, data := range pieces {
		if err := w.Write(ctx, folder+"/"+elem, data); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) Remove(_ context.Context, elem string) error {
	if _, there := w.index.Pieces[elem]; there {
		delete(w.index.Pieces, elem)
		w.changed = true
	}
	return nil
}

func (w *write) Append(ctx context.Context, lines []store.Line) error {
	have, err := w.Read(ctx, w.room.Log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	more := store.Missing(have, lines)
	if len(more) == 0 {
		return nil
	}
	p := w.index.Pieces[w.room.Log]
	p.Data = slices.Concat(p.Data, more)
	if len(p.Data) > tail {
		sum, err := w.keep(ctx, p.Data)
		if err != nil {
			return err
		}
		p = piece{Objects: append(slices.Clone(p.Objects), sum)}
	}
	w.index.Pieces[w.room.Log], w.changed = p, true
	return nil
}

// Settle has nothing to do: what can be read is kept.
func (w *write) Settle(context.Context, string) error { return nil }

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
