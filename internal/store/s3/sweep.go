package s3

import (
	"context"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/neverlapse/neverlapse/internal/store"
)

// sweepAge is how old an object has to be that nothing names before it counts as
// left behind, and how long after that it is removed: who writes may be about to
// name it, and who reads may have seen a room that did.
const sweepAge = 24 * time.Hour

// Sweep removes objects that no room names any more: those of pieces that were
// replaced, and of changes that came to nothing. It first writes into the room that
// they are dropped, and from then on nobody names them again; the next Sweep after
// sweepAge removes them. It may run beside anything, and be cut short.
func (m *Medium) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	rooms, err := m.objects(ctx)
	if err != nil {
		return 0, err
	}
	for r, objects := range rooms {
		n, err := m.sweepRoom(ctx, store.Room{Path: r}, objects, now)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// pieceName is that of an object in pieces: a certificate may have any other name.
var pieceName = regexp.MustCompile(`^[0-9a-f]{64}(-[a-z0-9]+)?$`)

// objects lists those of pieces by room, with the time at which they were written.
func (m *Medium) objects(ctx context.Context) (map[string]map[string]time.Time, error) {
	out := map[string]map[string]time.Time{}
	err := m.list(ctx, func(name string, written time.Time) error {
		folder, elem := path.Dir(name), path.Base(name)
		if path.Base(folder) != pieceFolder || !pieceName.MatchString(elem) {
			return nil
		}
		r := path.Dir(folder)
		if out[r] == nil {
			out[r] = map[string]time.Time{}
		}
		out[r][elem] = written
		return nil
	})
	return out, err
}

// list calls each with the names of all objects, below the prefix.
func (m *Medium) list(ctx context.Context, each func(name string, written time.Time) error) error {
	start := m.key(".")
	if start == "." {
		start = ""
	} else {
		start += "/"
	}
	pages := s3.NewListObjectsV2Paginator(m.client, &s3.ListObjectsV2Input{Bucket: &m.bucket, Prefix: &start})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return m.failed(err, "s3:ListBucket")
		}
		for _, o := range page.Contents {
			if err := each(strings.TrimPrefix(aws.ToString(o.Key), start), aws.ToTime(o.LastModified)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Medium) sweepRoom(ctx context.Context, r store.Room, objects map[string]time.Time, now time.Time) (removed int, err error) {
	l := &look{m: m, room: r}
	if err := l.load(ctx); err != nil {
		return 0, err
	}
	named := map[string]bool{}
	for _, p := range l.index.Pieces {
		for _, name := range p.Objects {
			named[name] = true
		}
	}
	changed := false
	for name, at := range l.index.Dropped {
		_, there := objects[name]
		if there && now.Sub(at) < sweepAge {
			continue
		}
		if there {
			key := m.key(r.Path, pieceFolder, name)
			if _, err := m.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &m.bucket, Key: &key}); err != nil {
				return removed, m.failed(err, "s3:DeleteObject")
			}
			removed++
		}
		delete(l.index.Dropped, name)
		changed = true
	}
	for name, written := range objects {
		if _, dropped := l.index.Dropped[name]; dropped || named[name] || now.Sub(written) < sweepAge {
			continue
		}
		if l.index.Dropped == nil {
			l.index.Dropped = map[string]time.Time{}
		}
		l.index.Dropped[name] = now.UTC()
		changed = true
	}
	if changed { // whoever was faster has not seen it, and it is for the next time
		_, err = m.commit(ctx, r, l)
	}
	return removed, err
}
