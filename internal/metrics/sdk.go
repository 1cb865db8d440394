package metrics

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// sdkBuckets are in seconds: what the SDK measures lasts from a millisecond to minutes.
var sdkBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// sdkHelp is what the SDK's metrics mean; the SDK itself does not say. The
// suffixes that Prometheus wants are added by the exporter.
var sdkHelp = map[string]string{
	"temporal_workflow_completed":                      "Workflow runs that completed.",
	"temporal_workflow_canceled":                       "Workflow runs that ended by cancelling.",
	"temporal_workflow_failed":                         "Workflow runs that failed.",
	"temporal_workflow_continue_as_new":                "Workflow runs that handed over to the next.",
	"temporal_workflow_endtoend_latency":               "From the start of a workflow run to its end.",
	"temporal_workflow_task_replay_latency":            "How long a history took to be replayed.",
	"temporal_workflow_task_queue_poll_empty":          "Polls for workflow tasks that brought nothing.",
	"temporal_workflow_task_queue_poll_succeed":        "Polls for workflow tasks that brought one.",
	"temporal_workflow_task_schedule_to_start_latency": "How long workflow tasks waited for a worker.",
	"temporal_workflow_task_execution_latency":         "How long workflow tasks took.",
	"temporal_workflow_task_execution_failed":          "Workflow tasks that failed, and are tried again.",
	"temporal_workflow_task_no_completion":             "Workflow tasks that ended without an answer.",
	"temporal_activity_poll_no_task":                   "Polls for activities that brought nothing.",
	"temporal_activity_schedule_to_start_latency":      "How long activities waited for a worker.",
	"temporal_activity_execution_failed":               "Tries of activities that failed.",
	"temporal_unregistered_activity_invocation":        "Activities that this worker does not know.",
	"temporal_activity_execution_latency":              "How long tries of activities took.",
	"temporal_activity_succeed_endtoend_latency":       "From scheduling an activity to its success.",
	"temporal_activity_task_error":                     "Activities that ended in a panic or could not be answered.",
	"temporal_local_activity_total":                    "Local activities that were begun.",
	"temporal_local_activity_canceled":                 "Local activities that were cancelled (old name).",
	"temporal_local_activity_execution_cancelled":      "Local activities that were cancelled.",
	"temporal_local_activity_failed":                   "Local activities that failed (old name).",
	"temporal_local_activity_execution_failed":         "Local activities that failed.",
	"temporal_local_activity_error":                    "Local activities that ended in an error.",
	"temporal_local_activity_execution_latency":        "How long local activities took.",
	"temporal_local_activity_succeed_endtoend_latency": "From the first try of a local activity to its success.",
	"temporal_corrupted_signals":                       "Signals that could not be read.",
	"temporal_worker_start":                            "Workers that were started in this process.",
	"temporal_worker_task_slots_available":             "Tasks that this worker could take on beside those it has.",
	"temporal_worker_task_slots_used":                  "Tasks that this worker has.",
	"temporal_poller_start":                            "Pollers that were started.",
	"temporal_num_pollers":                             "Pollers that wait for tasks now.",
	"temporal_request":                                 "Requests to the server.",
	"temporal_request_failure":                         "Requests to the server that failed.",
	"temporal_request_latency":                         "How long requests to the server took.",
	"temporal_long_request":                            "Requests to the server that wait there (polls).",
	"temporal_long_request_failure":                    "Waiting requests that failed.",
	"temporal_long_request_latency":                    "How long waiting requests took.",
	"temporal_request_resource_exhausted":              "Requests that the server refused because there were too many.",
	"temporal_long_request_resource_exhausted":         "Waiting requests that the server refused because there were too many.",
	"temporal_sticky_cache_hit":                        "Workflow tasks whose workflow was in memory.",
	"temporal_sticky_cache_miss":                       "Workflow tasks whose workflow had to be replayed.",
	"temporal_sticky_cache_total_forced_eviction":      "Workflows that were put out of memory.",
	"temporal_sticky_cache_size":                       "Workflows in memory.",
	"temporal_workflow_active_thread_count":            "Goroutines of workflows in memory.",
	"temporal_nexus_poll_no_task":                      "Polls for Nexus tasks that brought nothing.",
	"temporal_nexus_task_schedule_to_start_latency":    "How long Nexus tasks waited for a worker.",
	"temporal_nexus_task_execution_failed":             "Nexus tasks that failed.",
	"temporal_nexus_task_execution_latency":            "How long Nexus tasks took.",
	"temporal_nexus_task_endtoend_latency":             "From scheduling a Nexus task to its end.",
}

// sdkGauges of the SDK are no counters and no latencies.
var sdkGauges = []string{
	"temporal_worker_task_slots_available", "temporal_worker_task_slots_used", "temporal_num_pollers", "temporal_sticky_cache_size", "temporal_workflow_active_thread_count",
}

// renamed gives a metric of the SDK a name that Prometheus does not take for a
// part of a histogram.
func renamed(name string) string {
	if base, ok := strings.CutSuffix(name, "_thread_count"); ok {
		return base + "_threads"
	}
	return name
}

// newSDK puts the SDK's metrics on the registry: counters as counters, latencies
// in buckets of seconds, and each with its meaning.
func newSDK(r *prometheus.Registry, log *slog.Logger) (client.MetricsHandler, error) {
	exporter, err := promexporter.New(promexporter.WithRegisterer(r), promexporter.WithoutScopeInfo(), promexporter.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(described))
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: meters.Meter("temporal-sdk-go"), UseMonotonicCounters: true,
		OnError: func(err error) { log.Warn("a metric of the Temporal SDK cannot be kept", "error", err) },
	}), nil
}

// described is the view of every instrument of the SDK.
func described(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	help, ok := sdkHelp[i.Name]
	if !ok {
		help = "A number of the Temporal SDK."
	}
	s := sdkmetric.Stream{Name: renamed(i.Name), Description: help, Unit: i.Unit}
	if i.Kind == sdkmetric.InstrumentKindHistogram {
		s.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: sdkBuckets}
	}
	return s, true
}

// sdkFamilies lists what the SDK may tell, as the exporter names it.
func sdkFamilies() (out []Family) {
	for name, help := range sdkHelp {
		f := Family{Name: strings.ReplaceAll(name, "_total", "") + "_total", Type: "counter", Help: help}
		switch {
		case slices.Contains(sdkGauges, name):
			f.Name, f.Type = renamed(name), "gauge"
		case strings.HasSuffix(name, "_latency"):
			f.Name, f.Type = name+"_seconds", "histogram"
		}
		out = append(out, f)
	}
	return out
}
