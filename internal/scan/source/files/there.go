package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// Bounds of what a host may have us do, which may be hostile.
const (
	pagePatience = 4 * time.Minute // for a page of a host
	mostThere    = 500_000         // files of one host
	mostListing  = 64 << 20        // bytes that a host sends for the folders of a page
)

// lookThere looks at the next files of the hosts. A host that fails is a failed
// part, and the others go on.
func (s *Source) lookThere(ctx context.Context, t token, progress func(string)) (source.Page, error) {
	hosts := s.options.SSH.Hosts
	host, root := hosts[t.Host], s.roots[t.Root]
	progress("files of " + host + " below " + root)
	bounded, cancel := context.WithTimeout(ctx, pagePatience)
	defer cancel()
	out, next, err := s.lookAt(bounded, host, t)
	if ctx.Err() != nil {
		return source.Page{}, ctx.Err()
	}
	if err != nil {
		if bounded.Err() != nil {
			err = fmt.Errorf("it was not done within %s: %w", pagePatience, err)
		}
		out = source.Page{Failed: []source.Failure{{Places: place(host, ""), Why: scan.Clean(err.Error())}}}
		next = nil
	}
	out.About = strings.TrimSuffix(fmt.Sprintf("%s, %d of %d hosts; %s", host, t.Host+1, len(hosts), out.About), "; ")
	if next == nil && t.Host+1 < len(hosts) {
		next = &token{Host: t.Host + 1}
	}
	if next != nil {
		out.Next, err = json.Marshal(next)
		return out, err
	}
	return out, nil
}

// lookAt looks at a page of one host; next is nil after its last.
func (s *Source) lookAt(ctx context.Context, host string, t token) (out source.Page, next *token, err error) {
	at, err := s.options.SSH.at(host)
	if err != nil {
		return out, nil, fault.New(fault.Configuration, "%w", err)
	}
	m, err := reach(ctx, at)
	if err != nil {
		return out, nil, err
	}
	defer m.close()
	w := walk{ctx: ctx, tree: m, root: s.roots[t.Root], after: t.Last, skip: s.options.Skip, most: s.most}
	more, err := w.run()
	if err != nil {
		return out, nil, err
	}
	for _, f := range w.failed {
		out.Failed = append(out.Failed, source.Failure{Places: place(host, f.path), Why: scan.Clean(f.why)})
	}
	if t.Root == 0 && t.Last == "" {
		s.there.begin(host)
	}
	worth := m.worth(w.files)
	states, err := m.states(ctx, worth)
	if err != nil {
		return out, nil, err
	}
	now := s.scanner.Now()
	anew := slices.DeleteFunc(slices.Clone(worth), func(path string) bool {
		saw, same := s.there.same(host, path, states[path], now)
		out.Sightings = append(out.Sightings, saw...)
		return same
	})
	m.scanner, m.password, m.keystores = s.scanner, s.password, s.options.SSH.Keystores
	read, err := m.read(ctx, anew)
	if err != nil {
		return out, nil, err
	}
	f := survey.Files{Scanner: s.scanner, Recheck: recheck}
	for _, r := range read {
		saw, until := s.judge(&f, host, at.Host, r)
		if r.why == "" && !r.cut {
			s.there.keep(host, r.path, states[r.path], until, saw)
		}
		out.Sightings = append(out.Sightings, saw...)
	}
	out.Sightings = apart(out.Sightings)
	out.About = fmt.Sprintf("%d of %d files are read, the others are as they were", len(read), len(worth))
	out.Bound(place(host, ""))
	t.Met += len(w.files)
	switch {
	case t.Met > mostThere:
		return out, nil, fmt.Errorf("more than %d files; name smaller folders", mostThere)
	case more:
		return out, &token{Host: t.Host, Root: t.Root, Last: w.files[len(w.files)-1], Met: t.Met}, nil
	case t.Root+1 < len(s.roots):
		return out, &token{Host: t.Host, Root: t.Root + 1, Met: t.Met}, nil
	}
	s.there.end(host)
	return out, nil, nil
}

