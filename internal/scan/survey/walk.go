package survey

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// Bounds of a walk through folders.
const (
	mostFiles = 5_000_000
	mostDeep  = 100
)

// Files looks at files and at everything below folders. Links below a folder are
// not followed, so that nothing is looked at twice and nobody leads the walk
// elsewhere; a path that is given may be one.
type Files struct {
	Scanner  *scan.Scanner
	Password string      // of PKCS#12 files
	Names    []string    // that certificates have to cover; none: nobody said
	Cache    *Cache      // of files that did not change; nil: none
	Found    func(Found) // called by one goroutine at a time
	Done     func()      // called after each file, likewise; may be nil
	// Recheck is how long at most what was found counts without looking again, for
	// roots change, too; 0: a day.
	Recheck time.Duration

	Count Counts

	mu    sync.Mutex
	links links
	near  []file // of one folder, to be looked at by the same goroutine
	todo  chan []file
}

// Counts say how far a walk came.
type Counts struct {
	Files     int `json:"files"`     // that were met
	Unchanged int `json:"unchanged"` // of these, known from the last time
	Passed    int `json:"passed"`    // of these, no certificates by name and first bytes
}

type file struct {
	path   string
	given  bool          // by the user, not met in a folder
	entry  os.DirEntry   // of its folder; nil: that was not listed
	beside []os.DirEntry // what is in its folder, by name; nil: that was not listed
}

// there reports whether something may be at a path: what was not listed may be anywhere.
func (x file) there(path string) bool {
	if x.beside == nil || filepath.Dir(path) != filepath.Dir(x.path) {
		return true
	}
	_, ok := slices.BinarySearchFunc(x.beside, filepath.Base(path), func(e os.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
	return ok
}

// Walk returns when everything was looked at, or with the context's error.
func (f *Files) Walk(ctx context.Context, paths []string) error {
	f.each(func() {
		for _, p := range paths {
			f.enter(ctx, p)
		}
	})
	return ctx.Err()
}

// Look looks at regular files as if they had been met below a folder: one that
// holds no certificate by its name and its first bytes is passed over.
func (f *Files) Look(ctx context.Context, paths []string) error {
	f.each(func() {
		for _, p := range paths {
			if ctx.Err() == nil {
				f.meet(file{path: p})
			}
		}
	})
	return ctx.Err()
}

// together is how many files one goroutine looks at in a row: neighbours often hold
// the same certificates, and what was found of the first is known for the next.
const together = 16

// each looks at what is met meanwhile.
func (f *Files) each(meet func()) {
	f.todo = make(chan []file, 16)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for near := range f.todo {
				for _, one := range near {
					f.one(one)
				}
			}
		})
	}
	meet()
	f.hand()
	close(f.todo)
	all.Wait()
}

// enter begins with a path that was given.
func (f *Files) enter(ctx context.Context, path string) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		f.unread(path, err)
		return
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		f.unread(path, err)
	case info.IsDir():
		f.folder(ctx, real, 0)
	case !info.Mode().IsRegular():
		f.unread(path, fmt.Errorf("it is no regular file (%s), so it is not read", info.Mode().Type()))
	default:
		f.meet(file{path: real, given: true})
	}
}

// skipped are the file systems that are no files.
var skipped = []string{"/proc", "/sys", "/dev"}

func (f *Files) folder(ctx context.Context, path string, depth int) {
	if slices.Contains(skipped, path) {
		return
	}
	if depth > mostDeep {
		f.unread(path, fmt.Errorf("folders more than %d deep are not looked into", mostDeep))
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		f.unread(path, err)
	}
	for _, e := range entries {
		below := filepath.Join(path, e.Name())
		switch {
		case ctx.Err() != nil:
			return
		case e.IsDir():
			f.folder(ctx, below, depth+1)
		case e.Type().IsRegular() && f.Count.Files < mostFiles:
			f.meet(file{path: below, entry: e, beside: entries})
		case e.Type().IsRegular():
			f.unread(path, fmt.Errorf("more than %d files; name smaller folders", mostFiles))
			return
		}
	}
	f.hand()
}

// meet counts a file and has it looked at with its neighbours.
func (f *Files) meet(x file) {
	f.Count.Files++
	if f.near = append(f.near, x); len(f.near) == together {
		f.hand()
	}
}

// hand has the files that were met looked at.
func (f *Files) hand() {
	if len(f.near) > 0 {
		f.todo <- f.near
		f.near = nil
	}
}

// tell gives what was found; the lock is held.
func (f *Files) tell(all []Found) {
	for _, x := range all {
		f.Found(x)
	}
	if f.Done != nil {
		f.Done()
	}
}

func (f *Files) unread(path string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell([]Found{unreadable(path, err)})
}

