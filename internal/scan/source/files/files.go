// Package files is a source of the inventory: the certificates in files and
// folders of the machine on which the worker runs, or of hosts that are reached by
// SSH (PEM, DER, PKCS#12, JKS). app makes one of each section of kind files. How
// files are read and judged is package survey's; what did not change since this
// process looked last is not read again. No private key leaves a host, unless it is
// asked for that PKCS#12 keystores are opened over SSH.
package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// Kind is what the configuration calls it.
const Kind = "files"

// Bounds of a page.
const (
	filesOfPage = 300
	mostDeep    = 100
)

// Options are where to look.
type Options struct {
	Paths        []string `mapstructure:"paths"`         // files and folders; everything below folders counts
	Skip         []string `mapstructure:"skip"`          // folders below them that are left out
	Host         string   `mapstructure:"host"`          // name of this machine in places; empty: its own
	PasswordFile string   `mapstructure:"password_file"` // of PKCS#12 files, here or over SSH; empty: they have none
	SSH          SSH      `mapstructure:"ssh"`           // hosts whose files are meant; none: this machine's
}

// SSH are hosts whose files are looked at instead of this machine's.
type SSH struct {
	Hosts []string `mapstructure:"hosts"` // NAME or NAME:PORT
	// Keystores: PKCS#12 keystores are opened in the worker's memory, for which they
	// leave their host, sealed and with their keys. Else they are named only.
	Keystores       bool `mapstructure:"keystores"`
	sshhost.Account `mapstructure:",squash"`
}

// Validate refuses options that cannot work.
func (o Options) Validate() error {
	var errs []error
	if len(o.Paths) == 0 {
		errs = append(errs, errors.New("paths: there is none; name folders or files, like [/etc/ssl, /etc/nginx]"))
	}
	for key, paths := range map[string][]string{"paths": o.Paths, "skip": o.Skip} {
		for i, p := range paths {
			if !filepath.IsAbs(p) {
				errs = append(errs, fmt.Errorf("%s[%d]: %q is not absolute; begin it with /", key, i, p))
			}
		}
	}
	if len(o.SSH.Hosts) == 0 {
		if o.SSH.Account != (sshhost.Account{}) || o.SSH.Keystores {
			errs = append(errs, errors.New("ssh.hosts: there is none; name the hosts whose files are meant"))
		}
		return errors.Join(errs...)
	}
	if o.Host != "" {
		errs = append(errs, errors.New("host is for the files of this machine; leave it out beside ssh"))
	}
	if o.PasswordFile != "" && !o.SSH.Keystores {
		errs = append(errs, errors.New("password_file opens PKCS#12 keystores, which are left on hosts that are reached by ssh; leave it out, or say ssh.keystores: true to have them opened in the worker's memory"))
	}
	for i, h := range o.SSH.Hosts {
		at, err := o.SSH.at(h)
		if err == nil {
			err = at.Validate()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("ssh.hosts[%d]: %w", i, err))
		}
		if slices.Contains(o.SSH.Hosts[:i], h) {
			errs = append(errs, fmt.Errorf("ssh.hosts[%d]: %q stands there twice", i, h))
		}
	}
	return errors.Join(errs...)
}

// at is how one of the hosts is reached.
func (o SSH) at(host string) (sshhost.Options, error) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return sshhost.Options{Host: host, Account: o.Account}, nil
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return sshhost.Options{}, fmt.Errorf("%q: the port is no number", host)
	}
	return sshhost.Options{Host: name, Port: n, Account: o.Account}, nil
}

// Source looks at files.
type Source struct {
	options  Options
	roots    []string
	password string
	scanner  *scan.Scanner
	mu       sync.Mutex // one page at a time uses the cache
	cache    *survey.Cache
	there    known // of hosts
	most     int   // files of a page
}

// recheck is how long at most what was found in a file counts while the file is the
// same: the roots are those with which this process began.
const recheck = 7 * 24 * time.Hour

// New makes it. The scanner judges what is found.
func New(o Options, scanner *scan.Scanner) (*Source, error) {
	s := &Source{options: o, scanner: scanner, cache: survey.NewCache("files"), most: filesOfPage}
	if o.PasswordFile != "" {
		text, err := os.ReadFile(o.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
		s.password = strings.TrimRight(string(text), "\r\n")
	}
	if s.options.Host == "" && len(o.SSH.Hosts) == 0 {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("host: this machine does not know its name: %w; write one", err)
		}
		s.options.Host = name
	}
	for _, p := range o.Paths {
		p = filepath.Clean(p)
		if !slices.ContainsFunc(o.Paths, func(other string) bool { return below(p, filepath.Clean(other)) }) && !slices.Contains(s.roots, p) {
			s.roots = append(s.roots, p)
		}
	}
	return s, nil
}

