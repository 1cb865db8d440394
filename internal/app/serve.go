package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/web"
)

// serve opens the HTTP listener: the page, clicks of Slack, health and readiness.
func (a *App) serve(p parts) error {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", web.Healthz())
	mux.Handle("GET /metrics", a.scraped())
	made, err := a.lines(a.config)
	if err != nil {
		return err
	}
	a.inForce.set(a.config, kit{tokens: p.tokens, lines: made})
	for _, n := range Notes(a.config) {
		a.logger.Warn(n)
	}
	a.answered(mux)
	if err := a.bounceHook(mux); err != nil {
		return err
	}
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { web.Readyz(a.checks()...).ServeHTTP(w, r) })
	screens, err := a.page(p)
	if err != nil {
		return err
	}
	mux.Handle("/codec/decode", web.Codec{Codec: p.codec, Origin: a.uiOrigin, Who: screens.Who, May: func(person string) error { return a.inForce.directory().MayDecode(person) }, Log: a.logger})
	mux.Handle("/", screens)
	l, err := net.Listen("tcp", a.config.HTTP.Listen)
	if err != nil {
		return config.Under("http.listen", err)
	}
	a.addr = l.Addr()
	a.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	a.http.RegisterOnShutdown(screens.Close)
	go func() {
		if err := a.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.fatal <- fmt.Errorf("http: %w", err)
		}
	}()
	return nil
}

// checks are of what is in force.
func (a *App) checks() []web.Check {
	checks := []web.Check{{Name: "temporal", Run: a.temporalAnswers}, {Name: "worker polls", Run: a.polls}, {Name: "schedules", Run: a.scheduled}}
	for _, s := range a.inForce.lines().sockets {
		checks = append(checks, web.Check{Name: "slack: " + s.name, Run: s.Connected, Advisory: true})
	}
	return append(checks, web.Check{Name: "other workers", Run: a.fitsNeighbours, Advisory: true}, web.Check{Name: "configuration", Run: a.reload.ready, Advisory: true})
}

// scheduled reports whether channels, sources and schedules are as configured
// since the start.
func (a *App) scheduled(context.Context) error {
	if !a.begun.Load() {
		return errors.New("the worker is starting: Temporal is not told yet what is configured")
	}
	return nil
}

func (a *App) temporalAnswers(ctx context.Context) error {
	_, err := a.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

// polls asks the server whether anybody polled our task queue lately.
func (a *App) polls(ctx context.Context) error {
	if !a.polling.Load() {
		return errors.New("not started, or stopping")
	}
	queue := a.config.Temporal.TaskQueue
	d, err := a.client.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return err
	}
	if len(d.GetPollers()) == 0 {
		return fmt.Errorf("nobody polls task queue %q", queue)
	}
	return nil
}
