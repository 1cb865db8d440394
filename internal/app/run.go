package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/bounce"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/codec"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/workflows"
)

// drain is how long activities under way may go on when the worker stops.
const drain = 10 * time.Second

// App is a running worker.
type App struct {
	config  config.Config // as it was started with
	inForce *standing
	gate    *workflows.Gate
	tickets *tickets // nil: messages have no links by which one answers
	logger  *slog.Logger
	engine  *engine.Engine
	client  client.Client
	hands   client.Client // that of the worker, on the same connection
	self    neighbour
	patches atomic.Int64 // the level up to which runs take them
	worker  worker.Worker
	store   *store.Store
	part    *store.Host // of the store, where this is the worker of a host
	ways    acme.Ways
	http    *http.Server
	addr    net.Addr
	unplug  context.CancelFunc  // ends the connections of the lines in force
	were    map[string][]string // teams of people, as they were last
	parts   parts
	// keysTaken are those of the configuration in force, once they decrypt.
	keysTaken *codec.Codec
	board     *switchboard
	more      []Kinds
	sources   sourcesInForce
	planned   planned
	reload    *reload
	hangup    chan struct{}
	end       context.CancelFunc // of what goes on beside: connections of lines, and the look at the configuration
	beside    sync.WaitGroup
	fatal     chan error
	acts      *activities.Activities
	paths     *bounce.Paths
	bounces   *bounce.Listener
	polling   atomic.Bool
	keyAway   atomic.Bool // the service that holds the key of the store cannot be used
	begun     atomic.Bool // all that a start does is done
	metrics   *metrics.Metrics
	// scrapers show this token; empty: none is asked for. scrapes serves them alone.
	scrapers string
	scrapes  *http.Server
	traces   *metrics.Traces // nil: nobody collects them
	heart    *heartbeat      // nil: no switch outside is told
}

// Start builds everything and joins Temporal, or starts the embedded engine
// where no address is configured. All errors of the configuration come at once,
// before anything is dialled. more are kinds of adapters beside our own.
func Start(ctx context.Context, c config.Config, logger *slog.Logger, more ...Kinds) (_ *App, err error) {
	a := &App{config: c, inForce: inForce(c), logger: logger, more: more, were: map[string][]string{}, hangup: make(chan struct{}, 1), fatal: make(chan error, 3)}
	defer func() {
		if err != nil {
			a.Stop()
		}
	}()
	acts, p, err := build(ctx, c, more)
	a.store = p.store
	if err != nil {
		return nil, err
	}
	a.parts = p
	a.inForce.set(c, kit{tokens: p.tokens})
	all, err := sourcesOf(c, p, more)
	if err != nil {
		return nil, err
	}
	a.sources.set(all)
	a.reload = &reload{inForce: a.inForce, check: a.fits, log: logger, now: time.Now}
	acts.Directory, acts.Routes, acts.Channels, acts.Gather, a.acts = a.inForce.directory, a.inForce.routes, a.inForce.channels, a.inForce.gather, acts
	if err := a.measure(); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx); err != nil {
		return nil, err
	}
	if a.heart, err = newHeartbeat(c); err != nil {
		return nil, err
	}
	if a.paths, err = returnPaths(ctx, c, p); err != nil {
		return nil, err
	}
	if err := welcome(ctx, c, p.store); err != nil {
		return nil, err
	}
	tidy(ctx, acts.Targets, logger)
	if a.self, err = process(c); err != nil {
		return nil, err
	}
	if err := a.join(ctx); err != nil {
		return nil, err
	}
	if err := a.self.nameStore(ctx, p.store); err != nil {
		return nil, err
	}
	others, err := a.neighbours(ctx)
	if err != nil {
		return nil, err
	}
	if err := unfit(c, a.me(), others); err != nil {
		return nil, err
	}
	a.setLevel(others)
	if a.tickets, err = newTickets(ctx, c, p.store, a.inForce.directory); err != nil {
		return nil, err
	}
	if a.tickets != nil {
		acts.Ticketer = a.tickets
	}
	a.gate = gate(a.client, a.inForce.directory)
	acts.Acknowledger = a.answers()
	acts.Admission = &admission{config: a.inForce.config, acts: acts, client: a.client}
	acts.Broker = &broker{client: a.client, queue: c.Temporal.TaskQueue}
	acts.Inboxes = &inboxes{client: a.client, queue: c.Temporal.TaskQueue}
	a.board = &switchboard{a.client, a.inForce.config, a.inForce.channels}
	acts.Switchboard = a.board
	known := &fleet{client: a.client, namespace: c.Temporal.Namespace}
	acts.Fleet, acts.Roll, acts.Herald, acts.Sources = known, known, known, a.sources.all
	a.watched(known)
	acts.Examiner = &examiner{by: "worker " + a.self.name(), config: a.inForce.config, acts: acts, channels: a.inForce.channels, store: p.store, client: a.client, app: a}
	acts.Census = &census{client: a.client, namespace: c.Temporal.Namespace}
	acts.Wards = &wards{client: a.client, namespace: c.Temporal.Namespace}
	if err := a.listen(p, len(c.CAs) > 0); err != nil {
		return nil, err
	}
	if err := a.serve(p); err != nil {
		return nil, err
	}
	if err := a.serveMetrics(); err != nil {
		return nil, err
	}
	if err := a.work(acts); err != nil {
		return nil, err
	}
	a.goOn()
	if err := a.takeBounces(); err != nil {
		return nil, err
	}
	if err := a.board.planAll(ctx); err != nil {
		return nil, err
	}
	if err := a.schedule(ctx); err != nil {
		return nil, err
	}
	a.begun.Store(true)
	return a, nil
}

