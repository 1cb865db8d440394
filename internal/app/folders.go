package app

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/neverlapse/neverlapse/internal/metrics"
)

// disk tells how much the folders of this worker hold, and what is left beside them.
func (a *App) disk(ctx context.Context) ([]metrics.Disk, error) {
	dir, err := storeFolder(a.config)
	if a.part != nil {
		o, wrong := hostStore(a.config)
		dir, err = o.Path, wrong
	}
	var out []metrics.Disk
	if err == nil && dir != "" {
		var d metrics.Disk
		d, err = folder(ctx, "store", dir, "")
		out = append(out, d)
	}
	if err == nil && a.engine != nil {
		var d metrics.Disk
		d, err = folder(ctx, "engine", engineDir(a.config), "engine-")
		out = append(out, d)
	}
	return out, err
}

// folder sums up the files of a folder whose names begin so. Files that vanish
// meanwhile are not counted.
func folder(ctx context.Context, name, dir, prefix string) (metrics.Disk, error) {
	out := metrics.Disk{Name: name}
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return out, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	out.Free, out.Size = uint64(at.Bavail)*uint64(at.Bsize), uint64(at.Blocks)*uint64(at.Bsize)
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			return ctx.Err()
		}
		if info, err := e.Info(); err == nil {
			out.Bytes += info.Size()
		}
		return nil
	})
	return out, err
}
