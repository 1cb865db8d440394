package config

import (
	"errors"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The time between two looks may lie between these.
const (
	minMetrics = time.Second
	maxMetrics = 10 * time.Minute
)

// mostSeries bounds what one answer may hold: at some hundred bytes a series and
// five series a certificate, more is no use to anybody.
const mostSeries = 200000

func (m Metrics) validate(h HTTP) error {
	var errs []error
	if m.Listen != "" {
		errs = append(errs, validateListen("metrics.listen", m.Listen))
	}
	if m.Listen != "" && m.Listen == h.Listen {
		errs = append(errs, wrong("metrics.listen", "%q is http.listen already, where /metrics is served anyway; remove the line or write another address", m.Listen))
	}
	if m.Every < minMetrics || m.Every > maxMetrics {
		errs = append(errs, wrong("metrics.every", "%s is not between %s and %s", lifecycle.FormatDuration(m.Every), lifecycle.FormatDuration(minMetrics), lifecycle.FormatDuration(maxMetrics)))
	}
	if m.Certificates < 0 || m.Certificates > mostSeries {
		errs = append(errs, wrong("metrics.certificates", "%d is not between 0 and %d", m.Certificates, mostSeries))
	}
	return errors.Join(errs...)
}

// The time between two heartbeats may lie between these.
const (
	minBeat = 10 * time.Second
	maxBeat = 24 * time.Hour
)

func (h Heartbeat) validate() error {
	if h.Every < minBeat || h.Every > maxBeat {
		return wrong("heartbeat.every", "%s is not between %s and %s", lifecycle.FormatDuration(h.Every), lifecycle.FormatDuration(minBeat), lifecycle.FormatDuration(maxBeat))
	}
	return nil
}

// The time between two rounds may lie between these: what nobody guards is told
// within an hour.
const (
	minRounds = time.Second
	maxRounds = time.Hour
)

func (w Watchman) validate() error {
	if w.Every < minRounds || w.Every > maxRounds {
		return wrong("watchman.every", "%s is not between %s and %s", lifecycle.FormatDuration(w.Every), lifecycle.FormatDuration(minRounds), lifecycle.FormatDuration(maxRounds))
	}
	return nil
}

func (t Traces) validate() error {
	if t.Endpoint == "" {
		return nil
	}
	return validateURL("traces.endpoint", t.Endpoint)
}
