package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Activities holds the ports; app fills it. Its exported methods are the
// activities, registered under their method names.
type Activities struct {
	CAs       map[string]CA
	Targets   map[string]Target
	Channels  []Channeled
	Directory people.Directory
	Store     Store
	Scanner   Scanner
	Admission Admission
	Now       Clock
}

// Store is every port that the store serves.
type Store interface {
	Versions
	Issuances
	Captures
	Journal
	Claims
}

// Channeled is a configured channel.
type Channeled struct {
	Name       string
	Kind       string
	Interrupts bool // reaches somebody who does not look (a mention, a text message); mail does not
	Channel    Channel
}

func (a *Activities) target(name string) (Target, error) {
	if t, ok := a.Targets[name]; ok {
		return t, nil
	}
	return nil, fault.New(fault.Configuration, "target %q is not configured on this worker", name)
}

func (a *Activities) ca(name string) (CA, error) {
	if c, ok := a.CAs[name]; ok {
		return c, nil
	}
	return nil, fault.New(fault.Configuration, "CA %q is not configured on this worker", name)
}

// beat reports progress, and keeps doing so every second while a call that
// cannot report itself goes on.
func beat(ctx context.Context) (progress func(string), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func(string) { activity.RecordHeartbeat(ctx) }, cancel
}
