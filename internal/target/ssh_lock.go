package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	// lockMargin is what an operation may take beside its commands before its lock
	// ends though nobody released it.
	lockMargin = 10 * time.Minute
	// flock(1) exits with this when the lock could not be had in time.
	exitLockTaken = 1
)

// lock takes the kernel's lock on each directory through flock(1) on the host:
// the same that a worker there takes. It is held by a process that reads from
// us, so it ends when we, the connection or the host die; and after a while in
// any case, for a connection that hangs half open.
func (r *remote) lock(ctx context.Context, dirs []string) (unlock func(), err error) {
	order, err := r.lockOrder(ctx, dirs)
	if err != nil {
		return nil, err
	}
	var argv []string
	for _, dir := range order {
		argv = append(argv, "flock", "-w", strconv.Itoa(int(lockWait.Seconds())), dir)
	}
	hold := int((lockMargin + 3*r.options.timeout()).Seconds())
	argv = append(argv, "sh", "-c", "echo locked && exec timeout "+strconv.Itoa(hold)+" cat")
	bounded, cancel := context.WithTimeout(ctx, lockWait*time.Duration(len(order))+overdue)
	defer cancel()
	s, err := r.start(bounded, script(argv), false)
	if err != nil {
		return nil, r.explain(fmt.Errorf("lock on %s: %w", r.options.Host, err))
	}
	select {
	case <-s.spoke:
		return func() { r.unlock(s) }, nil
	case status, ok := <-s.status:
		s.Close()
		if ok && status == exitLockTaken {
			return nil, fault.New(fault.Unavailable, "another process on %s holds the lock on one of %s (see lslocks there)", r.options.Host, strings.Join(order, ", "))
		}
		<-s.copied
		return nil, r.explain(fault.New(fault.Configuration, "no lock on %s: exit status %d: %s; the host needs flock and timeout (util-linux and coreutils, or busybox)", r.options.Host, status, s.out.text()))
	case <-bounded.Done():
		s.Close()
		return nil, fault.New(fault.Unavailable, "no lock on %s: %w", r.options.Host, context.Cause(bounded))
	}
}

// unlock lets the process end, and waits for it so that the next finds no lock.
func (r *remote) unlock(s *session) {
	defer s.Close()
	if err := s.channel.CloseWrite(); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), overdue)
	defer cancel()
	_, _ = s.wait(ctx) // a lock that outlives us ends with the connection
}

// lockOrder sorts the directories as a worker on the host does, each once
// however it is named.
func (r *remote) lockOrder(ctx context.Context, dirs []string) ([]string, error) {
	for _, dir := range dirs {
		if _, err := r.folder(dir); err != nil {
			return nil, directoryFault(dir, r.whoami(), err)
		}
	}
	res := r.run(ctx, append([]string{"stat", "-L", "-c", "%d %i", "--"}, dirs...), defaultTimeout)
	lines := strings.Split(strings.TrimSpace(res.output), "\n")
	if res.ok() && len(lines) != len(dirs) {
		res.err = fmt.Errorf("%d lines for %d directories", len(lines), len(dirs))
	}
	if !res.ok() {
		if err := interrupted(ctx); err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Configuration, "%s does not tell which directories are the same: %w", r.options.Host, res)
	}
	type numbered struct {
		inode
		dir string
	}
	var all []numbered
	for i, line := range lines {
		n := numbered{dir: dirs[i]}
		if _, err := fmt.Sscan(line, &n.dev, &n.ino); err != nil {
			return nil, fault.New(fault.Configuration, "stat on %s says %q: %w", r.options.Host, line, err)
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Or(cmp.Compare(a.dev, b.dev), cmp.Compare(a.ino, b.ino)) })
	all = slices.CompactFunc(all, func(a, b numbered) bool { return a.inode == b.inode })
	var out []string
	for _, n := range all {
		out = append(out, n.dir)
	}
	return out, nil
}
