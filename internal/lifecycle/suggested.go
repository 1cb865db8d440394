package lifecycle

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Suggested takes in the CA's window for a version; false if that is not Live,
// or if it is known.
func (s *State) Suggested(f cert.Fingerprint, w cert.Window) bool {
	if f == "" || f != s.Live.Fingerprint || s.Window != nil && s.Window.Equal(w) {
		return false
	}
	s.Window = &w
	return true
}

// windowed reports whether the renewal of Live goes by the CA's window.
func (s *State) windowed(p Plan) bool { return s.Window != nil && p.WindowIgnored == "" }

// untilRenewal names why a renewal that is due then is.
func (v *view) untilRenewal(at time.Time) Reason {
	if v.known() && v.s.windowed(v.plan) && at.Equal(v.plan.RenewAt) {
		return UntilWindow
	}
	return UntilRenewal
}
