package app

import (
	"sync/atomic"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/codec"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web/page"
)

// standing is the configuration in force. Parts of it may be replaced while the
// worker runs, all at once: whoever reads it holds one that never changes.
type standing struct{ held atomic.Pointer[held] }

type held struct {
	config config.Config
	at     time.Time
	kit
}

// kit is what is made of a configuration and replaced with it.
type kit struct {
	tokens page.Tokens
	lines  *lines       // nil: those of before go on
	keys   *codec.Codec // of payloads; nil: those of before
}

func inForce(c config.Config) *standing {
	s := &standing{}
	s.set(c, kit{lines: &lines{}})
	return s
}

// set is called by one at a time.
func (s *standing) set(c config.Config, k kit) {
	if k.lines == nil {
		k.lines = s.lines()
	}
	if k.keys == nil {
		k.keys = s.keys()
	}
	s.held.Store(&held{c, time.Now(), k})
}

// keys are those by which payloads are to be encrypted; nil: as at the start.
func (s *standing) keys() *codec.Codec {
	if h := s.held.Load(); h != nil {
		return h.keys
	}
	return nil
}

// lines are how messages go and answers come.
func (s *standing) lines() *lines { return s.held.Load().lines }

func (s *standing) channels() []activities.Channeled { return s.lines().channels }

func (s *standing) gather() gather.Rules { return s.config().Gather }

// taken is since when it is in force.
func (s *standing) taken() time.Time { return s.held.Load().at }

func (s *standing) config() config.Config { return s.held.Load().config }

// tokens are who may open the page.
func (s *standing) tokens() page.Tokens { return s.held.Load().tokens }

func (s *standing) directory() people.Directory { return s.config().Directory() }

func (s *standing) routes() []alert.Route { return s.config().Routes }

// bySlack and byPagerDuty find people by the ID that they have there.
func (s *standing) bySlack(user string) (people.Person, bool) { return s.directory().BySlack(user) }
func (s *standing) byPagerDuty(user string) (people.Person, bool) {
	return s.directory().ByPagerDuty(user)
}