// judge gives what was seen in a file, and until when that counts while it is the same.
func (s *Source) judge(f *survey.Files, host, address string, r *fromHost) (out []source.Sighting, until time.Time) {
	if r.why != "" {
		return []source.Sighting{{Place: place(host, r.path), Host: address, Trouble: r.why}}, f.Until(scan.Contents{})
	}
	c, own := r.held, ""
	if len(r.chain) > 0 {
		c, _ = s.scanner.Read(r.chain, r.mode, "", nil) // else there is no certificate in it
		if len(c.Held) == 1 {
			var wrong []cert.Finding
			own, wrong = scan.Paired(c.Held[0].Chain[0], r.keys)
			c.Held[0].Findings = append(c.Held[0].Findings, wrong...)
		}
	}
	for _, x := range f.Judged(r.path, c, own) {
		x := sighting(host, x)
		x.Host = address
		out = append(out, x)
	}
	return out, f.Until(c)
}

// machine is a host for one page.
type machine struct {
	conn  *sshhost.Conn
	files *sftp.Client
	infos map[string]fs.FileInfo // of what was met
	hang  func() bool

	scanner   *scan.Scanner
	password  string // of keystores
	keystores bool   // those with keys are opened here
}

// reach connects; when ctx ends, nothing waits for the host any longer.
func reach(ctx context.Context, o sshhost.Options) (*machine, error) {
	conn, err := sshhost.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	m := &machine{conn: conn, infos: map[string]fs.FileInfo{}, hang: context.AfterFunc(ctx, func() { conn.Close() })}
	if m.files, err = m.listing(); err != nil {
		m.close()
		return nil, fault.New(fault.Configuration, "the host %s offers no SFTP to %s: %w; its sshd_config needs a Subsystem sftp", o.Address(), o.User, err)
	}
	return m, nil
}

// listing starts SFTP that takes no more from the host than is bounded.
func (m *machine) listing() (*sftp.Client, error) {
	s, err := m.conn.NewSession()
	if err != nil {
		return nil, err
	}
	if err := s.RequestSubsystem("sftp"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return sftp.NewClientPipe(io.LimitReader(out, mostListing), in)
}

func (m *machine) close() {
	m.hang()
	if m.files != nil {
		m.files.Close() // its errors are those of the connection
	}
	m.conn.Close() // what was read stands
}

// Walk walks through the folders of the host.
func (m *machine) Walk(root string, fn fs.WalkDirFunc) error {
	return fs.WalkDir(folders{m}, root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				m.infos[path] = info
			}
		}
		return fn(path, e, err)
	})
}

// Follow asks the host.
func (m *machine) Follow(path string) (string, fs.FileInfo, error) {
	real, err := m.files.RealPath(path)
	if err != nil {
		return "", nil, err
	}
	info, err := m.files.Stat(real)
	if err == nil {
		m.infos[path] = info
	}
	return real, info, err
}

// folders are those of a host as package fs walks through them.
type folders struct{ m *machine }

func (f folders) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

func (f folders) Stat(name string) (fs.FileInfo, error) { return f.m.files.Lstat(name) }

// ReadDir lists a folder.
func (f folders) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := f.m.files.ReadDir(name)
	out, strange := listed(name, all)
	return out, errors.Join(err, strange)
}

// listed gives entries in the order of their names. A name that leads elsewhere is
// none: the host may be hostile.
func listed(name string, all []fs.FileInfo) (out []fs.DirEntry, err error) {
	out = make([]fs.DirEntry, 0, len(all))
	for _, info := range all {
		n := info.Name()
		if n == "" || n == "." || n == ".." || strings.ContainsAny(n, "/\x00") {
			err = errors.Join(err, &fs.PathError{Op: "list", Path: name, Err: fmt.Errorf("the host gives %q for the name of a file", n)})
			continue
		}
		out = append(out, fs.FileInfoToDirEntry(info))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, err
}
