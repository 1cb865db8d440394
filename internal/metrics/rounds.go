package metrics

import "time"

// Rounds is what the latest comparison of what is enrolled with what is guarded found.
type Rounds struct {
	At        time.Time      // zero: there was none
	Unguarded map[string]int // by how
	Missing   int            // live versions that the store lacks
}

func (t telling) rounds(now time.Time) {
	r, known := t.w.rounds.get(now)
	if !known {
		return
	}
	t.tell("neverlapse_rounds_timestamp_seconds", seconds(r.At))
	for how, n := range r.Unguarded {
		t.tell("neverlapse_certificates_unguarded", float64(n), how)
	}
	t.tell("neverlapse_store_versions_missing", float64(r.Missing))
}

// Canary is how the canary certificate does.
type Canary struct {
	CA        string
	Every     time.Duration
	Succeeded time.Time // when it was renewed last; zero: never
	Failing   bool
}

func (t telling) canary(now time.Time) {
	c, known := t.w.canary.get(now)
	if !known || c == nil {
		return
	}
	t.tell("neverlapse_canary_succeeded_timestamp_seconds", seconds(c.Succeeded), c.CA)
	t.tell("neverlapse_canary_interval_seconds", c.Every.Seconds(), c.CA)
	t.tell("neverlapse_canary_failing", one(c.Failing), c.CA)
}
