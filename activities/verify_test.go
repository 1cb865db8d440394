package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// turns is a server whose old and new processes answer by turns: look n of it
// gets shows[n], and every later one the last of them.
type turns struct {
	shows []cert.Fingerprint
	looks int
}

func (s *turns) Observe(_ context.Context, e cert.Endpoint, _ []string) []cert.Observation {
	f := s.shows[min(s.looks, len(s.shows)-1)]
	s.looks++
	return []cert.Observation{{Endpoint: e, At: time.Now(), Version: cert.Version{Fingerprint: f}}}
}

func TestAVersionOnTheWireIsProvenByTwoLooksInARow(t *testing.T) {
	for _, c := range []struct {
		about   string
		shows   []cert.Fingerprint
		timeout time.Duration
		proven  bool
		looks   int
	}{
		{"it shows the new one", []cert.Fingerprint{"new"}, time.Minute, true, 2},
		{"an old process answers once more", []cert.Fingerprint{"new", "old", "new"}, time.Minute, true, 4},
		{"it shows the new one at the last moment", []cert.Fingerprint{"new"}, time.Nanosecond, true, 2},
		{"its old process answers after the last moment", []cert.Fingerprint{"new", "old", "new"}, time.Nanosecond, false, 2},
	} {
		t.Run(c.about, func(t *testing.T) {
			w := begin(t)
			server := &turns{shows: c.shows}
			w.Scanner = server
			in := activities.VerifyInput{Want: []cert.Fingerprint{"new"}, Timeout: c.timeout}
			in.Endpoints = []cert.Endpoint{{Host: "shop.test", Port: 443}}
			out := must[activities.Verified](w, w.Verify, in)
			if out.Proven != c.proven || server.looks != c.looks {
				t.Errorf("proven: %v, after %d looks", out.Proven, server.looks)
			}
		})
	}
}
