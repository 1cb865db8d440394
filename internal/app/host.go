package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/internal/store"
)

// hosts tells which targets live on which host, by target.
func hosts(c config.Config) (map[string]activities.Host, error) {
	out := map[string]activities.Host{}
	var errs []error
	for i, h := range c.Hosts {
		if _, err := store.ParsePublicHostKey(h.Key); err != nil {
			errs = append(errs, config.Under(fmt.Sprintf("hosts[%d]", i), fmt.Errorf("key: %w", err)))
		}
		for _, t := range h.Targets {
			out[t] = activities.Host{Name: h.Name, Key: h.Key, Wait: c.Temporal.QueueTimeout}
		}
	}
	return out, errors.Join(errs...)
}

// welcome makes what is shared with each host.
func welcome(ctx context.Context, c config.Config, s *store.Store) error {
	for i, h := range c.Hosts {
		if err := s.Welcome(ctx, h.Name); err != nil {
			return config.Under(fmt.Sprintf("hosts[%d]", i), err)
		}
	}
	return nil
}

// StartHost joins Temporal as the worker of a host: it does what is to be done
// at its targets, on a task queue of its own, and nothing else. more are kinds of
// targets beside our own.
func StartHost(ctx context.Context, c config.Config, queue string, logger *slog.Logger, more ...Kinds) (_ *App, err error) {
	a := &App{config: c, inForce: inForce(c), logger: logger, hangup: make(chan struct{}, 1), fatal: make(chan error, 3)}
	defer func() {
		if err != nil {
			a.Stop()
		}
	}()
	places, report, err := hostTargets(c, queue, more)
	if err != nil {
		return nil, err
	}
	tidy(ctx, places, logger)
	o, err := hostStore(c)
	if err != nil {
		return nil, err
	}
	part, err := o.OpenHost(queue)
	if err != nil {
		return nil, config.Under("store.options", err)
	}
	a.part = part
	if a.parts.codec, err = payloadCodec(c); err != nil {
		return nil, err
	}
	if a.self, err = process(c); err != nil {
		return nil, err
	}
	a.reload = &reload{inForce: a.inForce, check: a.fitsHost, log: logger, now: time.Now}
	if err := a.measure(); err != nil {
		return nil, err
	}
	a.metrics.Watch(metrics.Sources{Disk: a.disk, Configuration: a.configuration, Every: c.Metrics.Every})
	if err := a.serveMetrics(); err != nil {
		return nil, err
	}
	if a.client, err = dial(ctx, c, c.Temporal.Address, logger, a.parts.codec, a.watching()); err != nil {
		return nil, err
	}
	if a.hands, err = forWorker(ctx, a.client, c, logger, a.parts.codec, a.watching()); err != nil {
		return nil, err
	}
	report.Release, report.At = Version(debug.ReadBuildInfo), time.Now().UTC()
	if err := part.Report(ctx, report); err != nil {
		return nil, config.Under("store.options", err)
	}
	w := worker.New(a.hands, queue, worker.Options{
		DisableWorkflowWorker: true, WorkerStopTimeout: drain, Identity: a.me().String(), Interceptors: []interceptor.WorkerInterceptor{a.metrics.Interceptor()},
		OnFatalError: func(err error) { a.fatal <- fmt.Errorf("worker: %w", err) },
	})
	x := &examiner{by: "worker of host " + queue, config: a.inForce.config, acts: &activities.Activities{Targets: places}, host: queue, app: a}
	w.RegisterActivity(activities.NewOnHost(places, part, x, time.Now))
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("worker on task queue %q: %w", queue, err)
	}
	a.worker = w
	following, cancel := context.WithCancel(context.Background())
	a.end = cancel
	a.beside.Go(func() { a.followHost(following) })
	logger.Info("the worker of the host is up", "identity", a.self.name(), "taskQueue", queue, "targets", len(places))
	return a, nil
}

// fitsHost reads the keys of payloads anew, which is all that a host has of what
// may change while its worker runs.
func (a *App) fitsHost(ctx context.Context, adopted config.Adoption, _ config.Config) (made kit, err error) {
	made.keys, err = a.fitKeys(ctx, adopted.Config)
	return made, err
}

// followHost is follow for the worker of a host.
func (a *App) followHost(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	duties := map[string]duty{}
	for {
		atOnce, goesOn := a.turn(ctx, tick)
		if !goesOn {
			return
		}
		a.lookAnew(ctx, atOnce, duties)
		a.discharge(ctx, duties)
	}
}

// hostTargets makes the targets of a host, and what the centre is told of them.
func hostTargets(c config.Config, queue string, more []Kinds) (map[string]activities.Target, cert.HostReport, error) {
	out, report := map[string]activities.Target{}, cert.HostReport{Host: queue}
	if err := c.ValidateForHost(queue); err != nil {
		return nil, report, err
	}
	var errs []error
	kinds := targetKinds(more)
	for i, x := range c.Targets {
		path := fmt.Sprintf("targets[%d]", i)
		f, err := of(kinds, path, x.Kind)
		if err == nil {
			out[x.Name], err = f(x, path)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		k, ok := out[x.Name].(activities.KeyKeeper)
		report.Targets = append(report.Targets, cert.HostTarget{Name: x.Name, Kind: x.Kind, Places: out[x.Name].Identity(), KeepsKey: ok && k.KeepsKey()})
	}
	return out, report, errors.Join(errs...)
}

// hostStore says where the part of the store is that is shared with this host,
// and where its key.
func hostStore(c config.Config) (store.Options, error) {
	var o store.Options
	if c.Store.Kind != filesKind {
		return o, fmt.Errorf("store.kind: the part of a host is a folder, whatever the centre has; use %s", filesKind)
	}
	if err := config.DecodeOptions("store.options", c.Store.Options, &o); err != nil {
		return o, err
	}
	if o.Path == "" {
		o.Path = filepath.Join(c.Data, "host")
	}
	if o.KeyFile == "" && o.KeyEnv == "" {
		o.KeyFile = filepath.Join(c.Data, "host.key")
	}
	return o, config.Under("store.options", o.Validate())
}

// CheckHost tells what is wrong with the configuration of a host; it dials nobody.
func CheckHost(c config.Config, queue string, more ...Kinds) error {
	_, _, err := hostTargets(c, queue, more)
	o, wrong := hostStore(c)
	if wrong != nil {
		return errors.Join(err, wrong)
	}
	part, wrong := o.OpenHost(queue)
	if wrong != nil {
		return errors.Join(err, config.Under("store.options", wrong))
	}
	return errors.Join(err, part.Close())
}

// InitHost makes the key of a host, if there is none, and gives what belongs
// into the configuration of the centre.
func InitHost(c config.Config, queue string, more ...Kinds) (string, error) {
	_, report, err := hostTargets(c, queue, more)
	if err != nil {
		return "", err
	}
	o, err := hostStore(c)
	if err != nil {
		return "", err
	}
	if o.KeyFile != "" {
		if err := os.MkdirAll(filepath.Dir(o.KeyFile), 0o700); err != nil {
			return "", config.Under("store.options.key_file", err)
		}
		if err := store.GenerateHostKeyFile(o.KeyFile); err != nil && !fault.Is(err, fault.Conflict) {
			return "", config.Under("store.options.key_file", err)
		}
	}
	key, err := o.HostPublicKey()
	if err != nil {
		return "", config.Under("store.options", err)
	}
	var names []string
	for _, t := range report.Targets {
		names = append(names, t.Name)
	}
	return fmt.Sprintf("hosts:\n  - name: %s\n    key: %s\n    targets: [%s]\n", queue, key, strings.Join(names, ", ")), nil
}