// below reports whether a path lies below a folder.
func below(path, folder string) bool {
	return path != folder && strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// token says where a run is: on which of the hosts, in which of the paths, and
// behind which file.
type token struct {
	Host int    `json:"host,omitempty"`
	Root int    `json:"root"`
	Last string `json:"last,omitempty"`
	Met  int    `json:"met,omitempty"` // files of the host so far
}

// Look looks at the next files.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	var t token
	if page != nil {
		if err := json.Unmarshal(page, &t); err != nil || t.Root < 0 || t.Root >= len(s.roots) || t.Host < 0 || t.Host > max(0, len(s.options.SSH.Hosts)-1) {
			return source.Page{}, fault.New(fault.Invalid, "the page token %q means nothing; the paths may have been changed", page)
		}
	}
	if len(s.options.SSH.Hosts) > 0 {
		return s.lookThere(ctx, t, progress)
	}
	root := s.roots[t.Root]
	progress("files below " + root)
	w := walk{ctx: ctx, tree: here{}, root: root, after: t.Last, skip: s.options.Skip, most: s.most}
	more, err := w.run()
	if err != nil {
		return source.Page{}, err
	}
	out := source.Page{About: fmt.Sprintf("%s, %d of %d", root, t.Root+1, len(s.roots))}
	for _, f := range w.failed {
		out.Failed = append(out.Failed, source.Failure{Places: place(s.options.Host, f.path), Why: scan.Clean(f.why)})
	}
	if out.Sightings, err = s.look(ctx, w.files); err != nil {
		return source.Page{}, err
	}
	out.Bound(place(s.options.Host, ""))
	switch {
	case more:
		t.Last = w.files[len(w.files)-1]
	case t.Root+1 < len(s.roots):
		t = token{Root: t.Root + 1}
	default:
		s.cache.Forget(s.scanner.Now())
		return out, nil
	}
	out.Next, err = json.Marshal(t)
	return out, err
}

func place(host, path string) string { return "file:" + scan.Clean(host) + ":" + printable(path) }

// printable keeps names of files apart that cannot be shown as they are.
func printable(path string) string {
	if clean := scan.Clean(path); clean == path && len(path) < source.MaxPlace/2 {
		return path
	}
	return fmt.Sprintf("%.200s~%s", scan.Clean(path), cert.FingerprintOfDER([]byte(path)).Short())
}

// look reads files and gives what is in them.
func (s *Source) look(ctx context.Context, paths []string) ([]source.Sighting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []source.Sighting
	f := survey.Files{Scanner: s.scanner, Password: s.password, Recheck: recheck, Cache: s.cache, Found: func(x survey.Found) { out = append(out, sighting(s.options.Host, x)) }}
	if err := f.Look(ctx, paths); err != nil {
		return nil, err
	}
	return apart(out), nil
}

// apart gives each place its own name: several certificates of one file may belong
// to no entry.
func apart(out []source.Sighting) []source.Sighting {
	met := map[string]int{}
	slices.SortStableFunc(out, func(a, b source.Sighting) int { return strings.Compare(a.Place, b.Place) })
	for i := range out {
		met[out[i].Place]++
		if n := met[out[i].Place]; n > 1 {
			out[i].Place += fmt.Sprintf("!%d", n)
		}
	}
	return out
}

func sighting(host string, x survey.Found) source.Sighting {
	out := source.Sighting{Place: place(host, x.Place.Where), Host: host, Version: x.Version, Findings: x.Findings}
	if x.Place.Alias != "" {
		out.Place += "!" + printable(x.Place.Alias)
	}
	if !x.Seen() {
		out.Trouble, out.Findings = "it cannot be read", nil
		if len(x.Findings) > 0 {
			out.Trouble = x.Findings[0].What
		}
	}
	return out
}

// walk finds the next files below a path, in one order each time.
type walk struct {
	ctx    context.Context
	tree   tree
	root   string
	after  string
	skip   []string
	most   int // files
	files  []string
	failed []trouble
}

type trouble struct{ path, why string }

// tree is what is walked through.
type tree interface {
	// Walk is as filepath.WalkDir.
	Walk(root string, fn fs.WalkDirFunc) error
	// Follow gives where a link leads, and what is there.
	Follow(path string) (real string, info fs.FileInfo, err error)
}

// here are the files of this machine.
type here struct{}

func (here) Walk(root string, fn fs.WalkDirFunc) error { return filepath.WalkDir(root, fn) }

func (here) Follow(path string) (string, fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(real)
	return real, info, err
}

// run tells whether there are more.
func (w *walk) run() (more bool, err error) {
	err = w.tree.Walk(w.root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case w.ctx.Err() != nil:
			return w.ctx.Err()
		case err != nil:
			if w.after == "" || order(path, w.after) > 0 {
				w.fail(path, err)
			}
			return nil
		case e.IsDir() && (w.left(path) || path != w.root && order(path, w.after) < 0 && !below(w.after, path)):
			return fs.SkipDir
		case e.IsDir() || w.after != "" && order(path, w.after) <= 0:
			return nil
		case path == w.root && e.Type()&fs.ModeSymlink != 0:
			return w.link(path)
		case !e.Type().IsRegular():
			return nil
		case len(w.files) == w.most:
			more = true
			return fs.SkipAll
		}
		w.files = append(w.files, path)
		return nil
	})
	return more, err
}

// link follows a path that was given; those below folders are not followed.
func (w *walk) link(path string) error {
	real, info, err := w.tree.Follow(path)
	switch {
	case err != nil:
		w.fail(path, err)
	case info.IsDir():
		w.fail(path, fmt.Errorf("it is a link to the folder %s; name that", real))
	default:
		w.files = append(w.files, path)
	}
	return nil
}

// left reports whether a folder is left out.
func (w *walk) left(path string) bool {
	return slices.ContainsFunc(w.skip, func(s string) bool { return filepath.Clean(s) == path }) ||
		slices.Contains([]string{"/proc", "/sys", "/dev"}, path) || strings.Count(strings.TrimPrefix(path, w.root), "/") > mostDeep
}

func (w *walk) fail(path string, err error) {
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if len(w.failed) < source.MostFailed {
		w.failed = append(w.failed, trouble{path, err.Error()})
	}
}

// order is that in which a walk meets paths.
func order(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}
