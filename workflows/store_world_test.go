package workflows_test

import (
	"context"
	"slices"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// fakeStore is a journal; the other ports are not used by what is only watched.
type fakeStore struct {
	activities.Store
	s *story
}

func (f fakeStore) Append(_ context.Context, _ string, e []cert.Entry) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.writes++; f.s.shut != nil {
		return f.s.shut
	}
	f.s.journal = append(f.s.journal, e...)
	return nil
}

func (f fakeStore) PutSnapshot(_ context.Context, _ string, n cert.Snapshot) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.shut != nil {
		f.s.writes++
		return f.s.shut
	}
	f.s.kept = append(f.s.kept, n)
	return nil
}

func (f fakeStore) Issuance(context.Context, string, cert.Fingerprint) (cert.Issuance, error) {
	return cert.Issuance{}, fault.New(fault.NotFound, "nothing was begun")
}

func (f fakeStore) Claim(_ context.Context, _ string, places []string) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.claims = append(f.s.claims, places)
	return nil
}

func (f fakeStore) Entries(context.Context, string) ([]cert.Entry, error) { return nil, nil }

func (f fakeStore) PutUndelivered(_ context.Context, all []delivery.Undelivered) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.lost = append(f.s.lost, all...)
	return nil
}

func (f fakeStore) NoteOutcome(context.Context, delivery.Outcome) (delivery.Standing, error) {
	return delivery.Standing{}, nil
}

func (f fakeStore) PutBroken(_ context.Context, b delivery.Broken) (bool, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.broken = append(f.s.broken, b)
	return true, nil
}

func (f fakeStore) Broken(context.Context) ([]delivery.Broken, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	return slices.Clone(f.s.broken), nil
}

func (f fakeStore) Mend(_ context.Context, kind, address string) (bool, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	before := len(f.s.broken)
	f.s.broken = slices.DeleteFunc(f.s.broken, func(b delivery.Broken) bool { return b.Is(kind, address) })
	return len(f.s.broken) < before, nil
}
