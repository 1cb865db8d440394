package page

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// The index is read again when it is older than freshFor, and no more often than
// leaves the engine four fifths of the time to itself, however many look.
const (
	freshFor    = 2 * time.Second
	restFactor  = 4
	listWithin  = 20 * time.Second
	weekAhead   = 7 * 24 * time.Hour
	maxDetailed = 60 // certificates of a list whose own word is asked for
)

// fleet is the shared look at all certificates.
type fleet struct {
	certificates Certificates
	now          func() time.Time
	details      *details

	turn chan struct{} // whose it is to read the index
	mu   sync.Mutex
	last snapshot
}

// snapshot is the fleet at one instant.
type snapshot struct {
	Rows  []Row // the most urgent first, then what ends first
	At    time.Time
	Err   error // why it could not be read after At; Rows are the last that could be
	rest  time.Duration
	tried time.Time
}

func newFleet(c Certificates, now func() time.Time) *fleet {
	return &fleet{certificates: c, now: now, details: newDetails(c, now), turn: make(chan struct{}, 1)}
}

// look gives a snapshot that is fresh enough; one caller reads, the others wait for it.
func (f *fleet) look(ctx context.Context) snapshot {
	if s, ok := f.cached(); ok {
		return s
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		s, _ := f.cached()
		return s
	}
	if s, ok := f.cached(); ok {
		return s
	}
	begun := f.now()
	reading, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	rows, err := f.certificates.List(reading)
	slices.SortFunc(rows, byUrgency)
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil { // the reader left; that says nothing about the engine
		return f.last
	}
	f.last.Err, f.last.tried, f.last.rest = err, f.now(), restFactor*f.now().Sub(begun)
	if err == nil {
		f.last.Rows, f.last.At = rows, begun
	}
	return f.last
}

func (f *fleet) cached() (snapshot, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, !f.last.tried.IsZero() && f.now().Sub(f.last.tried) < max(freshFor, f.last.rest)
}

// stale makes the next look read the index, after somebody changed something.
func (f *fleet) stale() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last.tried = time.Time{}
}

// digest changes with what a list would show.
func (s snapshot) digest() uint64 {
	h := fnv.New64a()
	for _, r := range s.Rows {
		for _, part := range []string{r.Name, r.State, r.Severity, r.Owner, r.Team, r.NotAfter.String(), r.NextStepAt.String()} {
			h.Write([]byte(part))
			h.Write([]byte{0})
		}
	}
	if s.Err != nil {
		h.Write([]byte("stale"))
	}
	return h.Sum64()
}

func byUrgency(a, b Row) int { return alert.ByUrgency(a.standing(), b.standing()) }

func (r Row) standing() alert.Standing {
	return alert.Standing{Certificate: r.Name, Severity: alert.Severity(r.Severity), NotAfter: r.NotAfter}
}

// open lists those with an open alert.
func (s snapshot) open() []Row {
	end := slices.IndexFunc(s.Rows, func(r Row) bool { return r.Severity == "" })
	if end < 0 {
		end = len(s.Rows)
	}
	return s.Rows[:end]
}

// week lists those whose next step is due within seven days, soonest first.
func (s snapshot) week(now time.Time) []Row {
	var out []Row
	for _, r := range s.Rows {
		if !r.NextStepAt.IsZero() && r.NextStepAt.Before(now.Add(weekAhead)) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Row) int { return a.NextStepAt.Compare(b.NextStepAt) })
	return out
}
