package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/store"
)

// kept looks at the store.
func (x *examiner) kept() []doctor.Check {
	if x.store == nil {
		if x.unopened == nil {
			return []doctor.Check{doctor.One(doctor.Opens, "", func(context.Context) doctor.Finding {
				return doctor.Bad("mend the section store, or put its key back from your backup; then: neverlapse store list", "it cannot be opened; the configuration's errors say why")
			})}
		}
		return []doctor.Check{doctor.One(doctor.Opens, "", func(context.Context) doctor.Finding { return *x.unopened })}
	}
	return []doctor.Check{
		doctor.One(doctor.Opens, "", func(ctx context.Context) doctor.Finding {
			if err := x.store.BeginToRead(ctx); err != nil {
				return doctor.Bad("give it its path and key (section store), or restore them from your backup; then: neverlapse store list", "%s", inOneLine(err))
			}
			if _, err := x.store.KeyService(ctx); store.KeyIsAway(err) {
				return doctor.Doubtful("neverlapse doctor --only store.key", "kind %s; whether the key is the one that it was made with shows once the key service is back", x.config().Store.Kind)
			}
			return doctor.Good("kind %s; the key is the one that it was made with", x.config().Store.Kind)
		}),
		{Codes: []doctor.Code{doctor.StoreKey}, Run: x.keyService},
		doctor.One(doctor.Writes, "", func(ctx context.Context) doctor.Finding {
			begun := time.Now()
			if _, err := x.store.KeyService(ctx); err != nil {
				return doctor.Doubtful("neverlapse doctor --only store.key", "not tried: the key of the store cannot be used")
			}
			if err := x.store.Beat(ctx, begun); err != nil {
				return doctor.Bad("see that its disk is there, not full and not read-only, and that the worker may write: df -h; mount; ls -ld", "%s", inOneLine(err))
			}
			return doctor.Good("written, made durable and read back in %d ms", time.Since(begun).Milliseconds())
		}),
		doctor.One(doctor.Newest, "", x.newest),
		{Codes: []doctor.Code{doctor.Lives}, Run: x.lives},
	}
}

// keyService looks at the service that holds the key, if one does.
func (x *examiner) keyService(ctx context.Context) []doctor.Finding {
	begun := time.Now()
	kind, err := x.store.TryKeyService(ctx)
	remedy := "as it says, there; then what its key needs (docs/stores.md#the-key-in-vault-or-in-aws)"
	if kind == "hashivault" {
		remedy = "vault status; if it is sealed: vault operator unseal; then its token and policy (docs/stores.md#the-key-in-vault-or-in-aws)"
	}
	switch {
	case kind == "":
		return nil
	case err != nil:
		return []doctor.Finding{doctor.Bad(remedy, "%s: %s", kind, inOneLine(err))}
	}
	return []doctor.Finding{doctor.Good("%s wraps and opens, in %d ms", kind, time.Since(begun).Milliseconds())}
}

// lives holds the store against what Temporal knows to be live.
func (x *examiner) lives(ctx context.Context) []doctor.Finding {
	if x.client == nil {
		return nil // another check says it
	}
	running, err := (&census{client: x.client, namespace: x.config().Temporal.Namespace}).Running(ctx)
	if err != nil {
		return []doctor.Finding{unlisted(err)}
	}
	shelf, err := activities.Compare(ctx, x.store, running, func(string) {})
	if err != nil {
		return []doctor.Finding{unread(err)}
	}
	var names []string
	for _, m := range shelf.Missing[:min(len(shelf.Missing), mostNamed)] {
		names = append(names, m.Name)
	}
	if n := len(shelf.Missing); n > 0 {
		return []doctor.Finding{doctor.Bad("neverlapse store check; then, for each: neverlapse renew "+names[0], "it lacks the live version of %d of %d certificates: %s", n, shelf.Compared, strings.Join(names, ", "))}
	}
	return []doctor.Finding{doctor.Good("it has the live version of all %d certificates that were issued here", shelf.Compared)}
}

// mostNames bounds in how many certificates the newest version is looked for: a
// store of many, far away, would not tell in time.
const mostNames = 50

