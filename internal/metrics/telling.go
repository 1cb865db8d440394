package metrics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// telling is one gathering.
type telling struct {
	w    *world
	out  chan<- prometheus.Metric
	seen map[string]bool // what was told; telling it twice would spoil the whole page
}

func (t telling) tell(name string, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = label(l)
	}
	key := name + "\x00" + strings.Join(labels, "\x00")
	if t.seen[key] {
		return
	}
	t.seen[key] = true
	t.out <- prometheus.MustNewConstMetric(t.w.desc[name], prometheus.GaugeValue, value, labels...)
}

// when tells an instant; one that is not known is not told.
func (t telling) when(name string, at time.Time, labels ...string) {
	if !at.IsZero() {
		t.tell(name, seconds(at), labels...)
	}
}

func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (t telling) certificates(now time.Time) {
	all, known := t.w.fleet.get(now)
	if !known {
		return
	}
	counts := map[[2]string]int{}
	for _, c := range all {
		counts[[2]string{cmp.Or(c.State, "new"), cmp.Or(c.Severity, "none")}]++
	}
	for k, n := range counts {
		t.tell("neverlapse_certificates", float64(n), k[0], k[1])
	}
	shown := all
	if len(all) > t.w.most {
		shown = slices.Clone(all)
		slices.SortFunc(shown, func(a, b Certificate) int {
			return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.Name, b.Name))
		})
		shown = shown[:t.w.most]
	}
	t.tell("neverlapse_certificates_omitted", float64(len(all)-len(shown)))
	for _, c := range shown {
		t.when("neverlapse_certificate_not_after_timestamp_seconds", c.NotAfter, c.Name)
		t.when("neverlapse_certificate_not_before_timestamp_seconds", c.NotBefore, c.Name)
		t.when("neverlapse_certificate_next_step_timestamp_seconds", c.NextStep, c.Name)
		mode := "watched"
		if c.Managed {
			mode = "managed"
		}
		t.tell("neverlapse_certificate_info", 1, c.Name, mode, c.Owner, c.Team, c.Environment, c.Issuer, c.Key)
		t.tell("neverlapse_certificate_state", 1, c.Name, cmp.Or(c.State, "new"), cmp.Or(c.Severity, "none"))
	}
}

func (t telling) budgets(now time.Time) {
	all, _ := t.w.accounts.get(now)
	sum := map[string]Account{}
	for _, a := range all {
		s, ok := sum[a.CA]
		if !ok {
			s = Account{CA: a.CA, Left: map[string]int{}}
		}
		for limit, left := range a.Left {
			if before, ok := s.Left[limit]; !ok || left < before {
				s.Left[limit] = left
			}
		}
		s.Waiting, s.Outage = s.Waiting+a.Waiting, s.Outage || a.Outage
		if a.BlockedUntil.After(s.BlockedUntil) {
			s.BlockedUntil = a.BlockedUntil
		}
		sum[a.CA] = s
	}
	for ca, s := range sum {
		for limit, left := range s.Left {
			t.tell("neverlapse_ca_budget_left", float64(left), ca, limit)
		}
		t.tell("neverlapse_ca_waiting_renewals", float64(s.Waiting), ca)
		t.tell("neverlapse_ca_outage", one(s.Outage), ca)
		t.tell("neverlapse_ca_blocked_until_timestamp_seconds", seconds(s.BlockedUntil), ca)
	}
}

func (t telling) queues(now time.Time) {
	all, _ := t.w.queues.get(now)
	for _, q := range all {
		t.tell("neverlapse_task_queue_backlog", float64(q.Backlog), q.Name, q.Type)
		t.tell("neverlapse_task_queue_backlog_age_seconds", q.Age.Seconds(), q.Name, q.Type)
		t.tell("neverlapse_task_queue_pollers", float64(q.Pollers), q.Name, q.Type)
	}
}

func (t telling) letters(now time.Time) {
	mail, known := t.w.mail.get(now)
	if !known {
		return
	}
	t.tell("neverlapse_dead_letters", float64(mail.Unseen))
	t.tell("neverlapse_broken_addresses", float64(mail.Broken))
	for channel, failing := range mail.Failing {
		t.tell("neverlapse_channel_failing", one(failing), channel)
	}
}

func (t telling) storeKey(now time.Time) {
	if k, known := t.w.storeKey.get(now); known && k.Service != "" {
		t.tell("neverlapse_store_key_up", one(k.Up), k.Service)
	}
}

func (t telling) disks(now time.Time) {
	all, _ := t.w.disk.get(now)
	for _, d := range all {
		t.tell("neverlapse_folder_bytes", float64(d.Bytes), d.Name)
		t.tell("neverlapse_disk_free_bytes", float64(d.Free), d.Name)
		t.tell("neverlapse_disk_size_bytes", float64(d.Size), d.Name)
	}
}

func (t telling) settings() {
	if t.w.settings == nil {
		return
	}
	c := t.w.settings()
	t.tell("neverlapse_config_refused", one(c.Refused))
	t.tell("neverlapse_config_restart_sections", float64(c.Restart))
	t.when("neverlapse_config_taken_timestamp_seconds", c.Since)
}

func (t telling) sources() {
	for _, state := range []func() (sourceState, bool){t.w.fleet.state, t.w.accounts.state, t.w.queues.state, t.w.mail.state, t.w.disk.state, t.w.scans.state, t.w.rounds.state, t.w.canary.state} {
		s, there := state()
		if !there {
			continue
		}
		t.tell("neverlapse_source_up", one(s.up), s.name)
		t.when("neverlapse_source_answered_timestamp_seconds", s.succeeded, s.name)
	}
}
