package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/metrics"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/internal/web/page"
)

// measure makes what the worker tells machines that watch it.
func (a *App) measure() error {
	var err error
	if a.scrapers, err = scrapeToken(a.config); err != nil {
		return err
	}
	version, language := release(debug.ReadBuildInfo)
	kinds := kindsOfTargets(a.config)
	if err := a.trace(context.Background()); err != nil {
		return err
	}
	a.metrics, err = metrics.New(metrics.Options{
		Version: version, GoVersion: language, Log: a.logger, Now: time.Now,
		TargetKind: func(target string) string { return kinds[target] }, Expected: expected(a.config, kinds),
	})
	return err
}

// scrapeToken is what those show who read metrics; empty: nothing is asked for.
func scrapeToken(c config.Config) (string, error) {
	if c.Metrics.TokenFile == "" {
		return "", nil
	}
	token, err := config.ReadSecret(c.Metrics.TokenFile)
	if err != nil {
		return "", fmt.Errorf("metrics.token_file: %w", err)
	}
	return strings.TrimSpace(token), nil
}

// trace begins to send spans, if there is somebody who collects them.
func (a *App) trace(ctx context.Context) (err error) {
	if a.config.Traces.Endpoint == "" && !collected(a.config.Env) {
		return nil
	}
	version, _ := release(debug.ReadBuildInfo)
	a.traces, err = metrics.NewTraces(ctx, a.config.Traces.Endpoint, "neverlapse-worker", version)
	return config.Under("traces", err)
}

// collected reports whether the variables of OpenTelemetry name a collector.
func collected(env []string) bool {
	return slices.ContainsFunc(env, func(v string) bool {
		name, value, _ := strings.Cut(v, "=")
		return value != "" && (name == "OTEL_EXPORTER_OTLP_ENDPOINT" || name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	})
}

func (a *App) watching() watching {
	out := watching{numbers: a.metrics.SDK(), process: a.self.name(), poller: func() string { return a.me().String() }}
	if a.traces != nil {
		out.spans = append(out.spans, a.traces.Interceptor())
	}
	return out
}

// expected is what this configuration may have counted.
func expected(c config.Config, kinds map[string]string) metrics.Expected {
	out := metrics.Expected{TargetKinds: slices.Sorted(maps.Values(kinds)), Channels: map[string]string{}}
	for _, ca := range c.CAs {
		out.CAs = append(out.CAs, ca.Name)
	}
	for _, ch := range c.Channels {
		out.Channels[ch.Name] = ch.Kind
	}
	for _, o := range lifecycle.Outcomes {
		out.Outcomes = append(out.Outcomes, string(o))
	}
	return out
}

// kindsOfTargets gives the kind of every target; of one that lives elsewhere, host.
func kindsOfTargets(c config.Config) map[string]string {
	out := map[string]string{}
	for _, h := range c.Hosts {
		for _, t := range h.Targets {
			out[t] = "host"
		}
	}
	for _, t := range c.Targets {
		out[t.Name] = t.Kind
	}
	return out
}

// release gives the version of the program and of its language.
func release(read func() (*debug.BuildInfo, bool)) (version, language string) {
	info, ok := read()
	if !ok {
		return "unknown", "unknown"
	}
	version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value
		}
	}
	return strings.TrimSpace(version), info.GoVersion
}

// watched has the metrics tell how things stand.
func (a *App) watched(known *fleet) {
	a.metrics.Watch(metrics.Sources{
		Fleet: known.stand, Accounts: a.accounts, Queues: a.queues, Mail: a.mail, Disk: a.disk, Scans: a.scans, Rounds: a.rounds, Canary: a.canary, StoreKey: a.storeKey, Configuration: a.configuration,
		Every: a.config.Metrics.Every, Most: a.config.Metrics.Certificates,
	})
}

// scraped is what serves the metrics on the listener of the page.
func (a *App) scraped() http.Handler {
	h := a.metrics.Handler()
	switch {
	case a.scrapers != "":
		return web.Bearer(a.scrapers, h)
	case page.Served(a.config.HTTP.Listen, false):
		return h
	}
	return web.NoMetrics()
}

// serveMetrics opens a listener for the metrics alone, if one is configured.
func (a *App) serveMetrics() error {
	address := a.config.Metrics.Listen
	if address == "" {
		return nil
	}
	h := a.metrics.Handler()
	if a.scrapers != "" {
		h = web.Bearer(a.scrapers, h)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return config.Under("metrics.listen", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	mux.Handle("GET /healthz", web.Healthz())
	a.scrapes = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := a.scrapes.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.fatal <- fmt.Errorf("metrics: %w", err)
		}
	}()
	return nil
}
