package main

import (
	"context"
	"io"
	"log"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// silent takes what servers say about broken connections.
var silent = log.New(io.Discard, "", 0)

// stage is the world of the demo, and who watches it.
type stage struct {
	*harness.World
	console *console
	sites   map[string]*site // by host
	close   func()
	ui      string // URL of the Temporal Web UI
	seen    *watcher

	mu   sync.Mutex
	made map[cert.Fingerprint]bool // those that the demo itself put somewhere
}

// Close ends everything that runs.
func (s *stage) Close() {
	s.World.Close()
	s.close()
}

// raise builds the world in dir (CA, sites, stand-ins, configuration) and starts
// the worker.
func raise(ctx context.Context, c *console, o options, bins harness.Binaries, dir string) (*stage, error) {
	s := &stage{console: c, made: map[cert.Fingerprint]bool{}}
	places, err := lay(dir, o.noNginx)
	if err != nil {
		return nil, err
	}
	h := harness.Options{Dir: dir, Binaries: bins, Policies: policies(), Nginx: places.nginx, NoNginx: len(places.nginx.Servers) == 0, Targets: places.targets}
	h.CA.Dir = dir
	h.CA.Profiles = map[string]int{"default": int(issuedFor.Seconds())}
	if s.World, err = harness.New(h); err != nil {
		places.close()
		return nil, err
	}
	s.sites, s.close, s.seen = places.open(s.World.Nginx), places.close, newWatcher(s)
	for _, at := range s.sites {
		s.made[at.served(ctx)] = true
	}
	c.say("Starting the worker; it starts the Temporal engine with its Web UI ...")
	starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err = s.StartWorker(starting)
	if err == nil {
		var r engine.Record
		r, err = engine.Recorded(filepath.Join(s.Data(), "engine"))
		s.ui = r.UIURL
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// link leads to a certificate's history in the Web UI.
func (s *stage) link(name string) string {
	return s.ui + "/namespaces/default/workflows/" + url.PathEscape(workflows.WorkflowID(name))
}

// wait waits for something to become so.
func wait(ctx context.Context, what string, cond func() bool) error {
	return harness.WaitFor(ctx, what, func() (bool, error) { return cond(), nil })
}

// ours tells whether the demo itself put a certificate somewhere.
func (s *stage) ours(f cert.Fingerprint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made[f]
}