func (x *examiner) newest(ctx context.Context) doctor.Finding {
	names, err := x.some(ctx)
	var newest cert.Version
	of, looked := "", 0
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		all, wrong := x.store.Versions(ctx, name)
		err = errors.Join(err, wrong)
		looked++
		if len(all) > 0 && all[0].NotBefore.After(newest.NotBefore) {
			newest, of = all[0], name
		}
	}
	restore := "put the damaged pieces, or the key, back from your backup (docs/stores.md); then: neverlapse store list"
	switch {
	case err != nil:
		return doctor.Bad(restore, "%s", inOneLine(err))
	case of == "":
		return doctor.Good("of the %d certificates looked at none has a version in it", looked)
	}
	if _, err := x.store.Pair(ctx, of, newest.Fingerprint); err != nil {
		return doctor.Bad(restore, "the newest version, %s of %s, does not open: %s", newest.Fingerprint.Short(), of, inOneLine(err))
	}
	return doctor.Good("the newest version of %d certificates, %s of %s, opens", looked, newest.Fingerprint.Short(), of)
}

// some gives names of certificates: the index knows them without going through the store.
func (x *examiner) some(ctx context.Context) ([]string, error) {
	if x.client != nil {
		names, _, err := x.certificates(ctx, everyCertificate+" AND `fingerprint` IS NOT NULL", mostNames)
		if err == nil {
			return names, nil
		}
	}
	names, err := x.store.Names(ctx)
	return names[:min(len(names), mostNames)], err
}

// What should be left on a disk, and of descriptors.
const (
	spaceWarns, spaceFails = 1 << 30, 100 << 20 // bytes
	filesWarn, filesFail   = 4096, 256
)

// machine looks at what the process has here.
func (x *examiner) machine() []doctor.Check {
	out := []doctor.Check{doctor.One(doctor.Files, "", func(context.Context) doctor.Finding { return descriptors() })}
	dirs := []string{x.config().Data}
	if dir, err := storeFolder(x.config()); err == nil && dir != "" {
		dirs = append(dirs, dir)
	}
	seen := map[uint64]bool{}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // the store's own check says it; a data folder that nothing needs is not made
		}
		if at, ok := info.Sys().(*syscall.Stat_t); ok {
			if seen[uint64(at.Dev)] {
				continue
			}
			seen[uint64(at.Dev)] = true
		}
		out = append(out, doctor.One(doctor.Disk, dir, func(context.Context) doctor.Finding { return space(dir) }))
	}
	return out
}

func space(dir string) doctor.Finding {
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return doctor.Bad("see whether the disk is there: df -h "+dir, "%s", inOneLine(err))
	}
	return left(dir, uint64(at.Bavail)*uint64(at.Bsize), uint64(at.Blocks)*uint64(at.Bsize))
}

// left judges what is left of a disk, in bytes.
func left(dir string, free, size uint64) doctor.Finding {
	share := 100 * float64(free) / float64(max(size, 1))
	found := fmt.Sprintf("%.1f GiB left, %.0f in a hundred", float64(free)/(1<<30), share)
	remedy := "make room: df -h " + dir + "; du -xsh " + dir + "/*"
	switch {
	case free < spaceFails || share < 2:
		return doctor.Bad(remedy, "%s", found)
	case free < spaceWarns || share < 10:
		return doctor.Doubtful(remedy, "%s", found)
	}
	return doctor.Good("%s", found)
}

func descriptors() doctor.Finding {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return doctor.Doubtful("ulimit -n", "the limit cannot be read: %s", inOneLine(err))
	}
	const remedy = "LimitNOFILE=65536 in the unit (systemctl edit neverlapse-worker), or before it is started: ulimit -n 65536"
	switch n := uint64(l.Cur); {
	case n < filesFail:
		return doctor.Bad(remedy, "%d files and connections may be open at once", n)
	case n < filesWarn:
		return doctor.Doubtful(remedy, "%d files and connections may be open at once", n)
	default:
		return doctor.Good("%d files and connections may be open at once", n)
	}
}