// goOn begins what goes on beside the work until Stop: the connections by which
// clicks come, and the look at the configuration.
func (a *App) goOn() {
	ctx, cancel := context.WithCancel(context.Background())
	a.end = cancel
	a.connect(ctx)
	a.beside.Go(func() { a.follow(ctx) })
	a.beside.Go(func() { a.sweep(ctx) })
	a.beside.Go(func() { a.keepLevel(ctx) })
	a.beats(ctx)
}

// openStore opens the store. Where its key service is away the worker begins all
// the same: it watches and tells, and what needs a key waits.
func (a *App) openStore(ctx context.Context) error {
	err := a.store.Begin(ctx)
	if store.KeyIsAway(err) {
		a.logger.Warn("the key service of the store is away; certificates are watched and people are told, and what needs a private key waits until it is back", "error", err)
		return nil
	}
	return config.Under("store.options", err)
}

// sweepEvery is how often what nobody uses any more is removed from the store.
const sweepEvery = 24 * time.Hour

// sweep does it until ctx ends. What fails holds up nobody.
func (a *App) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		n, err := a.store.Sweep(ctx, time.Now())
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.logger.Warn("what the store does not use any more could not be removed", "error", err)
		} else if n > 0 {
			a.logger.Info("what the store does not use any more was removed", "objects", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tidy lets targets remove what a worker that died left. It is done again before
// anything is installed, so what fails here holds up nobody.
func tidy(ctx context.Context, targets map[string]activities.Target, logger *slog.Logger) {
	for name, t := range targets {
		s, ok := t.(interface {
			Sweep(ctx context.Context) error
		})
		if !ok {
			continue
		}
		if err := s.Sweep(ctx); err != nil {
			logger.Warn("what an earlier worker left could not be removed", "target", name, "error", err)
		}
	}
}

// join dials the cluster, or starts the embedded engine and dials that.
func (a *App) join(ctx context.Context) error {
	c := a.config
	address := c.Temporal.Address
	if address == "" {
		e, err := engine.Start(ctx, engine.Options{
			Binary: c.Engine.Binary, DataDir: engineDir(c), IP: c.Engine.IP, Port: c.Engine.Port, UIPort: c.Engine.UIPort,
			Namespace: c.Temporal.Namespace, LogFile: c.Engine.LogFile, Logger: a.logger,
		})
		if err != nil {
			return err
		}
		a.engine, address = e, e.Address()
		a.logger.Info("the embedded engine is up", "address", address, "ui", e.UIURL())
	}
	var err error
	if a.client, err = dial(ctx, c, address, a.logger, a.parts.codec, a.watching()); err != nil {
		return err
	}
	a.hands, err = forWorker(ctx, a.client, c, a.logger, a.parts.codec, a.watching())
	return err
}

// listen opens the listeners of challenges, if a CA may need them.
func (a *App) listen(p parts, needed bool) error {
	if !needed {
		return nil
	}
	if p.ways.HTTP != nil {
		if err := p.ways.HTTP.Start(); err != nil {
			return config.Under("acme_http.listen", fmt.Errorf("%w; choose another address, or an empty one where no CA uses http-01 through it", err))
		}
		a.ways.HTTP = p.ways.HTTP
	}
	if p.ways.TLS != nil {
		if err := p.ways.TLS.Start(); err != nil {
			return config.Under("acme_tls.listen", fmt.Errorf("%w; choose another address", err))
		}
		a.ways.TLS = p.ways.TLS
	}
	return nil
}

// pollers is how many polls of each kind a worker has open. One that finds a task
// lasts until the engine has it on record as begun, so the SDK's two bound what
// a worker gets from an engine whose database is slow or far away.
const pollers = 8

// work registers the story and the hands and begins to poll.
func (a *App) work(acts *activities.Activities) error {
	c := a.config.Temporal
	worker.SetStickyWorkflowCacheSize(c.CacheSize)
	w := worker.New(a.hands, c.TaskQueue, worker.Options{
		MaxConcurrentWorkflowTaskPollers: pollers,
		MaxConcurrentActivityTaskPollers: pollers,
		StickyScheduleToStartTimeout:     c.StickyTimeout,
		WorkerStopTimeout:                drain,
		Identity:                         a.me().String(),
		PreferredVersionProvider:         a.prefer,
		Interceptors:                     []interceptor.WorkerInterceptor{a.metrics.Interceptor()},
		OnFatalError:                     func(err error) { a.fatal <- fmt.Errorf("worker: %w", err) },
	})
	Register(w, &workflows.Workflows{Brain: lifecycle.Next, Link: a.link}, acts)
	if err := w.Start(); err != nil {
		return fmt.Errorf("worker on task queue %q: %w", c.TaskQueue, err)
	}
	a.worker = w
	a.polling.Store(true)
	a.logger.Info("the worker is up", "identity", a.self.name(), "taskQueue", c.TaskQueue, "http", a.addr.String(), "encryption", cmp.Or(c.Encryption.Use, "none"))
	return nil
}

// Register tells a worker, or a replayer, every workflow and activity.
func Register(w interface {
	RegisterWorkflow(any)
}, story *workflows.Workflows, acts *activities.Activities) {
	w.RegisterWorkflow(story.CertificateWorkflow)
	w.RegisterWorkflow(story.RenewalWorkflow)
	w.RegisterWorkflow(story.EnrollmentWorkflow)
	w.RegisterWorkflow(story.RestorationWorkflow)
	w.RegisterWorkflow(story.RehearsalWorkflow)
	w.RegisterWorkflow(story.ImportWorkflow)
	w.RegisterWorkflow(story.InventoryWorkflow)
	w.RegisterWorkflow(story.AccountWorkflow)
	w.RegisterWorkflow(story.ConfigurationWorkflow)
	w.RegisterWorkflow(story.InboxWorkflow)
	w.RegisterWorkflow(story.PoliciesWorkflow)
	w.RegisterWorkflow(story.ChannelWorkflow)
	w.RegisterWorkflow(story.DigestWorkflow)
	w.RegisterWorkflow(story.HandoverWorkflow)
	w.RegisterWorkflow(story.SurveyWorkflow)
	w.RegisterWorkflow(story.RoundsWorkflow)
	w.RegisterWorkflow(story.CanaryWorkflow)
	w.RegisterWorkflow(story.SourceWorkflow)
	if r, ok := w.(interface{ RegisterActivity(any) }); ok && acts != nil {
		r.RegisterActivity(acts)
	}
}

// Address is where HTTP is served.
func (a *App) Address() string { return a.addr.String() }

// UIURL is the address of the Temporal Web UI; "" if none is known.
func (a *App) UIURL() string { return UIURL(a.config) }

// Failed tells of what the worker cannot go on without.
func (a *App) Failed() <-chan error { return a.fatal }
