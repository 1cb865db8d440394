package metrics

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// So many values a label may have of what people configure.
const (
	mostNames = 100 // CAs, channels, kinds
	mostWords = 60  // reasons, outcomes
)

// answerBuckets are from a quick click to a week, in seconds.
var answerBuckets = []float64{30, 60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600}

// facts are counted when an activity has ended.
type facts struct {
	attempts, outcomes, notices, answers, resolved *prometheus.CounterVec
	operations, proofs, messages, letters, beats   *prometheus.CounterVec
	answered                                       *prometheus.HistogramVec
	names, words                                   *bound
}

func (m *Metrics) newFacts() facts {
	return facts{
		attempts:   m.counter("neverlapse_renewal_attempts_total", "Runs that were begun, by what they are for (renew, deploy, roll-back) and the CA.", "purpose", "ca"),
		outcomes:   m.counter("neverlapse_renewal_outcomes_total", "Runs that have ended, by what they were for, the CA, and how: proven, or the reason why not.", "purpose", "ca", "outcome"),
		notices:    m.counter("neverlapse_notices_total", "Times that people were to be told of an alert: of what, how urgent, who (the roles of the escalation step that was reached), and why now.", "reason", "severity", "to", "why"),
		answers:    m.counter("neverlapse_alert_answers_total", "Answers of people to alerts.", "answer", "severity"),
		resolved:   m.counter("neverlapse_alerts_resolved_total", "Alerts that evidence closed.", "reason"),
		operations: m.counter("neverlapse_target_operations_total", "What was done at targets (prepare, install, rollback), by the kind of the target; outcome is ok or the kind of failure.", "operation", "kind", "outcome"),
		proofs:     m.counter("neverlapse_proofs_total", "Times that the world was asked to show a version, by the kind of each target concerned; none: endpoints without a target.", "kind", "outcome"),
		messages:   m.counter("neverlapse_messages_total", "Tries to hand a message to a channel; outcome is ok or the kind of failure.", "channel", "kind", "outcome"),
		letters:    m.counter("neverlapse_dead_letters_total", "Messages that were given up, by what was to blame.", "channel", "about"),
		beats:      m.counter("neverlapse_heartbeats_total", "Heartbeats to the dead-man's switch: ok, failed (it did not take it), or withheld because the engine or the store was away.", "outcome"),
		answered:   m.histogram("neverlapse_alert_answer_seconds", "From the first notice of an alert, or of its latest return, to its acknowledgement or snooze.", answerBuckets, "severity"),
		names:      newBound(mostNames), words: newBound(mostWords),
	}
}

// expect begins to count, from nothing, what alerts are made of.
func (f *facts) expect(e Expected) {
	for _, ca := range e.CAs {
		f.attempts.WithLabelValues("renew", f.names.value(ca))
		for _, o := range e.Outcomes {
			f.outcomes.WithLabelValues("renew", f.names.value(ca), f.words.value(o))
			f.outcomes.WithLabelValues("deploy", f.names.value(ca), f.words.value(o))
		}
	}
	for _, kind := range e.TargetKinds {
		f.proofs.WithLabelValues(f.names.value(kind), "proven")
		f.proofs.WithLabelValues(f.names.value(kind), "unproven")
	}
	for channel, kind := range e.Channels {
		f.messages.WithLabelValues(f.names.value(channel), f.names.value(kind), "ok")
		f.letters.WithLabelValues(f.names.value(channel), "channel")
	}
}

// recorded counts what was written into a journal.
func (f *facts) recorded(entries []cert.Entry) {
	for _, e := range entries {
		d := func(key string) string { return f.words.value(d(e, key)) }
		switch e.Kind {
		case "attempt":
			f.attempts.WithLabelValues(d("purpose"), f.names.value(e.Details["ca"])).Inc()
		case "outcome":
			f.outcomes.WithLabelValues(d("purpose"), f.names.value(e.Details["ca"]), d("outcome")).Inc()
		case "told":
			f.notices.WithLabelValues(d("reason"), d("severity"), d("to"), d("why")).Inc()
		case "acknowledged", "snoozed":
			f.answers.WithLabelValues(e.Kind, d("severity")).Inc()
			if since, err := time.Parse(time.RFC3339Nano, e.Details["since"]); err == nil {
				f.answered.WithLabelValues(d("severity")).Observe(max(0, e.At.Sub(since).Seconds()))
			}
		case "resolved":
			f.resolved.WithLabelValues(d("reason")).Inc()
		}
	}
}

// d reads a detail; entries of older releases have fewer.
func d(e cert.Entry, key string) string { return cmp.Or(e.Details[key], "unknown") }

func (f *facts) givenUp(letters []delivery.Undelivered) {
	for _, u := range letters {
		f.letters.WithLabelValues(f.names.value(u.Channel), f.words.value(string(u.About))).Inc()
	}
}

// outcome names how an activity ended.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	failure, _ := activities.FailureOf(err)
	return string(failure.Kind)
}

// Beat counts a heartbeat.
func (m *Metrics) Beat(outcome string) { m.facts.beats.WithLabelValues(outcome).Inc() }
