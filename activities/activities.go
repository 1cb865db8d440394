package activities

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Activities holds the ports; app fills it. Its exported methods are the
// activities, registered under their method names.
type Activities struct {
	CAs       map[string]CA
	Targets   map[string]Target
	Hosts     map[string]Host           // of the targets that live on one, by target
	Sources   func() map[string]Sourced // of the inventory, in force when it is asked; nil: none
	Herald    Herald
	Channels  func() []Channeled      // in force when it is asked
	Directory func() people.Directory // likewise
	Routes    func() []alert.Route    // likewise; nil: none
	Store     Store
	Scanner   Scanner
	Admission Admission
	Fleet     Fleet
	Wards     Wards
	Census    Census
	Broker    Broker // nil: no account is kept, and every order is free
	// Switchboard hears how channels do; nil: nobody does.
	Switchboard Switchboard
	Roll        Roll
	Inboxes     Inboxes             // nil: every notice is told by itself
	Gather      func() gather.Rules // in force when it is asked
	// Ticketer makes the links by which a recipient answers; nil: there are none.
	Ticketer Ticketer
	// Acknowledger answers the alerts of a message about many.
	Acknowledger Acknowledger
	Examiner     Examiner
	Now          Clock
}

// Store is every port that the store serves.
type Store interface {
	Versions
	Issuances
	Advice
	Captures
	Journal
	Snapshots
	Deliveries
	Sightings
	Claims
	Hosts
}

// Channeled is a configured channel.
type Channeled struct {
	Name       string
	Kind       string
	AddressOf  string // kind of address that it sends to; empty: of its own kind
	Interrupts bool   // reaches somebody who does not look (a mention, a text message); mail does not
	Groups     bool   // a system that groups alerts itself: each goes to it alone
	LastResort bool   // reaches nobody in particular (a console): taken where nothing else is left
	Own        bool   // has a destination of its own, whoever reads there
	Channel    Channel
}

func (a *Activities) target(name string) (Target, error) {
	if t, ok := a.Targets[name]; ok {
		return t, nil
	}
	if h, ok := a.Hosts[name]; ok {
		return nil, fault.New(fault.Configuration, "target %q lives on host %s; only the worker there reaches it", name, h.Name)
	}
	return nil, fault.New(fault.Configuration, "target %q is not configured on this worker", name)
}

func (a *Activities) ca(name string) (CA, error) {
	if c, ok := a.CAs[name]; ok {
		return c, nil
	}
	return nil, fault.New(fault.Configuration, "CA %q is not configured on this worker", name)
}

// lastWord is how long before its deadline an activity is stopped, so that the
// adapter can still say what it was waiting for; of little time, a quarter.
const lastWord = 2 * time.Second

func withLastWord(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-min(lastWord, time.Until(deadline)/4)))
}

// attended runs a call that may take long: it shows that it is alive and what it
// waits for, and ends the call in time for its last word, after which no try is made.
func (a *Activities) attended(ctx context.Context, call func(ctx context.Context, progress func(string)) error) error {
	progress, stop := beat(ctx)
	defer stop()
	inner, cancel := withLastWord(ctx)
	defer cancel()
	err := call(inner, progress)
	if err != nil && errors.Is(inner.Err(), context.DeadlineExceeded) {
		err = overdue{err}
	}
	return toTemporal(err, a.Now())
}

// beat tells the engine every second that a call goes on, and what it said last;
// a call that ends sooner costs the engine no heartbeat. A caller in this process
// waits himself.
func beat(ctx context.Context) (progress func(string), stop func()) {
	if !activity.IsActivity(ctx) {
		return func(string) {}, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var said atomic.Value
	said.Store("")
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx, said.Load())
			}
		}
	}()
	return func(text string) { said.Store(text) }, cancel
}
