package app

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
)

// Stop ends polling, takes no more clicks, lets activities under way finish for a while, and stops the
// engine. Each part has its own time: none is cut short because another was slow.
func (a *App) Stop() {
	a.polling.Store(false)
	if a.end != nil {
		a.end()
		a.beside.Wait()
	}
	if a.bounces != nil {
		_ = a.bounces.Close()
	}
	if a.http != nil {
		within(drain, func(ctx context.Context) { _ = a.http.Shutdown(ctx) })
	}
	if a.scrapes != nil {
		within(drain, func(ctx context.Context) { _ = a.scrapes.Shutdown(ctx) })
	}
	if a.worker != nil {
		a.worker.Stop()
	}
	if a.ways.HTTP != nil {
		_ = a.ways.HTTP.Close()
	}
	if a.ways.TLS != nil {
		_ = a.ways.TLS.Close()
	}
	if a.traces != nil {
		within(drain, func(ctx context.Context) { _ = a.traces.Stop(ctx) })
	}
	for _, c := range []client.Client{a.hands, a.client} {
		if c != nil {
			c.Close()
		}
	}
	if a.engine != nil {
		within(drain, func(ctx context.Context) {
			if err := a.engine.Stop(ctx); err != nil {
				a.logger.Error("the engine did not stop", "error", err)
			}
		})
	}
	if a.store != nil {
		_ = a.store.Close()
	}
	if a.part != nil {
		_ = a.part.Close()
	}
}

func within(d time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	f(ctx)
}
