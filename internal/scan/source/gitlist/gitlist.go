// Package gitlist is the source of the kind git-list: endpoints that a list in a
// Git repository names, one a line, as `neverlapse scan` reads them. app builds it
// from the options.
//
// It runs the program git, which knows every way to a repository that the
// worker's user has; the list is fetched once for a run and only if it changed.
// How endpoints are asked is package endpoints'. It writes nothing to the
// repository and checks nothing out.
package gitlist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/endpoints"
)

// Kind is the name of the kind in configurations.
const Kind = "git-list"

// Source is one list.
type Source struct {
	name    string
	options Options
	judge   *scan.Scanner
	dir     string
	one     sync.Mutex // git locks its files
}

// New makes a source of the kind git-list. dir is a folder of its own, for what it
// may lose. It runs nothing.
func New(name string, o Options, judge *scan.Scanner, dir string) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	return &Source{name: name, options: o, judge: judge, dir: dir}, nil
}

// token says where a run goes on: in the list as it was at a commit.
type token struct {
	Commit string          `json:"commit"`
	Page   json.RawMessage `json:"page"` // of package endpoints
}

// Look asks the next endpoints of the list.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	out, err := s.look(ctx, page, progress)
	if err != nil {
		return source.Page{}, fmt.Errorf("source %q: %w", s.name, err)
	}
	return out, nil
}

func (s *Source) look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	var t token
	if page != nil {
		if err := json.Unmarshal(page, &t); err != nil || !isCommit(t.Commit) || t.Page == nil {
			return source.Page{}, fault.New(fault.Invalid, "the page %.80q means nothing any more; begin anew", page)
		}
	}
	list, commit, err := s.list(ctx, t.Commit, progress)
	if err != nil {
		return source.Page{}, err
	}
	asked := endpoints.Options{ListFile: list, Ports: s.options.Ports, Networks: s.options.Networks}
	out, err := endpoints.New(asked, s.judge).Look(ctx, t.Page, progress)
	if err != nil {
		return out, s.called(err, list, commit)
	}
	out.About = fmt.Sprintf("%s at %.12s: %s", s.options.File, commit, out.About)
	if out.Next != nil {
		out.Next, err = json.Marshal(token{commit, out.Next})
	}
	return out, err
}

// called names the file of the repository where package endpoints names ours.
func (s *Source) called(err error, list, commit string) error {
	text := strings.NewReplacer("list_file: ", "", list, fmt.Sprintf("%s at %.12s", s.options.File, commit)).Replace(err.Error())
	if kind := fault.KindOf(err); kind != fault.Transient {
		return fault.New(kind, "%s", text)
	}
	return err
}

// list gives the path of the list as it is at a commit; an empty one is the
// present one.
func (s *Source) list(ctx context.Context, commit string, progress func(string)) (path, at string, err error) {
	s.one.Lock()
	defer s.one.Unlock()
	if path := s.at(commit); commit != "" && exists(path) {
		return path, commit, nil
	}
	progress("fetching " + s.options.ref())
	head, err := s.fetch(ctx)
	if err != nil {
		return "", "", err
	}
	if commit != "" && commit != head {
		return "", "", fault.New(fault.Invalid, "the list has changed since %.12s, where this run began, and this machine did not see that; begin anew", commit)
	}
	if path := s.at(head); exists(path) {
		return path, head, nil
	}
	text, err := s.blob(ctx, head)
	if err != nil {
		return "", "", err
	}
	return s.at(head), head, s.keep(head, text)
}

func (s *Source) at(commit string) string { return filepath.Join(s.dir, commit+".list") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// keep writes the list of a commit, and forgets those of others but the last.
func (s *Source) keep(commit string, text []byte) error {
	old, err := filepath.Glob(filepath.Join(s.dir, "*.list"))
	if err != nil {
		return err
	}
	draft := s.at(commit) + ".draft"
	if err := errors.Join(os.WriteFile(draft, text, 0o600), os.Rename(draft, s.at(commit))); err != nil {
		return err
	}
	if len(old) > keepLists { // a run may still be at one of them; it then begins anew
		for _, path := range old {
			_ = os.Remove(path) // it is in nobody's way
		}
	}
	return nil
}

const keepLists = 20
