package source

import (
	"fmt"
	"strings"
	"testing"
)

func TestAPageThatIsTooLongSaysWhatIsLeftOut(t *testing.T) {
	var p Page
	add := func() {
		p.Sightings = append(p.Sightings, Sighting{Place: fmt.Sprintf("file:web1:/cacerts!%d", len(p.Sightings)), Trouble: "locked"})
	}
	for range MostSightings {
		add()
	}
	for range MostFailed {
		p.Failed = append(p.Failed, Failure{Places: "file:web1:/private", Why: "permission denied"})
	}
	if p.Bound("file:web1:"); len(p.Sightings) != MostSightings || p.Failed[MostFailed-1].Places != "file:web1:/private" {
		t.Errorf("a full page: %d places, failed: %+v", len(p.Sightings), p.Failed)
	}
	for range 7 {
		add()
	}
	p.Bound("file:web1:")
	last := p.Failed[len(p.Failed)-1]
	if len(p.Sightings) != MostSightings || last.Places != "file:web1:" || !strings.HasPrefix(last.Why, "7 certificates more than") {
		t.Errorf("%d places, the last failure: %+v", len(p.Sightings), last)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}
