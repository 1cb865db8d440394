package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sources tell how things stand; app gives those that its worker has. Each may be nil.
type Sources struct {
	Fleet         func(context.Context) ([]Certificate, error)
	Accounts      func(context.Context) ([]Account, error)
	Queues        func(context.Context) ([]Queue, error)
	Mail          func(context.Context) (Mail, error)
	Disk          func(context.Context) ([]Disk, error)
	Scans         func(context.Context) ([]Scan, error)
	Rounds        func(context.Context) (Rounds, error)
	Canary        func(context.Context) (*Canary, error)
	StoreKey      func(context.Context) (StoreKey, error)
	Configuration func() Configuration
	// Every is the shortest time between two looks at a source; at the sizes of
	// folders, twenty times that.
	Every time.Duration
	// Most is how many certificates are told one by one: those that expire first.
	Most int
}

// Certificate is one enrolled certificate as the engine's index knows it.
type Certificate struct {
	Name, State, Severity                 string
	Owner, Team, Environment, Issuer, Key string
	Managed                               bool
	NotBefore, NotAfter, NextStep         time.Time // zero: not known
}

// Account is what is left of the budget of the accounts of a CA.
type Account struct {
	CA           string
	Left         map[string]int // orders, by what is limited
	Waiting      int            // renewals that wait for room
	Outage       bool
	BlockedUntil time.Time // zero: nothing is
}

// Queue is a task queue of the engine.
type Queue struct {
	Name, Type string // type: workflow or activity
	Backlog    int64
	Age        time.Duration // of the oldest task
	Pollers    int
}

// Mail is how messages do.
type Mail struct {
	Unseen  int             // dead letters that nobody has seen
	Broken  int             // addresses that lead nowhere
	Failing map[string]bool // by channel
}

// Disk is a folder of the worker's.
type Disk struct {
	Name  string // store or engine
	Bytes int64  // of the files in it
	Free  uint64 // of the file system, for who is not root
	Size  uint64 // of the file system
}

// StoreKey is the service that holds the key of the store.
type StoreKey struct {
	Service string // its kind; empty: the key is at hand
	Up      bool
}

// Configuration is how the latest look at the file of the configuration ended.
type Configuration struct {
	Refused bool
	Since   time.Time // when the one in force was taken
	Restart int       // sections that count from the next start
}

// world tells how things stand when it is gathered.
type world struct {
	now      func() time.Time
	most     int
	settings func() Configuration
	fleet    reading[[]Certificate]
	accounts reading[[]Account]
	queues   reading[[]Queue]
	mail     reading[Mail]
	disk     reading[[]Disk]
	scans    reading[[]Scan]
	rounds   reading[Rounds]
	canary   reading[*Canary]
	storeKey reading[StoreKey]
	desc     map[string]*prometheus.Desc
}

// Watch tells from now on what the sources say.
func (m *Metrics) Watch(s Sources) {
	o := m.options
	w := &world{
		now: o.Now, most: s.Most, settings: s.Configuration, desc: map[string]*prometheus.Desc{},
		fleet:    reading[[]Certificate]{name: "fleet", every: s.Every, read: s.Fleet, log: o.Log},
		accounts: reading[[]Account]{name: "accounts", every: s.Every, read: s.Accounts, log: o.Log},
		queues:   reading[[]Queue]{name: "queues", every: s.Every, read: s.Queues, log: o.Log},
		mail:     reading[Mail]{name: "mail", every: s.Every, read: s.Mail, log: o.Log},
		disk:     reading[[]Disk]{name: "disk", every: 20 * s.Every, read: s.Disk, log: o.Log},
	}
	w.scans = reading[[]Scan]{name: "scans", every: s.Every, read: s.Scans, log: o.Log}
	w.rounds = reading[Rounds]{name: "rounds", every: s.Every, read: s.Rounds, log: o.Log}
	w.canary = reading[*Canary]{name: "canary", every: s.Every, read: s.Canary, log: o.Log}
	w.storeKey = reading[StoreKey]{name: "store key", every: s.Every, read: s.StoreKey, log: o.Log}
	for _, f := range worldFamilies {
		m.declare(f.Type, f.Name, f.Help, f.Labels)
		w.desc[f.Name] = prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
	}
	m.registry.MustRegister(w)
}

// Describe lists everything that may be told.
func (w *world) Describe(out chan<- *prometheus.Desc) {
	for _, d := range w.desc {
		out <- d
	}
}

// Collect asks the sources that are due, all at once, and tells what is known.
func (w *world) Collect(out chan<- prometheus.Metric) {
	now := w.now()
	var all sync.WaitGroup
	all.Go(func() { w.fleet.get(now) })
	all.Go(func() { w.accounts.get(now) })
	all.Go(func() { w.queues.get(now) })
	all.Go(func() { w.mail.get(now) })
	all.Go(func() { w.disk.get(now) })
	all.Go(func() { w.scans.get(now) })
	all.Go(func() { w.rounds.get(now) })
	all.Go(func() { w.canary.get(now) })
	all.Go(func() { w.storeKey.get(now) })
	all.Wait()
	t := telling{w: w, out: out, seen: map[string]bool{}}
	t.certificates(now)
	t.budgets(now)
	t.queues(now)
	t.letters(now)
	t.disks(now)
	t.scans(now)
	t.rounds(now)
	t.canary(now)
	t.storeKey(now)
	t.settings()
	t.sources()
}
