package survey

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// Cache knows what files held the last time, and which endpoints did not answer.
// A file counts as unchanged while device, inode, size, and the times of its last
// writing and last change are the same. It holds no key. Its methods do nothing
// on nil.
type Cache struct {
	mu       sync.Mutex
	key      string // of everything else that what was found depends on
	files    map[string]*entry
	Suspects map[string]bool
}

type entry struct {
	id    identity
	keys  map[string]identity // of the private keys that lie beside it
	until time.Time
	found []Found
}

// identity tells a file from what it was before.
type identity struct {
	Device, Inode    uint64
	Size             int64
	Written, Changed int64 // ns
}

func identityOf(info fs.FileInfo) (identity, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{uint64(s.Dev), s.Ino, s.Size, s.Mtim.Nano(), s.Ctim.Nano()}, true
}

// NewCache is empty. The key says what the findings depend on beside the files:
// what was kept under another one counts for nothing.
func NewCache(key string) *Cache {
	return &Cache{key: key, files: map[string]*entry{}, Suspects: map[string]bool{}}
}

// unchanged gives what a file held the last time, if it is still the same.
func (c *Cache) unchanged(path string, e fs.DirEntry, now time.Time) ([]Found, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	known := c.files[path]
	c.mu.Unlock()
	if known == nil || !now.Before(known.until) {
		return nil, false
	}
	var info fs.FileInfo
	var err error
	if e != nil {
		info, err = e.Info()
	} else {
		info, err = os.Lstat(path)
	}
	if err != nil {
		return nil, false
	}
	if id, ok := identityOf(info); !ok || id != known.id || !known.keyed() {
		return nil, false
	}
	return known.found, true
}

// keyed reports whether the keys beside the file are those that they were.
func (e *entry) keyed() bool {
	for path, was := range e.keys {
		info, err := os.Lstat(path)
		if err != nil {
			return false
		}
		if id, ok := identityOf(info); !ok || id != was {
			return false
		}
	}
	return true
}

// unsettled is how fresh a file may be without being kept: it may be written once
// more within the same tick of the file system's clock.
const unsettled = 50 * time.Millisecond

func (c *Cache) keep(path string, info fs.FileInfo, until time.Time, found []Found, beside []scan.KeyFile) {
	if c == nil || info == nil {
		return
	}
	id, ok := identityOf(info)
	if !ok || time.Since(time.Unix(0, id.Changed)) < unsettled {
		return
	}
	var keys map[string]identity
	for _, k := range beside {
		id, ok := identityOf(k.Info)
		if !ok || time.Since(time.Unix(0, id.Changed)) < unsettled {
			return
		}
		if keys == nil {
			keys = map[string]identity{}
		}
		keys[k.Path] = id
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[path] = &entry{id: id, keys: keys, until: until, found: found}
}

// stored is the file of a cache. Certificates stand in it once.
type stored struct {
	Key      string
	Suspects []string
	Links    []*cert.Link
	Versions []cert.Version
	Files    []storedFile
}

type storedFile struct {
	Path  string
	ID    identity
	Keys  map[string]identity `json:",omitempty"`
	Until time.Time
	Found []storedFound `json:",omitempty"`
}

type storedFound struct {
	Place    Place
	Version  int             // its place in Versions; -1: none
	Chain    []int           // their places in Links
	Findings []storedFinding `json:",omitempty"`
}

type storedFinding struct {
	Code cert.FindingCode
	What string
}

// LoadCache reads a cache; without a file, or kept under another key, it is empty.
func LoadCache(path, key string) (*Cache, error) {
	c := NewCache(key)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	var s stored
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; a cache may be removed at any time", err)
	}
	if s.Key == key {
		s.into(c)
	}
	return c, nil
}

func (s stored) into(c *Cache) {
	for _, name := range s.Suspects {
		c.Suspects[name] = true
	}
	for _, f := range s.Files {
		e := &entry{id: f.ID, keys: f.Keys, until: f.Until}
		for _, x := range f.Found {
			one := Found{Place: x.Place}
			if x.Version >= 0 && x.Version < len(s.Versions) {
				one.Version = s.Versions[x.Version]
			}
			for _, i := range x.Chain {
				if i >= 0 && i < len(s.Links) {
					one.Chain = append(one.Chain, s.Links[i])
				}
			}
			for _, y := range x.Findings {
				one.Findings = append(one.Findings, cert.Find(y.Code, y.What))
			}
			e.found = append(e.found, one)
		}
		c.files[f.Path] = e
	}
}

// Forget drops what counts no more: sooner or later that of every file which is gone.
func (c *Cache) Forget(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.files, func(_ string, e *entry) bool { return !now.Before(e.until) })
}

// Save writes the cache in place of the one before, for its owner alone.
func (c *Cache) Save(path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, err := json.Marshal(c.stored())
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".neverlapse-cache-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (c *Cache) stored() stored {
	s := stored{Key: c.key}
	for name := range c.Suspects {
		s.Suspects = append(s.Suspects, name)
	}
	links, versions := map[*cert.Link]int{}, map[cert.Fingerprint]int{}
	for path, e := range c.files {
		f := storedFile{Path: path, ID: e.id, Keys: e.keys, Until: e.until}
		for _, x := range e.found {
			one := storedFound{Place: x.Place, Version: -1}
			if x.Seen() {
				one.Version = place(versions, x.Version.Fingerprint, &s.Versions, x.Version)
			}
			for _, l := range x.Chain {
				one.Chain = append(one.Chain, place(links, l, &s.Links, l))
			}
			for _, y := range x.Findings {
				one.Findings = append(one.Findings, storedFinding{y.Code, y.What})
			}
			f.Found = append(f.Found, one)
		}
		s.Files = append(s.Files, f)
	}
	return s
}

// place gives the index of a value in a list, into which it is put once.
func place[K comparable, V any](known map[K]int, key K, list *[]V, value V) int {
	i, ok := known[key]
	if !ok {
		i = len(*list)
		known[key] = i
		*list = append(*list, value)
	}
	return i
}