func unreadable(path string, err error) Found {
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return Found{Place: Place{Kind: File, Where: path}, Findings: []cert.Finding{cert.Find(cert.FileUnreadable, scan.Clean(err.Error()))}}
}

// one takes from the cache what a file held, if it did not change, or reads it.
func (f *Files) one(x file) {
	if known, ok := f.Cache.unchanged(x.path, x.entry, f.Scanner.Now()); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.Count.Unchanged++
		f.tell(known)
		return
	}
	named := NamedSo(x.path)
	data, info, ok, err := scan.Opened(x.path, func(head []byte) bool { return named || x.given || beginsSo(head) })
	var out []Found
	var keys []scan.KeyFile
	until := f.Until(scan.Contents{})
	if ok && err == nil {
		out, keys, until, err = f.read(x, data, info.Mode())
	}
	unknown := errors.Is(err, scan.ErrNoCertificate) || errors.Is(err, scan.ErrNothing) && !named
	if (named || x.given) && err != nil && !(unknown && !x.given) {
		out = append(out, unreadable(x.path, err))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !ok {
		f.Count.Passed++
	}
	f.Cache.keep(x.path, info, until, out, keys)
	f.tell(out)
}

// read judges what a file holds, with the keys that lie beside it, and tells until
// when that can be said.
func (f *Files) read(x file, data []byte, mode os.FileMode) (out []Found, keys []scan.KeyFile, until time.Time, err error) {
	c, err := f.Scanner.Read(data, mode, f.Password, f.Names)
	own, keys := c.Beside(x.path, x.there)
	return f.Judged(x.path, c, own), keys, f.Until(c), err
}

// Until is when what was found in a file has to be looked at again, though the file
// is the same: a date of it passes.
func (f *Files) Until(c scan.Contents) time.Time {
	until := f.Scanner.Now().Add(cmp.Or(f.Recheck, 24*time.Hour))
	for _, h := range c.Held {
		until = nextChange(until, f.Scanner.Now(), h.Chain)
	}
	return until
}

// Judged is what was found in a file; own is where its private key lies, if that
// is elsewhere.
func (f *Files) Judged(path string, c scan.Contents, own string) (out []Found) {
	for _, h := range c.Held {
		p := Place{Kind: File, Where: path, Alias: h.Alias, Format: h.Format, Key: scan.Clean(own)}
		out = append(out, Found{Place: p, Version: scan.Kept(cert.VersionOf(h.Chain[0])), Chain: f.links.of(h.Chain), Findings: told(h)})
	}
	for _, u := range c.Unreadable {
		p := Place{Kind: File, Where: path}
		if u.Outline.NotAfter.IsZero() {
			out = append(out, Found{Place: p, Findings: []cert.Finding{cert.Find(cert.FileUnreadable, u.Why)}})
			continue
		}
		out = append(out, outlined(p, u.Outline, []cert.Finding{cert.Find(cert.CertificateUnreadable, u.Why)}))
	}
	return out
}

// ofCAs are the findings that say something about a CA's certificate in a file,
// which nobody expects to be a server's.
var ofCAs = []cert.FindingCode{
	cert.Expired, cert.NotYetValid, cert.WeakKey, cert.WeakSignature, cert.KeyMismatch, cert.KeyExposed, cert.CertificateUnreadable,
	cert.Revoked, cert.RevocationUnknown, cert.UnwantedCA, cert.LintError, cert.LintWarning,
}

func told(h scan.Held) []cert.Finding {
	if !h.Chain[0].IsCA {
		return h.Findings
	}
	return slices.DeleteFunc(h.Findings, func(f cert.Finding) bool { return !slices.Contains(ofCAs, f.Code) })
}

// nextChange is when a date of the chain passes, which changes what is wrong.
func nextChange(until, now time.Time, chain []*x509.Certificate) time.Time {
	for _, c := range chain {
		for _, at := range []time.Time{c.NotBefore, c.NotAfter} {
			if at.After(now) && at.Before(until) {
				until = at
			}
		}
	}
	return until
}

// ends are those of files that hold certificates by their names.
var ends = map[string]bool{
	".pem": true, ".crt": true, ".cer": true, ".cert": true, ".der": true, ".p12": true, ".pfx": true, ".jks": true, ".keystore": true, ".truststore": true,
}

// NamedSo reports whether a file is said to hold certificates by its name.
func NamedSo(path string) bool { return ends[strings.ToLower(filepath.Ext(path))] }

// beginsSo tells certificates and keystores by their first bytes.
func beginsSo(head []byte) bool {
	switch {
	case len(head) < 4:
		return false
	case bytes.Contains(head, []byte("-----BEGIN ")):
		return true
	}
	long := head[0] == 0x30 && (head[1] == 0x82 || head[1] == 0x83)
	java := bytes.HasPrefix(head, []byte{0xfe, 0xed, 0xfe, 0xed})
	return long || java
}
