package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// mostKnown bounds the files of all hosts of which is kept what was in them.
const mostKnown = 500_000

// mark is a short digest of a text.
type mark [16]byte

func markOf(text string) mark {
	sum := sha256.Sum256([]byte(text))
	return mark(sum[:16])
}

// known is what the files of hosts held when this process looked last. It holds no
// key, and nothing but what was told of a file.
type known struct {
	mu    sync.Mutex
	hosts map[string]map[mark]*entry // by path
	n     int
}

type entry struct {
	state mark // of the file, and of the files at which its key may lie
	until time.Time
	saw   []source.Sighting
	met   bool // in this run
}

// begin begins a run through the files of a host.
func (k *known) begin(host string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.hosts[host] {
		e.met = false
	}
}

// end ends it: what this run did not meet is forgotten.
func (k *known) end(host string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for path, e := range k.hosts[host] {
		if !e.met {
			delete(k.hosts[host], path)
			k.n--
		}
	}
}

// same gives what was in a file, if it is still the same and that still counts.
func (k *known) same(host, path string, state mark, now time.Time) ([]source.Sighting, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.hosts[host][markOf(path)]
	if e == nil || e.state != state || !now.Before(e.until) {
		return nil, false
	}
	e.met = true
	return e.saw, true
}

// keep takes in what is in a file; of one without a state nothing is kept.
func (k *known) keep(host, path string, state mark, until time.Time, saw []source.Sighting) {
	if state == (mark{}) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hosts == nil {
		k.hosts = map[string]map[mark]*entry{}
	}
	if k.hosts[host] == nil {
		k.hosts[host] = map[mark]*entry{}
	}
	name := markOf(path)
	if k.hosts[host][name] == nil {
		if k.n >= mostKnown {
			return
		}
		k.n++
	}
	k.hosts[host][name] = &entry{state: state, until: until, saw: saw, met: true}
}

// settled is how long ago, by the host's own clock, a file has to have changed last:
// another change within the same second may not show.
const settled = 2 // seconds

// states asks the host what tells each file from what it was before: device, inode,
// size, mode and times of it, and of the files at which its key may lie. A file that
// changed just now, or that the host does not tell of (without stat, or a link), has none.
func (m *machine) states(ctx context.Context, paths []string) (map[string]mark, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	var script strings.Builder
	in := rand.Text()
	fmt.Fprintf(&script, "s() { echo %s $1; shift; timeout -k 2 20 stat -c '%%Z %%f %%s %%Y %%d:%%i:%%y:%%z' -- \"$@\" 2>/dev/null; }\n", in)
	fmt.Fprintf(&script, "echo %s 0; date +%%s\n", in)
	for i, p := range paths {
		fmt.Fprintf(&script, "s %d", i+1)
		for _, name := range append([]string{p}, scan.KeyNames(p)...) {
			script.WriteString(" " + sshhost.Quote(name))
		}
		script.WriteString("\n")
	}
	said, err := m.run(ctx, script.String())
	if err != nil {
		return nil, err
	}
	parts := sections(said, in, len(paths)+1)
	now, err := strconv.ParseInt(strings.TrimSpace(parts[0]), 10, 64)
	if err != nil {
		return nil, nil
	}
	out := map[string]mark{}
	for i, p := range paths {
		if state := parts[i+1]; steady(state, now, m.infos[p]) {
			out[p] = markOf(state)
		}
	}
	return out, nil
}

// steady reports whether lines of stat tell first of the file that was listed, and of
// nothing that changed just now.
func steady(lines string, now int64, listed fs.FileInfo) bool {
	for i, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		changed, rest, _ := strings.Cut(line, " ")
		at, err := strconv.ParseInt(changed, 10, 64)
		if err != nil || now-at < settled {
			return false
		}
		stat, ok := listed.Sys().(*sftp.FileStat)
		if i == 0 && (!ok || !strings.HasPrefix(rest, fmt.Sprintf("%x %d %d ", stat.Mode, stat.Size, stat.Mtime))) {
			return false
		}
	}
	return true
}
