package main

import (
	"context"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
)

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
