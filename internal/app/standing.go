package app

import (
	"sync/atomic"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/people"
)

// standing is the configuration in force. Parts of it may be replaced while the
// worker runs, all at once: whoever reads it holds one that never changes.
type standing struct{ held atomic.Pointer[config.Config] }

func inForce(c config.Config) *standing {
	s := &standing{}
	s.held.Store(&c)
	return s
}

func (s *standing) config() config.Config { return *s.held.Load() }

func (s *standing) directory() people.Directory { return s.config().Directory() }

// bySlack and byPagerDuty find people by the ID that they have there.
func (s *standing) bySlack(user string) (people.Person, bool) { return s.directory().BySlack(user) }
func (s *standing) byPagerDuty(user string) (people.Person, bool) {
	return s.directory().ByPagerDuty(user)
}
