package app

import (
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// gate is what holds people to what they may do in front of a certificate.
func gate(c client.Client, directory func() people.Directory) *workflows.Gate {
	r := &warnings{seen: map[warning]time.Time{}, now: time.Now}
	return &workflows.Gate{Client: c, Directory: directory, Again: r.again}
}

// The same refusal goes on record once a while, so that whoever clicks and
// clicks fills no history.
const (
	warningEvery = time.Minute
	keepWarnings = 1000
)

type warning struct{ certificate, by, verb string }

type warnings struct {
	now  func() time.Time
	mu   sync.Mutex
	seen map[warning]time.Time
}

func (s *warnings) again(certificate string, r workflows.Forbidden) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := warning{certificate, r.By, r.Verb}, s.now()
	if at, ok := s.seen[key]; ok && now.Sub(at) < warningEvery {
		return true
	}
	if len(s.seen) >= keepWarnings {
		clear(s.seen)
	}
	s.seen[key] = now
	return false
}
