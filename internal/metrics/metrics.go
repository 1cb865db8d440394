// Package metrics is what the worker tells machines that watch it: one Prometheus
// registry with what activities did, how the fleet stands, and the Temporal SDK's
// own numbers; beside it the fields of logs. app makes it, hands it to the
// Temporal client and the workers, and serves it. It decides nothing, asks nobody
// by itself but the sources that app gives it, and no workflow knows it: facts are
// counted where an activity has done something, so that a replay counts nothing.
package metrics

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"
)

// Options say what a program tells.
type Options struct {
	Version, GoVersion string
	// TargetKind gives the kind of a target by its name; "" if it is not known.
	TargetKind func(target string) string
	// Expected are what may be counted first: Prometheus sees no increase in a
	// counter that begins with one.
	Expected Expected
	Log      *slog.Logger
	Now      func() time.Time
}

// Expected are values of labels that are known beforehand.
type Expected struct {
	CAs, Outcomes, TargetKinds []string
	Channels                   map[string]string // their kinds, by name
}

// Metrics is the registry of one process.
type Metrics struct {
	options  Options
	registry *prometheus.Registry
	facts    facts
	sdk      client.MetricsHandler
	families []Family
}

// Family is one metric that may be told, for documents and for those who check
// what asks for it.
type Family struct {
	Name   string
	Type   string // counter, gauge or histogram
	Help   string
	Labels []string
}

// New makes the registry: the process, the Go runtime, the build, the SDK and
// what activities do.
func New(o Options) (*Metrics, error) {
	m := &Metrics{options: o, registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := m.gauge("neverlapse_build_info", "What is running: always 1.", "version", "go_version")
	build.WithLabelValues(o.Version, o.GoVersion).Set(1)
	m.facts = m.newFacts()
	m.facts.expect(o.Expected)
	var err error
	m.sdk, err = newSDK(m.registry, o.Log)
	return m, err
}

// SDK takes the numbers of the Temporal SDK.
func (m *Metrics) SDK() client.MetricsHandler { return m.sdk }

// Registry is where everything is gathered.
func (m *Metrics) Registry() prometheus.Gatherer { return m.registry }

// Handler serves everything in the format that Prometheus reads. What cannot be
// gathered is logged and left out.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: complaints{m.options.Log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 8,
	})
}

// Families lists what Neverlapse itself and the SDK may tell, by name.
func (m *Metrics) Families() []Family {
	out := append(slices.Clone(m.families), sdkFamilies()...)
	slices.SortFunc(out, func(a, b Family) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (m *Metrics) declare(kind, name, help string, labels []string) {
	m.families = append(m.families, Family{Name: name, Type: kind, Help: help, Labels: labels})
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	m.declare("counter", name, help, labels)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	m.declare("gauge", name, help, labels)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	m.declare("histogram", name, help, labels)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// complaints logs what promhttp complains about.
type complaints struct{ log *slog.Logger }

func (c complaints) Println(v ...any) { c.log.Warn("metrics could not be gathered whole", "error", v) }
