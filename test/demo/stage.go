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
	"github.com/neverlapse/neverlapse/test/demo/oracle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// silent takes what servers say about broken connections.
var silent = log.New(io.Discard, "", 0)

// grace is how long a message that is owed may take.
const grace = 30 * time.Second

// stage is the world of the demo, who watches it, and what visitors do to it.
type stage struct {
	*harness.World
	ctx      context.Context // of everything that happens on it
	console  *console
	board    *board
	sites    map[string]*site // by host
	visitors []visitor
	close    func()
	ui       string // URL of the Temporal Web UI
	url      string // of the stage's page
	seen     *watcher
	letters  *letters
	ledger   *oracle.Ledger
	troubles []*trouble
	busy     sync.WaitGroup // troubles that are under way

	mu       sync.Mutex
	own      map[cert.Fingerprint]bool // those that the demo itself put somewhere
	enrolled map[string]bool           // certificates, by name
	fallen   time.Time                 // when a process was killed; zero while all run
	restored time.Time                 // when the last one was back
	calm     time.Time                 // when the last trouble ended
}

// Close ends everything that runs.
func (s *stage) Close() {
	s.busy.Wait()
	s.World.Close()
	s.close()
}

// raise builds the world in dir (CA, sites, stand-ins, configuration) and starts
// the worker.
func raise(ctx context.Context, c *console, b *board, o options, bins harness.Binaries, dir string) (*stage, error) {
	s := &stage{ctx: ctx, console: c, board: b, own: map[cert.Fingerprint]bool{}, enrolled: map[string]bool{}, letters: &letters{}, ledger: oracle.New(o.grace)}
	places, err := lay(dir, o.noNginx)
	if err != nil {
		return nil, err
	}
	h := harness.Options{Dir: dir, Binaries: bins, Policies: policies(), Nginx: places.nginx, NoNginx: len(places.nginx.Servers) == 0, Targets: places.targets, Language: o.language}
	h.CA.Dir = dir
	h.CA.Profiles = map[string]int{"default": int(issuedFor.Seconds())}
	if s.World, err = harness.New(h); err != nil {
		places.close()
		return nil, err
	}
	s.sites, s.close, s.seen, s.visitors = places.open(s.World.Nginx), places.close, newWatcher(s), o.visitors
	s.troubles = troubles(b.bump)
	for _, at := range s.sites {
		s.made(at.served(ctx))
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
