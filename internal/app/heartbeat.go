package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// beatPatience bounds one heartbeat, looks and call together.
const beatPatience = 30 * time.Second

// heartbeat tells a dead-man's switch outside that this worker can work. It says
// nothing while the engine or the store is out of reach: the silence is the alarm.
type heartbeat struct {
	url    string // whoever knows it can keep the switch quiet: it is never shown
	every  time.Duration
	looks  []func(context.Context) error
	client *http.Client
	heard  func(outcome string)
	failed func(why string) // said once, until it works again
}

// newHeartbeat makes the one of the configuration; nil if there is none.
func newHeartbeat(c config.Config) (*heartbeat, error) {
	if c.Heartbeat.URLFile == "" {
		return nil, nil
	}
	text, err := config.ReadSecret(c.Heartbeat.URLFile)
	if err != nil {
		return nil, fmt.Errorf("heartbeat.url_file: %w", err)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("heartbeat.url_file: %s does not hold the https:// address of a dead-man's switch; copy it from there", c.Heartbeat.URLFile)
	}
	return &heartbeat{url: text, every: c.Heartbeat.Every, client: &http.Client{Transport: outgoing.Transport(nil)}}, nil
}

// run beats until ctx ends.
func (h *heartbeat) run(ctx context.Context) {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	silent := false
	for {
		err := h.beat(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !silent {
			h.failed(alert.Clean(err.Error()))
		}
		silent = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// beat looks whether this worker can work, and tells the switch if it can.
func (h *heartbeat) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	for _, look := range h.looks {
		if err := look(ctx); err != nil {
			h.heard("withheld")
			return fmt.Errorf("the heartbeat is withheld: %w", err)
		}
	}
	if err := h.call(ctx); err != nil {
		h.heard("failed")
		return fmt.Errorf("the heartbeat does not get through: %w", err)
	}
	h.heard("ok")
	return nil
}

func (h *heartbeat) call(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return errors.New("its address cannot be used")
	}
	r.Header.Set("User-Agent", "neverlapse")
	resp, err := h.client.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // it would repeat the address
			err = at.Err
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<16)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the switch answers %s", resp.Status)
	}
	return nil
}

// beats begins the heartbeat, if there is one.
func (a *App) beats(ctx context.Context) {
	h := a.heart
	if h == nil {
		return
	}
	h.looks = []func(context.Context) error{a.temporalAnswers, a.polls, func(ctx context.Context) error { return a.store.Beat(ctx, time.Now()) }}
	h.heard = a.metrics.Beat
	h.failed = func(why string) { a.logger.Warn(why) }
	a.beside.Go(func() { h.run(ctx) })
}
