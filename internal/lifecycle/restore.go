package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// Kept is what of the state is kept beside the engine, for Restore: what people
// asked for and answered, and how far everything is. What was seen is seen again.
func (s *State) Kept() State {
	out := s.Clone()
	out.Sight, out.Import = Sight{}, nil
	out.Alerts = slices.DeleteFunc(out.Alerts, func(a Alert) bool { return !a.Open() })
	return out
}

// Restore readies a kept state for a workflow that begins again with it at now.
// live is the proven version as the store has it, the zero one if it has none.
// Whatever was under way is recovered as by any run. What somebody asked for once
// and was not begun is forgotten: it may have been done after the state was kept.
func (s *State) Restore(now time.Time, live cert.Version) {
	s.Restored, s.Stale = now, true
	s.Look, s.Renew, s.RollBack, s.Deploy, s.Renewal.Asked = nil, nil, nil, nil, nil
	s.Flights = slices.DeleteFunc(s.Flights, func(f Flight) bool { return f.Kind == FlyReport })
	if live.NotAfter.After(s.Live.NotAfter) {
		s.adopt(now, live)
	}
	if s.open(alert.Unseen) == nil {
		s.Sight.SeenAt = now // nobody looked while it was gone
	}
}
