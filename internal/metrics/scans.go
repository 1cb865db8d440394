package metrics

import "time"

// Scan is how the latest looks at a source of the inventory went.
type Scan struct {
	Source    string
	Completed time.Time // of the last run that was complete; zero: none was
	Interval  time.Duration
	Places    int // that are known and not gone
	Troubled  int // of which nothing was learnt in the latest run
}

func (t telling) scans(now time.Time) {
	all, _ := t.w.scans.get(now)
	for _, s := range all {
		t.tell("neverlapse_scan_completed_timestamp_seconds", seconds(s.Completed), s.Source)
		t.tell("neverlapse_scan_interval_seconds", s.Interval.Seconds(), s.Source)
		t.tell("neverlapse_scan_places", float64(s.Places), s.Source)
		t.tell("neverlapse_scan_places_troubled", float64(s.Troubled), s.Source)
	}
}
