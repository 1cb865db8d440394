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
	"github.com/neverlapse/neverlapse/test/demo/inbox"
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

// made notes a certificate that the demo itself puts somewhere.
func (s *stage) made(f cert.Fingerprint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own[f] = true
}

// ours tells whether the demo itself put a certificate somewhere.
func (s *stage) ours(f cert.Fingerprint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own[f]
}

// falls and stands tell everybody that a process was killed on purpose and that
// all run again.
func (s *stage) falls(at time.Time) {
	s.ledger.Down(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallen = at
}

func (s *stage) stands(at time.Time) {
	s.ledger.Up(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallen, s.restored = time.Time{}, at
}

// down tells whether a killed process is not back yet, and whether one was away
// at some time since.
func (s *stage) down(since time.Time) (now, meanwhile bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.fallen.IsZero(), !s.fallen.IsZero() || s.restored.After(since)
}

// calmed notes that a trouble has ended.
func (s *stage) calmed(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm = at
}

// undisturbed tells whether no trouble was under way since.
func (s *stage) undisturbed(since time.Time) bool {
	for _, t := range s.troubles {
		if t.shown().State != inbox.Idle {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calm.Before(since)
}

// enlisted counts the certificates that are enrolled; when the five of the scenes
// are, it says how long that took.
func (s *stage) enlisted(sub subject) {
	s.ledger.Enrolled(sub.guard(), time.Now())
	s.mu.Lock()
	s.enrolled[sub.name] = true
	n := 0
	for _, sc := range scenes {
		if s.enrolled[sc.name] {
			n++
		}
	}
	s.mu.Unlock()
	if n < len(scenes) {
		return
	}
	took := time.Since(s.board.began)
	first := false
	s.board.change(func() {
		if first = s.board.visible == 0; first {
			s.board.visible = took
		}
	})
	if first {
		s.console.say("The first five certificates were there %.1f s after the start.", took.Seconds())
	}
}

// isEnrolled tells whether a certificate is.
func (s *stage) isEnrolled(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enrolled[name]
}

// settle enrols the certificates of the buttons and of the visitor, once those of
// the scenes are there.
func (s *stage) settle(ctx context.Context) {
	err := wait(ctx, "the scenes' certificates", func() bool {
		s.board.mu.Lock()
		defer s.board.mu.Unlock()
		return s.board.visible > 0
	})
	if err != nil {
		return
	}
	for _, v := range s.visitors {
		s.guardVisitor(ctx, v)
	}
	for _, p := range props {
		pair, err := aged(p.host, p.left)
		if err == nil {
			err = s.sites[p.host].put(ctx, pair)
		}
		if err == nil {
			err = s.enroll(ctx, scene{subject: p, tag: p.name}, s.sites[p.host])
		}
		if err != nil && ctx.Err() == nil {
			s.console.say("%s could not be set up: %v", p.name, err)
		}
	}
}
